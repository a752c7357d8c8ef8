import type { Client } from '@kefu/client'
import { type Order, parseOrder, parseProduct, type Product } from '../timeline/content'

/** What the shop's own backend tells about a member; the paths are those of the stock console. */
const paths = {
  history: '/admin-api/product/browse-history/page',
  orders: '/admin-api/trade/order/page',
  wallet: '/admin-api/pay/wallet/get',
} as const

export const shopPage = 10

/** A page of the shop's answer; `raw` is what is sent on as a card. */
export interface ShopPage<T> {
  rows: { key: string; item: T; raw: Record<string, unknown> }[]
  total: number
}

/** Amounts in hundredths. */
export interface Wallet {
  balance: number
  expense: number
  recharge: number
}

/** What the member looked at, newest first. @throws KefuError where no shop answers */
export function browseHistory(client: Client, userId: number, pageNo: number): Promise<ShopPage<Product>> {
  return fetchPage(client, paths.history, { pageNo, pageSize: shopPage, userId, userDeleted: false }, parseProduct)
}

/** The member's orders, newest first. @throws KefuError where no shop answers */
export function orders(client: Client, userId: number, pageNo: number): Promise<ShopPage<Order>> {
  return fetchPage(client, paths.orders, { pageNo, pageSize: shopPage, userId }, parseOrder)
}

/** The member's wallet; `undefined` when there is none. @throws KefuError where no shop answers */
export async function wallet(client: Client, userId: number): Promise<Wallet | undefined> {
  const answer = await ask(client, paths.wallet, { userId })
  if (!isObject(answer)) return undefined
  const amount = (value: unknown) => (typeof value === 'number' ? value : 0)
  return {
    balance: amount(answer['balance']),
    expense: amount(answer['totalExpense']),
    recharge: amount(answer['totalRecharge']),
  }
}

async function fetchPage<T>(
  client: Client,
  path: (typeof paths)['history' | 'orders'],
  query: Record<string, unknown>,
  parse: (fields: Record<string, unknown>) => T,
): Promise<ShopPage<T>> {
  const answer = await ask(client, path, query)
  const list = isObject(answer) && Array.isArray(answer['list']) ? answer['list'].filter(isObject) : []
  const total = isObject(answer) && typeof answer['total'] === 'number' ? answer['total'] : list.length
  return { rows: list.map((raw, index) => ({ key: String(raw['id'] ?? index), item: parse(raw), raw })), total }
}

/** The document describes the placeholders, which take no parameters; a shop's backend does. */
function ask(
  client: Client,
  path: (typeof paths)[keyof typeof paths],
  query: Record<string, unknown>,
): Promise<unknown> {
  return client.http.call('get', path, { query } as never)
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The fields of a product that stock clients show. */
export function productContent(raw: Record<string, unknown>): string {
  return JSON.stringify(pick(raw, ['spuId', 'spuName', 'picUrl', 'price', 'stock', 'salesCount']))
}

/** The fields of an order that stock clients show. */
export function orderContent(raw: Record<string, unknown>): string {
  const items = Array.isArray(raw['items']) ? raw['items'].filter(isObject) : []
  return JSON.stringify({
    ...pick(raw, ['id', 'no', 'status', 'deliveryType', 'commentStatus', 'productCount', 'payPrice']),
    items: items.map((item) => ({
      ...pick(item, ['id', 'spuId', 'spuName', 'picUrl', 'count', 'price']),
      properties: Array.isArray(item['properties'])
        ? item['properties'].filter(isObject).map((one) => pick(one, ['valueName']))
        : [],
    })),
  })
}

function pick(fields: Record<string, unknown>, names: string[]): Record<string, unknown> {
  return Object.fromEntries(names.filter((name) => fields[name] !== undefined).map((name) => [name, fields[name]]))
}
