/** The present time as reactive state, for texts such as "yesterday". One timer of a kind serves the whole page. */
import { onScopeDispose, readonly, ref } from 'vue'

const MINUTE = 60_000
const current = ref(Date.now())
let started = false

/** The present time, renewed once a minute. */
export function useNow() {
  if (!started) {
    started = true
    setInterval(() => (current.value = Date.now()), MINUTE)
  }
  return readonly(current)
}

const second = ref(Date.now())
let watchers = 0
let ticking: ReturnType<typeof setInterval> | undefined

/** The present time, renewed each second while somebody shows it. */
export function useSecond() {
  if (watchers++ === 0) {
    second.value = Date.now()
    ticking = setInterval(() => (second.value = Date.now()), 1000)
  }
  onScopeDispose(() => {
    if (--watchers === 0) clearInterval(ticking)
  })
  return readonly(second)
}
