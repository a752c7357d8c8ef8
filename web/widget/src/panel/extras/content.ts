/** What pictures, files and cards hold. Anything may come. */
import type { Kit } from '../parts.js'

export const PICTURE = 2
export const PRODUCT = 10
export const ORDER = 11
const TEXT = 1
const VOICE = 3
const VIDEO = 4

export type Rich =
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

/** @param server what addresses without an origin belong to */
export function parseRich(safeUrl: Kit['safeUrl'], contentType: number, raw: string, server: string): Rich {
  const fields = parse(raw)
  const address = (...names: string[]) =>
    names.map((name) => safeUrl(fields[name], server)).find(Boolean) ?? safeUrl(raw.trim(), server)
  switch (contentType) {
    case TEXT: {
      const file = fieldsOf(fields['file'])
      const url = safeUrl(file['url'], server)
      return url
        ? { kind: 'file', url, name: text(file['name']) || (text(fields['text']) ?? ''), size: number(file['size']) }
        : UNKNOWN
    }
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
      const items = (Array.isArray(fields['items']) ? fields['items'] : []).map(fieldsOf)
      return {
        kind: 'card',
        label: 'order',
        title: items.map((item) => text(item['spuName'])).find(Boolean) ?? '',
        picture: items.map((item) => safeUrl(item['picUrl'], server)).find(Boolean),
        price: number(fields['payPrice']),
        note: { no: String(fields['no'] ?? ''), count: number(fields['productCount']) ?? (items.length || undefined) },
      }
    }
    default:
      return UNKNOWN
  }
}

function parse(raw: string): Record<string, unknown> {
  try {
    return fieldsOf(JSON.parse(raw))
  } catch {
    return {}
  }
}

/** The fields of a JSON object; none of what is not one. */
const fieldsOf = (json: unknown) => (typeof json === 'object' && json ? (json as Record<string, unknown>) : {})

const UNKNOWN: Rich = { kind: 'unknown' }

const text = (value: unknown) => (typeof value === 'string' ? value : undefined)
const number = (value: unknown) => (typeof value === 'number' && value >= 0 ? value : undefined)

/** A price of the shop, which is counted in hundredths of a yuan. */
export const money = (hundredths: number) => `¥${(hundredths / 100).toFixed(2)}`

export function bytes(count: number): string {
  const [size, unit] =
    count < 1024 ? [count, 'B'] : count < 1024 ** 2 ? [count / 1024, 'KB'] : [count / 1024 ** 2, 'MB']
  return `${Number(size.toFixed(1))}\u00a0${unit}`
}
