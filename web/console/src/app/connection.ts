/**
 * The socket's state as the connection bar shows it.
 *
 * A break shorter than two seconds is not worth a word. When a longer one is over, the bar says for two seconds how many
 * messages were caught up.
 */
import { defineStore } from 'pinia'
import { computed, ref } from 'vue'
import type { SocketState } from '@kefu/client'
import { useSession } from './session'

const PATIENCE = 2000
const FAREWELL = 2000

export type Bar = 'connecting' | 'offline' | 'waiting' | 'recovered' | 'displaced' | null

export const useConnection = defineStore('connection', () => {
  const session = useSession()
  const socket = session.client().socket
  const state = ref<SocketState>(socket.state)
  const online = ref(navigator.onLine)
  const retryAt = ref<number | null>(null)
  const displaced = ref(false)
  /** Whether the break has lasted long enough to be shown. */
  const late = ref(false)
  /** Messages caught up after the last break; `null` when that is not shown (any more). */
  const caughtUp = ref<number | null>(null)
  let patience: ReturnType<typeof setTimeout> | undefined
  let farewell: ReturnType<typeof setTimeout> | undefined

  const bar = computed<Bar>(() => {
    if (displaced.value) return 'displaced'
    if (caughtUp.value !== null) return 'recovered'
    if (state.value === 'open' || !late.value) return null
    if (!online.value) return 'offline'
    return state.value === 'waiting' && retryAt.value !== null ? 'waiting' : 'connecting'
  })

  function onState(next: SocketState): void {
    state.value = next
    retryAt.value = socket.nextRetryAt
    if (next === 'open') {
      clearTimeout(patience)
      patience = undefined
    } else if (next !== 'ended' && next !== 'idle') {
      displaced.value = false
      patience ??= setTimeout(() => (late.value = true), PATIENCE)
    }
  }

  function onRecovered(messages: number): void {
    // Without a bar before it a word of recovery would only puzzle.
    if (late.value || messages > 0) {
      clearTimeout(farewell)
      caughtUp.value = messages
      farewell = setTimeout(() => (caughtUp.value = null), FAREWELL)
    }
    late.value = false
  }

  socket.on('state', onState)
  socket.on('recovered', ({ messages }) => onRecovered(messages))
  socket.on('ended', (reason) => (displaced.value = reason === 'displaced'))
  onState(socket.state)

  const retryNow = () => socket.retryNow()
  addEventListener('online', () => {
    online.value = true
    retryNow()
  })
  addEventListener('offline', () => {
    online.value = false
    // An open socket does not notice by itself: it is tested.
    retryNow()
  })
  document.addEventListener('visibilitychange', () => document.visibilityState === 'visible' && retryNow())
  addEventListener('pageshow', (event) => event.persisted && retryNow())

  /** Takes this window's place back after the user had too many. */
  function resume(): void {
    displaced.value = false
    socket.start()
  }

  return { state, online, retryAt, bar, caughtUp, retryNow, resume }
})
