/** The widths at which the workbench changes its layout. */
import { onScopeDispose, readonly, ref, type Ref } from 'vue'

/** From here on the member's details stand beside the conversation; below they lie over it. */
export const WIDE = 1200
/** Below this there is one column. */
export const NARROW = 768

/** Whether the window is at least so many pixels wide. */
export function useWide(pixels: number): Readonly<Ref<boolean>> {
  const query = matchMedia(`(min-width: ${pixels}px)`)
  const matches = ref(query.matches)
  const listen = (event: MediaQueryListEvent) => (matches.value = event.matches)
  query.addEventListener('change', listen)
  onScopeDispose(() => query.removeEventListener('change', listen))
  return readonly(matches)
}
