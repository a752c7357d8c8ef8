import type { Client, OutboxEntry } from '@kefu/client'
import { onScopeDispose, shallowRef } from 'vue'

/** The messages of a conversation that are on their way, reactive. `onAdded` is called for each that is added while this is in use. */
export function useOutbox(client: Client, conversationId: number) {
  const entries = shallowRef<readonly OutboxEntry[]>(client.outbox.entries(conversationId))
  const known = new Set(entries.value.map((entry) => entry.clientMessageId))
  const listeners: (() => void)[] = []
  const end = client.outbox.subscribe((changed) => {
    if (changed !== conversationId) return
    entries.value = [...client.outbox.entries(conversationId)]
    const added = entries.value.filter((entry) => !known.has(entry.clientMessageId))
    for (const entry of added) known.add(entry.clientMessageId)
    if (added.length > 0) for (const listener of listeners) listener()
  })
  onScopeDispose(end)
  return { entries, onAdded: (listener: () => void) => void listeners.push(listener) }
}
