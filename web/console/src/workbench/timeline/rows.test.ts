// @vitest-environment node
import { expect, test } from 'vitest'
import { type Grouped, findDivider, makeRows } from './rows'

const noon = new Date(2026, 10, 27, 12, 0, 0).getTime()

function message(seq: number, at: number, sender: Partial<Grouped> = {}): Grouped {
  return { key: `m${seq}`, seq, createTime: at, senderType: 1, senderId: 1001, system: false, ...sender }
}

/** One word per row: `d` a date, `u` the unread line, otherwise the message's `seq` with `(` and `)` where its group begins and ends. */
function shape(messages: Grouped[], divider?: { seq: number; count: number }): string {
  return makeRows(messages, divider)
    .map((row) => {
      if (row.kind === 'date') return 'd'
      if (row.kind === 'unread') return `u${row.count}`
      return `${row.first ? '(' : ''}${row.message.seq}${row.last ? ')' : ''}`
    })
    .join(' ')
}

test('what one sender writes within a minute is a group', () => {
  expect(shape([message(1, noon), message(2, noon + 59_000), message(3, noon + 60_000)])).toBe('d (1 2) (3)')
})

test('another sender begins another group, also another agent', () => {
  const agent = { senderType: 2, senderId: 1 }
  expect(shape([message(1, noon), message(2, noon + 1, agent), message(3, noon + 2, { ...agent, senderId: 2 })])).toBe(
    'd (1) (2) (3)',
  )
  // A member and an agent may have the same number.
  expect(shape([message(1, noon, { senderId: 5 }), message(2, noon + 1, { senderType: 2, senderId: 5 })])).toBe(
    'd (1) (2)',
  )
})

test('a day begins with its date, and ends a group', () => {
  const midnight = new Date(2026, 10, 28).getTime()
  expect(shape([message(1, midnight - 1), message(2, midnight), message(3, midnight + 1)])).toBe('d (1) d (2 3)')
})

test('the unread line stands above the first unread message and splits its group', () => {
  expect(shape([message(1, noon), message(2, noon + 1), message(3, noon + 2)], { seq: 2, count: 2 })).toBe(
    'd (1) u2 (2 3)',
  )
})

test('the unread line stands although its message is not loaded, above the next one', () => {
  expect(shape([message(5, noon)], { seq: 2, count: 4 })).toBe('d u4 (5)')
  expect(shape([message(5, noon)], { seq: 6, count: 1 })).toBe('d (5)')
})

test('a notice stands alone', () => {
  expect(shape([message(1, noon), message(2, noon + 1, { system: true }), message(3, noon + 2)])).toBe('d (1) (2) (3)')
})

test('keys are unique', () => {
  const keys = makeRows([message(1, noon), message(2, noon + 86_400_000), message(3, noon + 86_400_001)], {
    seq: 3,
    count: 1,
  }).map((row) => row.key)
  expect(new Set(keys).size).toBe(keys.length)
})

test('the first unread message is a member’s', () => {
  const of = (seq: number, senderType: number, readStatus: boolean) => ({ seq, senderType, readStatus })
  expect(findDivider([of(1, 1, true), of(2, 2, false), of(3, 1, false), of(4, 1, false)])).toEqual({ seq: 3, count: 2 })
  expect(findDivider([of(1, 1, true), of(2, 2, false)])).toBe(undefined)
})
