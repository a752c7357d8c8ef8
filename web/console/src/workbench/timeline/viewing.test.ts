// @vitest-environment node
import type { Client } from '@kefu/client'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Viewing } from './viewing'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

function begin() {
  const sent: (number | null)[] = []
  let open = true
  let visible = true
  let onState: (state: string) => void = () => undefined
  const socket = {
    on: (_event: string, listener: (state: string) => void) => (onState = listener),
    send: ({ content }: { content: { conversationId: number | null } }) => {
      if (open) sent.push(content.conversationId)
      return open
    },
  }
  const viewing = new Viewing({ socket } as unknown as Client, () => visible)
  return {
    viewing,
    sent,
    connect: (now: boolean) => {
      open = now
      onState(now ? 'open' : 'waiting')
    },
    show: (now: boolean) => {
      visible = now
      viewing.refresh()
    },
  }
}

test('at most one frame a second, and the last wish wins', () => {
  const { viewing, sent } = begin()
  viewing.show(1)
  viewing.show(2)
  viewing.show(3)
  expect(sent).toEqual([1])
  vi.advanceTimersByTime(1000)
  expect(sent).toEqual([1, 3])
})

test('said again every 30 seconds while it lasts', () => {
  const { viewing, sent } = begin()
  viewing.show(1)
  vi.advanceTimersByTime(60_000)
  expect(sent).toEqual([1, 1, 1])
  viewing.leave(1)
  expect(sent).toEqual([1, 1, 1])
  vi.advanceTimersByTime(90_000)
  expect(sent).toEqual([1, 1, 1, null])
})

test('a conversation that was left for another one says nothing in between', () => {
  const { viewing, sent } = begin()
  viewing.show(1)
  vi.advanceTimersByTime(5000)
  viewing.show(2)
  viewing.leave(1)
  vi.advanceTimersByTime(2000)
  expect(sent).toEqual([1, 2])
})

test('a hidden page views nothing, and a new socket is told at once', () => {
  const { viewing, sent, connect, show } = begin()
  viewing.show(1)
  vi.advanceTimersByTime(5000)
  show(false)
  expect(sent).toEqual([1, null])
  vi.advanceTimersByTime(5000)
  show(true)
  expect(sent).toEqual([1, null, 1])
  connect(false)
  vi.advanceTimersByTime(5000)
  connect(true)
  expect(sent).toEqual([1, null, 1, 1])
})
