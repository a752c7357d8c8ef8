/** One line of text for a message, as rows and notifications show it. */
import { t } from '@/locales'
import { parseContent } from '../timeline/content'

/** The message's text, or its kind in brackets. */
export function previewOf(contentType: number, raw: string): string {
  const content = parseContent(contentType, raw)
  switch (content.kind) {
    case 'text':
      return content.left ? `${t('list.kind.left')} ${oneLine(content.text)}` : oneLine(content.text)
    case 'file':
      return `${t('list.kind.file')} ${content.file.name}`
    case 'system':
      return oneLine(content.text) || t('list.kind.system')
    case 'product':
      return `${t('list.kind.product')} ${content.product.spuName}`
    case 'order':
      return `${t('list.kind.order')} ${content.order.no}`
    default:
      return t(`list.kind.${content.kind}`)
  }
}

/** A text without line breaks, and no longer than a row can hold. */
export function oneLine(text: string): string {
  return text.slice(0, 200).replace(/\s+/g, ' ').trim()
}
