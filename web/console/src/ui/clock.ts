/** The present minute as reactive state, for texts such as "yesterday". One timer serves the whole page. */
import { readonly, ref } from 'vue'

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
