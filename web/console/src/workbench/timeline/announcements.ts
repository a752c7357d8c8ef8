import { t } from '@/locales'
import type { Content } from './content'

/** A message in short, without addresses: for screen readers. */
export function inShort(content: Content): string {
  switch (content.kind) {
    case 'text':
      return [
        content.left ? `[${t('timeline.left.title')}] ${content.text}` : content.text || t('timeline.kind.empty'),
        content.left?.contact ? `${t('timeline.left.contact')}: ${content.left.contact}` : '',
      ]
        .filter((part) => part !== '')
        .join('\n')
    case 'system':
      return content.text || t('timeline.kind.empty')
    case 'picture':
    case 'voice':
    case 'video':
      return `[${t(`timeline.kind.${content.kind}`)}]`
    case 'file':
      // The name is the text of many messages already.
      return [
        `[${t('timeline.kind.file')}] ${content.file.name}`,
        content.text === content.file.name ? '' : content.text,
      ]
        .filter((part) => part !== '')
        .join('\n')
    case 'product':
      return `[${t('timeline.kind.product')}] ${content.product.spuName}`
    case 'order':
      return `[${t('timeline.kind.order')}] ${content.order.no}`
    case 'unknown':
      return t('timeline.kind.unknown', { type: content.contentType })
  }
}

/** A message in full, with the addresses of what it shows: for a transcript. */
export function inFull(content: Content): string {
  const short = inShort(content)
  if (content.kind === 'picture' || content.kind === 'voice' || content.kind === 'video')
    return `${short} ${content.url}`
  if (content.kind === 'file') return `${short}\n${content.file.url}`
  return content.kind === 'unknown' ? `${short} ${content.raw}` : short
}

/** What a screen reader says of new messages: each in short, and not more than the last three. */
export function announcements(news: readonly { name: string; content: Content }[]): string {
  return news
    .slice(-3)
    .map(({ name, content }) => t('timeline.live', { name, text: inShort(content).slice(0, 200) }))
    .join('\n')
}
