import { describe, expect, test } from 'vitest'
import { luminance, parse, textOn, type Colour } from '../src/loader/colour.js'
import en from '../src/locales/en.js'
import zh from '../src/locales/zh.js'
import { readableOn } from '../src/panel/colour.js'
import { parseContent, safeUrl, splitLinks } from '../src/panel/content.js'
import { parseRich } from '../src/panel/extras/content.js'
import { rows } from '../src/panel/rows.js'
import { slotOf } from '../src/panel/member/tokens.js'

/** From 1 to 21. */
function contrast(one: Colour, other: Colour): number {
  const [low = 0, high = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b)
  return (high + 0.05) / (low + 0.05)
}

const SERVER = 'https://kefu.example'

test('text can be read on every brand colour, and the brand colour on every ground', () => {
  for (let red = 0; red < 256; red += 15)
    for (let green = 0; green < 256; green += 15)
      for (let blue = 0; blue < 256; blue += 15) {
        const colour: Colour = [red, green, blue]
        expect(contrast(textOn(colour) === '#fff' ? [255, 255, 255] : [0, 0, 0], colour)).toBeGreaterThanOrEqual(4.5)
        for (const ground of [
          [246, 247, 249],
          [34, 40, 50],
        ] as Colour[])
          expect(contrast(readableOn(colour, ground, luminance), ground)).toBeGreaterThanOrEqual(4.5)
      }
  expect(parse('#ffd60A')).toEqual([255, 214, 10])
  expect(parse('url(x)')).toEqual([79, 91, 213])
})

describe('content', () => {
  test('addresses that run script or leave the service are none', () => {
    expect(safeUrl('javascript:alert(1)', SERVER)).toBeUndefined()
    expect(safeUrl('//evil.example/x', SERVER)).toBeUndefined()
    expect(safeUrl('data:text/html,x', SERVER)).toBeUndefined()
    expect(safeUrl('/files/a.png', SERVER)).toBe(`${SERVER}/files/a.png`)
  })
  test('anything may come', () => {
    for (const raw of ['', 'null', '{', '[]', '3', '"hi"', '{"text":1}', '{"file":null}', '{"items":[null]}'])
      for (const type of [0, 1, 2, 3, 4, 5, 10, 11, 99]) {
        expect(parseContent(type, raw, SERVER).kind).toBeTruthy()
        expect(parseRich(safeUrl, type, raw, SERVER).kind).toBeTruthy()
      }
    expect(parseContent(1, 'a bare text', SERVER)).toEqual({ kind: 'text', text: 'a bare text' })
    expect(parseContent(1, '{"text":"later","left":true}', SERVER)).toMatchObject({ left: true })
  })
  test('links end where the sentence goes on', () => {
    expect(splitLinks('看 https://a.example/x?y=1。好').map(({ href }) => href)).toEqual([
      undefined,
      'https://a.example/x?y=1',
      undefined,
    ])
    expect(splitLinks('(https://a.example/b).')[1]?.href).toBe('https://a.example/b')
  })
})

test('one sender within a few minutes is one group; an own message comes from the outbox last', () => {
  const message = (seq: number, senderType: 1 | 2, createTime: number) =>
    ({ id: seq, seq, senderType, senderId: senderType, createTime, contentType: 1, content: String(seq) }) as never
  const start = new Date(2026, 0, 5, 10).getTime()
  const list = rows({
    earlier: [],
    messages: [
      message(1, 2, start),
      message(2, 2, start + 1000),
      message(3, 1, start + 2000),
      message(4, 2, start + 9e6),
    ],
    entries: [
      {
        clientMessageId: 'c',
        contentType: 1,
        content: 'x',
        createdAt: 0,
        state: 'failed',
        error: { code: 400, msg: 'no', retryAfterMs: null, requestId: null },
      },
    ],
    read: (_, content) => ({ kind: 'text', text: content }),
  })
  expect(
    list.map((row) => (row.kind === 'message' ? `${row.first ? '<' : ''}${row.key}${row.last ? '>' : ''}` : row.kind)),
  ).toEqual(['day', '<1', '2>', '<3>', '<4>', '<c>'])
  expect(list.at(-1)).toMatchObject({ problem: 'no', progress: 'failed' })
})

test('every token of one member has one place, another member another', () => {
  const token = (sub: string, exp: number) => `h.${btoa(JSON.stringify({ sub, exp }))}.s`
  expect(slotOf(token('u-1', 1))).toBe(slotOf(token('u-1', 2)))
  expect(slotOf(token('u-1', 1))).not.toBe(slotOf(token('u-2', 1)))
  expect(slotOf('opaque')).toMatch(/^m\w+$/)
})

test('the English words hold no Han, and both languages fill in the same', () => {
  const holes = (text: string) => [...text.matchAll(/\{\w+\}/g)].map(String).sort()
  for (const key of Object.keys(zh) as (keyof typeof zh)[]) {
    expect(en[key]).not.toMatch(/\p{Script=Han}/u)
    expect(holes(en[key])).toEqual(holes(zh[key]))
  }
})
