/** What members are called. */
import { language } from '@/locales'

/** Whom the service names itself, since nobody has: it writes these words in Chinese, with a number. */
const UNNAMED: Record<string, string> = { 访客: 'Visitor', 会员: 'Member' }

/** A nickname as the page shows it: one that the service has made up is in the language of the page. */
export function memberName(nickname: string): string {
  const [, word = '', number] = /^(访客|会员)(\d+)$/.exec(nickname) ?? []
  return number !== undefined && language() === 'en' ? `${UNNAMED[word]} ${number}` : nickname
}
