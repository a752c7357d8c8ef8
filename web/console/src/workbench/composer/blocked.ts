import type { Client } from '@kefu/client'
import { onScopeDispose, type Ref, shallowRef } from 'vue'

/** For how many seconds the service takes no more messages of this agent; 0 when it does. Counts down. */
export function useBlocked(client: Client, conversationId: number): Ref<number> {
  const seconds = shallowRef(0)
  let until = 0
  let timer: ReturnType<typeof setInterval> | undefined

  function tick(): void {
    seconds.value = Math.max(0, Math.ceil((until - Date.now()) / 1000))
    if (seconds.value > 0) return
    clearInterval(timer)
    timer = undefined
  }

  const end = client.outbox.subscribe((changed) => {
    if (changed !== conversationId) return
    const limited = client.outbox.entries(conversationId).find((entry) => entry.error?.code === 429)
    if (limited === undefined) return
    const next = Date.now() + (limited.error?.retryAfterMs ?? 1000)
    // The same answer is reported again when another entry changes.
    if (timer !== undefined && next <= until + 1000) return
    until = next
    timer ??= setInterval(tick, 250)
    tick()
  })
  onScopeDispose(() => {
    end()
    clearInterval(timer)
  })
  return seconds
}
