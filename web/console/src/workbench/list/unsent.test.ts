// @vitest-environment node
import type { Client, OutboxEntry } from '@kefu/client'
import { expect, test } from 'vitest'
import { effectScope } from 'vue'
import { useUnsent } from './unsent'

test('what failed is known by its conversation, until it is sent or removed', () => {
  const entry = (conversationId: number, clientMessageId: string, state: string) =>
    ({ conversationId, clientMessageId, state }) as OutboxEntry
  let entries = [entry(1, 'a', 'failed'), entry(1, 'b', 'failed'), entry(2, 'c', 'sending')]
  let changed: () => void = () => undefined
  let subscribed = true
  const outbox = {
    entries: () => entries,
    subscribe: (listener: () => void) => {
      changed = listener
      return () => (subscribed = false)
    },
  }
  const scope = effectScope()
  const unsent = scope.run(() => useUnsent({ outbox } as unknown as Client))!
  expect([...unsent.value].map(([id, { clientMessageId }]) => [id, clientMessageId])).toEqual([[1, 'b']])

  entries = [entry(1, 'b', 'sending'), entry(2, 'c', 'failed')]
  changed()
  expect([...unsent.value.keys()]).toEqual([2])

  scope.stop()
  expect(subscribed).toBe(false)
})
