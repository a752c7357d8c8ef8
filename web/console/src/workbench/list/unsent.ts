/** What could not be sent, by conversation. A row shows the last of them; the timeline has them all. */
import type { Client, OutboxEntry } from '@kefu/client'
import { onScopeDispose, shallowRef, type ShallowRef } from 'vue'

/** The last message of each conversation that could not be sent, reactive. */
export function useUnsent(client: Pick<Client, 'outbox'>): ShallowRef<ReadonlyMap<number | undefined, OutboxEntry>> {
  const read = () =>
    new Map(
      client.outbox
        .entries()
        .filter(({ state }) => state === 'failed')
        .map((entry) => [entry.conversationId, entry]),
    )
  const unsent = shallowRef(read())
  onScopeDispose(client.outbox.subscribe(() => (unsent.value = read())))
  return unsent
}
