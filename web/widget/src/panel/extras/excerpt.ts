import type { Translate } from '../../locales/index.js'
import type { Content } from '../content.js'

/** A message in one line. */
export function excerpt(content: Content, t: Translate): string {
  switch (content.kind) {
    case 'text':
    case 'system':
      return content.text
    case 'file':
      return `[${t('file')}] ${content.name}`
    case 'card':
    case 'link':
      return `[${t(content.label)}]`
    case 'picture':
      return `[${t('picture')}]`
    default:
      return t('unknown')
  }
}
