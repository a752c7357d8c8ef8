/** Where the focus goes when what had it is gone. */
import { nextTick } from 'vue'

/** Gives the focus to an element, e.g. a heading, when nothing has it any more. */
export async function keepFocus(target: HTMLElement | null | undefined): Promise<void> {
  await nextTick()
  // A dialog that closes gives the focus back after it is gone, to what may be gone as well.
  await new Promise((done) => setTimeout(done))
  if (!target || document.activeElement !== document.body) return
  if (target.tabIndex < 0) target.tabIndex = -1
  target.focus({ preventScroll: true })
}
