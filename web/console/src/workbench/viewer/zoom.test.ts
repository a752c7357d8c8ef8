// @vitest-environment node
import { expect, test } from 'vitest'
import { bounded, fitScale, zoomAt } from './zoom'

const space = { width: 1000, height: 800 }
const large = { width: 4000, height: 2000 }

test('a large picture is fitted, a small one is not blown up', () => {
  expect(fitScale(large, space)).toBe(0.25)
  expect(fitScale({ width: 100, height: 100 }, space)).toBe(1)
  expect(fitScale({ width: 0, height: 0 }, space)).toBe(1)
})

test('what is under the pointer stays there', () => {
  const lie = { scale: 1, x: 0, y: 0 }
  const zoomed = zoomAt(lie, 2, { x: 300, y: -100 }, large, space)
  // The pixel of the picture under the point, before and after.
  expect((300 - zoomed.x) / zoomed.scale).toBe((300 - lie.x) / lie.scale)
  expect((-100 - zoomed.y) / zoomed.scale).toBe((-100 - lie.y) / lie.scale)
})

test('zooming ends at the fitted size and at eight times', () => {
  expect(zoomAt({ scale: 0.25, x: 0, y: 0 }, 0.5, { x: 0, y: 0 }, large, space)).toEqual({ scale: 0.25, x: 0, y: 0 })
  expect(zoomAt({ scale: 8, x: 0, y: 0 }, 2, { x: 0, y: 0 }, large, space).scale).toBe(8)
})

test('a picture is not moved out of its window', () => {
  expect(bounded({ scale: 0.25, x: 40, y: 40 }, large, space)).toEqual({ scale: 0.25, x: 0, y: 0 })
  expect(bounded({ scale: 1, x: 9999, y: -9999 }, large, space)).toEqual({ scale: 1, x: 1500, y: -600 })
})
