import type { Client } from '@kefu/client'
import { computed, onScopeDispose, type Ref, shallowRef } from 'vue'

/** For how long a list of viewers holds without another one, in milliseconds: an entry ends after a minute. */
const holds = 75_000

/** The other agents who view a conversation. */
export function useViewers(client: Client, conversationId: number, ownId: number): Ref<readonly number[]> {
  const userIds = shallowRef<readonly number[]>([])
  let timer: ReturnType<typeof setTimeout> | undefined
  const end = client.store.subscribe((change) => {
    if (change.type !== 'viewers' || change.id !== conversationId) return
    userIds.value = change.userIds
    clearTimeout(timer)
    timer = setTimeout(() => (userIds.value = []), holds)
  })
  // Who left while there was no socket is not told.
  const endState = client.socket.on('state', (state) => {
    if (state !== 'open') userIds.value = []
  })
  onScopeDispose(() => {
    end()
    endState()
    clearTimeout(timer)
  })
  return computed(() => userIds.value.filter((id) => id !== ownId))
}
