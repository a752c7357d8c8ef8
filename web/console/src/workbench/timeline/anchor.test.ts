// @vitest-environment node
import { expect, test } from 'vitest'
import { type RowBox, distanceFromEnd, firstBelow, lastSeen, scrollTopFor, takeAnchor } from './anchor'

/** Rows of the given heights, one below the other. */
function stack(heights: Record<string, number>): RowBox[] {
  let top = 0
  return Object.entries(heights).map(([key, height]) => ({ key, top, bottom: (top += height) }))
}

const ten = () => stack(Object.fromEntries(Array.from({ length: 10 }, (_, index) => [`r${index}`, 100])))

test('the distance from the end', () => {
  expect(distanceFromEnd({ scrollTop: 300, height: 400, contentHeight: 1000 })).toBe(300)
})

test('within 60 px of the end the end is the anchor, above it a row', () => {
  expect(takeAnchor({ scrollTop: 540, height: 400, contentHeight: 1000 }, ten())).toEqual({ kind: 'end' })
  expect(takeAnchor({ scrollTop: 539, height: 400, contentHeight: 1000 }, ten())).toEqual({
    kind: 'row',
    key: 'r6',
    offset: 61,
  })
})

test('the anchor is the first row that is seen whole, or the one that fills the view', () => {
  expect(takeAnchor({ scrollTop: 200, height: 400, contentHeight: 1000 }, ten())).toEqual({
    kind: 'row',
    key: 'r2',
    offset: 0,
  })
  expect(takeAnchor({ scrollTop: 230, height: 400, contentHeight: 1000 }, ten())).toEqual({
    kind: 'row',
    key: 'r3',
    offset: 70,
  })
  const tall = stack({ a: 100, b: 2000, c: 100 })
  expect(takeAnchor({ scrollTop: 500, height: 400, contentHeight: 2200 }, tall)).toEqual({
    kind: 'row',
    key: 'b',
    offset: -400,
  })
})

test('rows put in above do not move the anchor', () => {
  const before = { scrollTop: 230, height: 400, contentHeight: 1000 }
  const anchor = takeAnchor(before, ten())
  const rows = stack({ new1: 70, new2: 180, ...Object.fromEntries(ten().map((row) => [row.key, 100])) })
  expect(scrollTopFor(anchor, { ...before, contentHeight: 1250 }, rows)).toBe(480)
})

test('a picture that gets its size late, cut by the upper edge, does not move the anchor', () => {
  const before = { scrollTop: 230, height: 400, contentHeight: 1000 }
  const anchor = takeAnchor(before, ten())
  const rows = stack({ r0: 100, r1: 100, r2: 340, r3: 100, r4: 100, r5: 100, r6: 100, r7: 100, r8: 100, r9: 100 })
  expect(scrollTopFor(anchor, { ...before, contentHeight: 1240 }, rows)).toBe(470)
})

test('rows taken away at the far end do not move the anchor either', () => {
  const before = { scrollTop: 530, height: 300, contentHeight: 1000 }
  const anchor = takeAnchor(before, ten())
  const rows = stack({ r3: 100, r4: 100, r5: 100, r6: 100, r7: 100, r8: 100, r9: 100 })
  expect(scrollTopFor(anchor, { ...before, contentHeight: 700 }, rows)).toBe(230)
})

test('the end follows what grows, and stays within the content', () => {
  expect(scrollTopFor({ kind: 'end' }, { scrollTop: 0, height: 400, contentHeight: 1234 }, [])).toBe(834)
  expect(scrollTopFor({ kind: 'end' }, { scrollTop: 0, height: 400, contentHeight: 100 }, [])).toBe(0)
  expect(
    scrollTopFor({ kind: 'row', key: 'gone', offset: 0 }, { scrollTop: 0, height: 400, contentHeight: 1000 }, ten()),
  ).toBe(undefined)
})

test('a row is seen when its bottom is in view', () => {
  expect(lastSeen({ scrollTop: 0, height: 299, contentHeight: 1000 }, ten())?.key).toBe('r2')
  expect(lastSeen({ scrollTop: 0, height: 298, contentHeight: 1000 }, ten())?.key).toBe('r1')
  expect(lastSeen({ scrollTop: 600, height: 400, contentHeight: 1000 }, ten())?.key).toBe('r9')
  expect(lastSeen({ scrollTop: 150, height: 300, contentHeight: 3000 }, stack({ a: 3000 }))).toBe(undefined)
  expect(lastSeen({ scrollTop: 150, height: 300, contentHeight: 3000 }, stack({ a: 100, b: 2900 }))).toBe(undefined)
})

test('the first row below a height is found among many', () => {
  expect(firstBelow(ten(), -5)).toBe(0)
  expect(firstBelow(ten(), 100)).toBe(1)
  expect(firstBelow(ten(), 99.5)).toBe(0)
  expect(firstBelow(ten(), 5000)).toBe(10)
})
