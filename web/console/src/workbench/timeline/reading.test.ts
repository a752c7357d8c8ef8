// @vitest-environment node
import { expect, test, vi } from 'vitest'
import { Reading } from './reading'

/** A reading with a clock that is moved by hand; `unread` holds what is unread. */
function begin(unread: number[], send: (seq: number) => Promise<unknown> = () => Promise.resolve()) {
  let now = 0
  const timers: { at: number; run: () => void }[] = []
  const sent: number[] = []
  const reading = new Reading({
    interval: 1000,
    now: () => now,
    later: (run, wait) => {
      const timer = { at: now + wait, run }
      timers.push(timer)
      return timer
    },
    cancel: (timer) => timers.splice(timers.indexOf(timer as never), 1),
    isUnread: (seq) => unread.some((one) => one <= seq),
    send: (seq) => {
      sent.push(seq)
      return send(seq)
    },
  })
  const advance = (by: number) => {
    now += by
    for (const timer of timers.filter((one) => one.at <= now)) {
      timers.splice(timers.indexOf(timer), 1)
      timer.run()
    }
  }
  return { reading, sent, advance }
}

test('the first sight is marked at once, the next ones together with the highest', () => {
  const { reading, sent, advance } = begin([3, 4, 5, 6])
  reading.saw(3)
  expect(sent).toEqual([3])
  reading.saw(4)
  reading.saw(6)
  reading.saw(5)
  expect(sent).toEqual([3])
  advance(1000)
  expect(sent).toEqual([3, 6])
})

test('nothing is sent while nothing is unread up to there, nor twice for the same', () => {
  const { reading, sent, advance } = begin([5])
  reading.saw(4)
  expect(sent).toEqual([])
  reading.saw(5)
  advance(5000)
  reading.saw(5)
  reading.saw(3)
  expect(sent).toEqual([5])
})

test('a mark that failed is sent again with the next report', async () => {
  let fail = true
  const { reading, sent, advance } = begin([5], () => (fail ? Promise.reject(new Error('away')) : Promise.resolve()))
  reading.saw(5)
  await vi.waitFor(() => expect(sent).toEqual([5]))
  await Promise.resolve()
  fail = false
  advance(1000)
  reading.saw(5)
  expect(sent).toEqual([5, 5])
})

test('leaving sends what waits; a conversation marked as unread stays so', () => {
  const left = begin([1, 2])
  left.reading.saw(1)
  left.reading.saw(2)
  left.reading.flush()
  expect(left.sent).toEqual([1, 2])
  const marked = begin([1, 2])
  marked.reading.saw(1)
  marked.reading.saw(2)
  marked.reading.pause()
  marked.advance(1000)
  marked.reading.saw(9)
  expect(marked.sent).toEqual([1])
})
