// @vitest-environment node
import type { Client } from '@kefu/client'
import { expect, test } from 'vitest'
import { browseHistory, orderContent, orders, productContent, wallet } from './shop'

const answering = (data: unknown, asked: unknown[] = []): Client =>
  ({
    http: {
      call: (_method: string, path: string, request: unknown) => {
        asked.push([path, request])
        return Promise.resolve(data)
      },
    },
  }) as unknown as Client

test('the shop is asked as the stock console asks it', async () => {
  const asked: unknown[] = []
  await browseHistory(answering({ list: [], total: 0 }, asked), 247, 2)
  await orders(answering(null, asked), 247, 1)
  await wallet(answering(null, asked), 247)
  expect(asked).toEqual([
    ['/admin-api/product/browse-history/page', { query: { pageNo: 2, pageSize: 10, userId: 247, userDeleted: false } }],
    ['/admin-api/trade/order/page', { query: { pageNo: 1, pageSize: 10, userId: 247 } }],
    ['/admin-api/pay/wallet/get', { query: { userId: 247 } }],
  ])
})

test('answers of no shop, and of a strange one', async () => {
  expect(await browseHistory(answering(null), 1, 1)).toEqual({ rows: [], total: 0 })
  expect((await orders(answering({ list: [null, 3, { no: 7 }] }), 1, 1)).rows.map(({ item }) => item.no)).toEqual(['7'])
  expect(await wallet(answering(null), 1)).toBe(undefined)
  expect(await wallet(answering({ balance: 10000, totalExpense: 500 }), 1)).toEqual({
    balance: 10000,
    expense: 500,
    recharge: 0,
  })
})

test('a card holds what stock clients show, and nothing of the shop’s own', () => {
  expect(
    JSON.parse(productContent({ id: 1, spuId: 633, spuName: '杯子', price: 12900, costPrice: 3000, userId: 247 })),
  ).toEqual({
    spuId: 633,
    spuName: '杯子',
    price: 12900,
  })
  const raw = {
    id: 9,
    no: 'o1',
    status: 10,
    userIp: '127.0.0.1',
    items: [{ id: 1, spuName: '杯子', properties: [{ valueId: 4, valueName: '白色' }] }, null],
  }
  expect(JSON.parse(orderContent(raw))).toEqual({
    id: 9,
    no: 'o1',
    status: 10,
    items: [{ id: 1, spuName: '杯子', properties: [{ valueName: '白色' }] }],
  })
})
