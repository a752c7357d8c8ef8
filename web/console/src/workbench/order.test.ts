import { describe, expect, it } from 'vitest'
import { compare, isUnread, place } from './order'

interface Row {
  id: number
  adminPinned: boolean
  lastMessageTime: number
}
const row = (id: number, lastMessageTime: number, adminPinned = false): Row => ({ id, adminPinned, lastMessageTime })

describe('order of the list', () => {
  it('puts pinned ones first, then the newest, then the higher id', () => {
    const rows = [row(1, 5), row(2, 9), row(3, 5), row(4, 1, true)]
    expect(rows.sort(compare).map(({ id }) => id)).toEqual([4, 2, 3, 1])
  })

  it('moves one row as a sort would, whatever changes', () => {
    let seed = 7
    const random = (below: number) => (seed = (seed * 1103515245 + 12345) % 2147483648) % below
    const rows = new Map(Array.from({ length: 60 }, (_, index) => [index + 1, row(index + 1, random(40))]))
    let ids: readonly number[] = [...rows.values()].sort(compare).map(({ id }) => id)
    for (let step = 0; step < 400; step++) {
      const id = 1 + random(60)
      const changed = row(id, random(40), random(6) === 0)
      rows.set(id, changed)
      ids = place(ids, changed, true, (other) => rows.get(other))
      expect(ids).toEqual([...rows.values()].sort(compare).map((sorted) => sorted.id))
    }
  })

  it('takes out what is not wanted and keeps the array when nothing moves', () => {
    const rows = new Map([row(1, 3), row(2, 2), row(3, 1)].map((one) => [one.id, one]))
    const ids = [1, 2, 3]
    const get = (id: number) => rows.get(id)
    expect(place(ids, rows.get(2)!, true, get)).toBe(ids)
    expect(place(ids, row(9, 9), false, get)).toBe(ids)
    expect(place(ids, rows.get(2)!, false, get)).toEqual([1, 3])
    expect(ids).toEqual([1, 2, 3])
  })

  it('takes counts and marks for unread', () => {
    expect(isUnread({ adminUnreadMessageCount: 1 } as never)).toBe(true)
    expect(isUnread({ adminUnreadMessageCount: 0, markedUnread: true } as never)).toBe(true)
    expect(isUnread({ adminUnreadMessageCount: 0 } as never)).toBe(false)
  })
})
