import type { Message } from '@kefu/client'
import type { Controller } from '../controller.js'
import type { Kit } from '../parts.js'
import { parseRich } from './content.js'

/** A message in one line. */
export function excerpt(kit: Kit, { content, shell, t }: Controller, { contentType, content: raw }: Message): string {
  const plain = content(contentType, raw)
  if (plain.kind !== 'rich') return plain.text
  const rich = parseRich(kit, contentType, raw, shell.server)
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
