import { computed, nextTick, ref, type Ref } from 'vue'

const steps: Record<string, number> = { ArrowDown: 1, ArrowUp: -1 }

/** The entry of a list that Enter takes: below a field, which keeps the focus. `list` has the entries, `count` of them. */
export function useChoice(list: Readonly<Ref<HTMLElement | null>>, count: () => number) {
  const chosen = ref(0)
  /** Its place in the list. There may be fewer than a moment ago. */
  const place = computed(() => Math.max(0, Math.min(chosen.value, count() - 1)))

  function first(): void {
    chosen.value = 0
  }

  /** Whether the key went to another entry. */
  function step({ key }: KeyboardEvent): boolean {
    const way = steps[key]
    if (way === undefined || count() === 0) return false
    chosen.value = (place.value + way + count()) % count()
    void nextTick(() => list.value?.querySelector('[aria-selected=true]')?.scrollIntoView({ block: 'nearest' }))
    return true
  }

  /** A pointer that moves chooses what is below it; entries that move below a pointer do not. */
  function point({ movementX, movementY }: PointerEvent, index: number): void {
    if (movementX || movementY) chosen.value = index
  }

  return { place, first, step, point }
}
