import { withFaces } from './emoji'

/** The content types of the wire (docs/contract.md). */
export const contentTypes = { text: 1, picture: 2, voice: 3, video: 4, system: 5, product: 10, order: 11 } as const

/** A product as the shop's clients send it; prices in hundredths. */
export interface Product {
  spuId?: number
  spuName: string
  picUrl?: string
  price?: number
  stock?: number
  salesCount?: number
}

/** One line of an order. */
export interface OrderItem {
  name: string
  picUrl?: string
  count?: number
  price?: number
  properties: string
}

/** An order as the shop's clients send it; prices in hundredths. */
export interface Order {
  id?: number
  no: string
  status?: number
  productCount?: number
  payPrice?: number
  items: OrderItem[]
}

/** An uploaded file that a text names. */
export interface SharedFile {
  url: string
  name: string
  size?: number
  contentType?: string
}

/** Says that a text was left while nobody was there, and how its writer can be reached. */
export interface Left {
  contact?: string
}

/** What a message holds, parsed; `unknown` shows what came. */
export type Content =
  | { kind: 'text'; text: string; left?: Left }
  | { kind: 'picture'; url: string; width?: number; height?: number }
  | { kind: 'voice'; url: string; seconds?: number }
  | { kind: 'video'; url: string; width?: number; height?: number }
  | { kind: 'file'; file: SharedFile; text: string }
  | { kind: 'system'; text: string }
  | { kind: 'product'; product: Product }
  | { kind: 'order'; order: Order }
  | { kind: 'unknown'; contentType: number; raw: string }

/**
 * Parses a message's content. By convention it is JSON, but stock clients also send bare strings, and old histories hold anything: what
 * does not fit its type becomes `unknown` and is shown as it is.
 */
export function parseContent(contentType: number, raw: string): Content {
  const json = parseJson(raw)
  const object = isObject(json) ? json : undefined
  switch (contentType) {
    case contentTypes.text:
      return parseText(raw, json, object)
    case contentTypes.picture:
      return (
        withUrl(raw, object, ['picUrl', 'url'], (url) => ({ kind: 'picture', url, ...size(object) })) ??
        unknown(contentType, raw)
      )
    case contentTypes.voice:
      return (
        withUrl(raw, object, ['voiceUrl', 'audioUrl', 'url'], (url) => ({
          kind: 'voice',
          url,
          seconds: positive(object?.duration),
        })) ?? unknown(contentType, raw)
      )
    case contentTypes.video:
      return (
        withUrl(raw, object, ['videoUrl', 'url'], (url) => ({ kind: 'video', url, ...size(object) })) ??
        unknown(contentType, raw)
      )
    case contentTypes.system:
      return { kind: 'system', text: string(object?.text) ?? raw }
    case contentTypes.product:
      return object === undefined ? unknown(contentType, raw) : { kind: 'product', product: parseProduct(object) }
    case contentTypes.order:
      return object === undefined ? unknown(contentType, raw) : { kind: 'order', order: parseOrder(object) }
    default:
      return unknown(contentType, raw)
  }
}

function parseText(raw: string, json: unknown, object: Fields | undefined): Content {
  if (object === undefined) return { kind: 'text', text: withFaces(typeof json === 'string' ? json : raw).trimEnd() }
  const text = withFaces(string(object.text) ?? '').trimEnd()
  const file = isObject(object.file) ? object.file : undefined
  const url = safeUrl(file?.url)
  if (file !== undefined && url !== undefined) {
    const name = string(file.name) || fileNameOf(url)
    return { kind: 'file', text, file: { url, name, size: positive(file.size), contentType: string(file.contentType) } }
  }
  if (object.text === undefined) return unknown(contentTypes.text, raw)
  if (object.left !== true) return { kind: 'text', text }
  const contact = string(object.contact)?.trim()
  return { kind: 'text', text, left: contact ? { contact } : {} }
}

/** Reads a product's fields, from a message or from the shop's answer. */
export function parseProduct(fields: Record<string, unknown>): Product {
  return {
    spuId: number(fields.spuId),
    spuName: string(fields.spuName) ?? '',
    picUrl: safeUrl(fields.picUrl),
    price: number(fields.price),
    stock: number(fields.stock),
    salesCount: number(fields.salesCount),
  }
}

/** Reads an order's fields, from a message or from the shop's answer. */
export function parseOrder(fields: Record<string, unknown>): Order {
  const items = Array.isArray(fields.items) ? fields.items.filter(isObject) : []
  return {
    id: number(fields.id),
    no: string(fields.no) ?? (fields.no === undefined ? '' : String(fields.no)),
    status: number(fields.status),
    productCount: number(fields.productCount),
    payPrice: number(fields.payPrice),
    items: items.map((item) => ({
      name: string(item.spuName) ?? '',
      picUrl: safeUrl(item.picUrl),
      count: number(item.count),
      price: number(item.price),
      properties: propertiesOf(item.properties),
    })),
  }
}

function propertiesOf(properties: unknown): string {
  if (!Array.isArray(properties)) return ''
  return properties
    .filter(isObject)
    .map((property) => string(property.valueName) ?? '')
    .filter((name) => name !== '')
    .join(' ')
}

function withUrl(
  raw: string,
  object: Fields | undefined,
  names: string[],
  make: (url: string) => Content,
): Content | undefined {
  const url =
    object === undefined
      ? safeUrl(raw.trim())
      : names.map((name) => safeUrl(object[name])).find((found) => found !== undefined)
  return url === undefined ? undefined : make(url)
}

function unknown(contentType: number, raw: string): Content {
  return { kind: 'unknown', contentType, raw }
}

function size(object: Fields | undefined): { width?: number; height?: number } {
  const width = positive(object?.width)
  const height = positive(object?.height)
  return width === undefined || height === undefined ? {} : { width, height }
}

/** The last part of an address, as a file's name. */
export function fileNameOf(url: string): string {
  const path = url.split(/[?#]/, 1)[0] ?? ''
  const name = path.slice(path.lastIndexOf('/') + 1)
  try {
    return decodeURIComponent(name)
  } catch {
    return name
  }
}

/** An address that may be shown or opened: relative, `http` or `https`; nothing that runs script. */
export function safeUrl(value: unknown): string | undefined {
  if (typeof value !== 'string' || value === '' || /[\s<>"]/.test(value)) return undefined
  if (/^https?:\/\//i.test(value)) return value
  return value.startsWith('/') && !value.startsWith('//') ? value : undefined
}

type Fields = Record<string, unknown>

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function parseJson(raw: string): unknown {
  try {
    return JSON.parse(raw)
  } catch {
    return undefined
  }
}

function string(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

function number(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined
}

function positive(value: unknown): number | undefined {
  const found = number(value)
  return found !== undefined && found > 0 ? found : undefined
}
