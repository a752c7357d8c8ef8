/** For parts of the page that are loaded with their first use and stay afterwards. */
import { ref, watch, type Ref, type WatchSource } from 'vue'

/** Becomes true with the first value that is not empty, and stays so. */
export function usedOnce(source: WatchSource<unknown>): Ref<boolean> {
  const used = ref(false)
  const stop = watch(
    source,
    (value) => {
      if (!value) return
      used.value = true
      queueMicrotask(() => stop())
    },
    { immediate: true },
  )
  return used
}
