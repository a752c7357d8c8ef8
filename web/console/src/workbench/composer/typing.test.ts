// @vitest-environment node
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { TypingNotices } from './typing'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

test('told at the first key, then every two seconds while keys come, and once after the last', () => {
  const tell = vi.fn()
  const notices = new TypingNotices(tell)
  notices.typed()
  expect(tell).toHaveBeenCalledTimes(1)
  for (let keys = 0; keys < 10; keys++) {
    vi.advanceTimersByTime(300)
    notices.typed()
  }
  expect(tell).toHaveBeenCalledTimes(2)
  vi.advanceTimersByTime(10_000)
  expect(tell).toHaveBeenCalledTimes(3)
})

test('nothing is told after the text was sent; what is typed next is told in time, not dropped', () => {
  const tell = vi.fn()
  const notices = new TypingNotices(tell)
  notices.typed()
  notices.typed()
  notices.stop()
  vi.advanceTimersByTime(1000)
  expect(tell).toHaveBeenCalledTimes(1)
  notices.typed()
  vi.advanceTimersByTime(1000)
  expect(tell).toHaveBeenCalledTimes(2)
})
