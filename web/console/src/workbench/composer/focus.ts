/**
 * Whether the composer of a conversation takes the focus when it opens: after a click or Enter, and when the composer before it had it. Not when
 * the agent goes through the list by single keys, which would be typed into it, nor on a phone, whose keyboard would cover what is to be read.
 */
let walking = false
let kept = false

/** Keys that open a conversation to answer there. */
const opening = new Set(['Enter', ' '])

addEventListener('pointerdown', () => (walking = false), true)
addEventListener('keydown', (event) => (walking = !opening.has(event.key)), true)

/** The composer that had the focus makes room for another one. */
export function keepFocus(): void {
  kept = true
  // The next one is made in the same turn, or there is none.
  setTimeout(() => (kept = false), 1000)
}

/** Whether a composer that was just made takes the focus. */
export function wantsFocus(): boolean {
  const before = kept
  kept = false
  return matchMedia('(hover: hover)').matches && (before || !walking)
}
