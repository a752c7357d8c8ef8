import type { Message } from '@kefu/client'
import type { Controller } from '../controller.js'
import type { Kit } from '../parts.js'
import { parseRich } from './content.js'

/** A message in one line. */
export function excerpt(safeUrl: Kit['safeUrl'], it: Controller, { contentType, content }: Message): string {
  const { shell, t } = it
  const plain = it.content(contentType, content)
  if (plain.kind !== 'rich') return plain.text
  const rich = parseRich(safeUrl, contentType, content, shell.server)
  switch (rich.kind) {
    case 'file':
      return `[${t('file')}] ${rich.name}`
    case 'card':
    case 'link':
      return `[${t(rich.label)}]`
    case 'picture':
      return `[${t('picture')}]`
    default:
      return t('unknown')
  }
}
