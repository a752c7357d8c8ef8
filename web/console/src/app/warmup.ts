/**
 * Loads the parts of the page that a click may ask for, once the browser has nothing else to do. The first click is faster
 * by it, and works while the network is away.
 */
const PARTS: (() => Promise<unknown>)[] = [
  () => import('@/workbench/timeline/ConversationPane.vue'),
  () => import('@/workbench/panel/SidePanel.vue'),
  () => import('@/ui/MenuHost.vue'),
  () => import('@/ui/ConfirmHost.vue'),
  () => import('@/palette/Palette.vue'),
  () => import('@/keyboard/ShortcutSheet.vue'),
  () => import('@/workbench/list/BeginDialog.vue'),
  () => import('@/ui/messages'),
  () => import('@/workbench/Home.vue'),
]

let loading = false

/** Whether a part is loading that nobody has asked for yet, so that its failure is no news. */
export const isWarmingUp = () => loading

/** Loads them one after the other. */
export function warmUp(): void {
  const idle = 'requestIdleCallback' in window ? requestIdleCallback : (work: () => void) => setTimeout(work, 200)
  const next = (index: number): void => {
    const part = PARTS[index]
    if (!part) return
    idle(() => {
      loading = true
      part()
        // A part that does not come now is asked for again when it is needed.
        .catch(() => undefined)
        .finally(() => {
          loading = false
          next(index + 1)
        })
    })
  }
  next(0)
}
