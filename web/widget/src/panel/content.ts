/** What a message holds. By convention its content is JSON, but other clients also send bare strings, and anything may come. */

export const TEXT = 1
export const SYSTEM = 5

export type Content =
  | { kind: 'text' | 'system'; text: string; left?: boolean }
  /** Pictures, files, cards and what nobody knows: the extras show them (extras/content.ts). */
  | { kind: 'rich'; contentType: number; raw: string }

/** @param server what addresses without an origin belong to */
export function parseContent(contentType: number, raw: string, server: string): Content {
  const json = parseJson(raw)
  const fields = fieldsOf(json)
  const words = textOf(fields['text'])
  if (contentType === SYSTEM) return { kind: 'system', text: words ?? raw }
  if (contentType !== TEXT || safeUrl(fieldsOf(fields['file'])['url'], server))
    return { kind: 'rich', contentType, raw }
  const bare = typeof json === 'object' ? '' : String(json ?? raw)
  return { kind: 'text', text: words ?? bare, ...(fields['left'] === true && { left: true }) }
}

/** An address that may be shown or opened: `http`, `https`, or a path of the service; nothing that runs script. */
export function safeUrl(value: unknown, server: string): string | undefined {
  if (typeof value !== 'string' || /[\s<>"]/.test(value)) return undefined
  if (/^https?:\/\//i.test(value)) return value
  return /^\/(?!\/)/.test(value) ? server + value : undefined
}

/** A stretch of a text, with an address when it is a link. */
export interface Piece {
  text: string
  href?: string
}

// An address ends at blanks, quotes and what is not ASCII: in Chinese nothing else separates it from the text. The
// punctuation that ends a sentence does not belong to it.
const ADDRESS = /\bhttps?:\/\/[\w\-.~:/?#[\]@!$&()*+,;=%]*[\w\-~/?#@$&=%+]/gi

/** Splits a text into stretches and links, so that it is rendered as nodes and never as markup. */
export function splitLinks(text: string): Piece[] {
  const pieces: Piece[] = []
  let from = 0
  for (const { 0: href, index } of text.matchAll(ADDRESS)) {
    if (index > from) pieces.push({ text: text.slice(from, index) })
    pieces.push({ text: href, href })
    from = index + href.length
  }
  if (from < text.length) pieces.push({ text: text.slice(from) })
  return pieces
}

function parseJson(raw: string): unknown {
  try {
    return JSON.parse(raw)
  } catch {
    return undefined
  }
}

/** The fields of a JSON object; none of what is not one. */
const fieldsOf = (json: unknown) => (typeof json === 'object' && json ? (json as Record<string, unknown>) : {})

const textOf = (value: unknown) => (typeof value === 'string' ? value : undefined)
