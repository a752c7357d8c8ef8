/** What a message holds. By convention its content is JSON, but other clients also send bare strings, and anything may come. */

export const TEXT = 1
export const PICTURE = 2
export const VOICE = 3
export const VIDEO = 4
export const SYSTEM = 5
export const PRODUCT = 10
export const ORDER = 11

export type Content =
  | { kind: 'text' | 'system'; text: string; left?: boolean }
  | { kind: 'picture'; url: string; width?: number; height?: number }
  | { kind: 'file'; url: string; name: string; size?: number }
  | { kind: 'link'; label: 'voice' | 'video'; url: string }
  | { kind: 'card'; label: 'product' | 'order'; title: string; picture?: string; price?: number; note?: Note }
  | { kind: 'unknown' }

/** The small line of a card. */
export interface Note {
  no?: string
  count?: number
}

type Fields = Record<string, unknown>

/** @param server what addresses without an origin belong to */
export function parseContent(contentType: number, raw: string, server: string): Content {
  const json = parseJson(raw)
  const fields: Fields = typeof json === 'object' && json !== null ? (json as Fields) : {}
  const address = (...names: string[]) =>
    names.map((name) => safeUrl(fields[name], server)).find(Boolean) ?? safeUrl(raw.trim(), server)
  switch (contentType) {
    case TEXT: {
      const file = (fields['file'] ?? {}) as Fields
      const url = safeUrl(file['url'], server)
      const bare = typeof json === 'object' ? '' : String(json ?? raw)
      const words = text(fields['text']) ?? bare
      if (url) return { kind: 'file', url, name: text(file['name']) || words, size: number(file['size']) }
      return { kind: 'text', text: words, ...(fields['left'] === true && { left: true }) }
    }
    case SYSTEM:
      return { kind: 'system', text: text(fields['text']) ?? raw }
    case PICTURE: {
      const url = address('picUrl', 'url')
      return url ? { kind: 'picture', url, width: number(fields['width']), height: number(fields['height']) } : UNKNOWN
    }
    case VOICE:
    case VIDEO: {
      const url = address('voiceUrl', 'audioUrl', 'videoUrl', 'url')
      return url ? { kind: 'link', label: contentType === VOICE ? 'voice' : 'video', url } : UNKNOWN
    }
    case PRODUCT:
      return {
        kind: 'card',
        label: 'product',
        title: text(fields['spuName']) ?? '',
        picture: safeUrl(fields['picUrl'], server),
        price: number(fields['price']),
      }
    case ORDER: {
      const items = (Array.isArray(fields['items']) ? fields['items'] : []) as (Fields | null)[]
      return {
        kind: 'card',
        label: 'order',
        title: items.map((item) => text(item?.['spuName'])).find(Boolean) ?? '',
        picture: items.map((item) => safeUrl(item?.['picUrl'], server)).find(Boolean),
        price: number(fields['payPrice']),
        note: { no: String(fields['no'] ?? ''), count: number(fields['productCount']) ?? (items.length || undefined) },
      }
    }
    default:
      return UNKNOWN
  }
}

const UNKNOWN: Content = { kind: 'unknown' }

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

const text = (value: unknown) => (typeof value === 'string' ? value : undefined)
const number = (value: unknown) => (typeof value === 'number' && value >= 0 ? value : undefined)

/** A price of the shop, which is counted in hundredths of a yuan. */
export const money = (hundredths: number) => `¥${(hundredths / 100).toFixed(2)}`

export function bytes(count: number): string {
  const [size, unit] =
    count < 1024 ? [count, 'B'] : count < 1024 ** 2 ? [count / 1024, 'KB'] : [count / 1024 ** 2, 'MB']
  return `${Number(size.toFixed(1))} ${unit}`
}
