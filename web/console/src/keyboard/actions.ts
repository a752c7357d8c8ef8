/**
 * What can be done by a key or from the command palette.
 *
 * A part of the page offers its actions while it is mounted (`useActions`). One listener on the window finds the action of a
 * key. Single keys work outside of text fields only, and not at all when the user has switched them off. A key that a part
 * has already taken (`preventDefault`) starts nothing, nor does any key below a dialog or menu.
 */
import { onScopeDispose, shallowReactive, type Component } from 'vue'
import type { MessageKey } from '@/locales'
import { matches, takesText, worksInText, type Keys } from './keys'

export interface Action {
  /** The text's key, and the action's name. */
  label: MessageKey
  group: 'move' | 'conversation' | 'general'
  keys?: readonly Keys[]
  icon?: Component
  /** Whether the sheet of shortcuts names it; without it always. */
  shown?: () => boolean
  /** Whether it can be done now; without it always. */
  enabled?: () => boolean
  /** Whether the palette leaves it out: it makes sense by its key only. */
  hidden?: boolean
  run: () => unknown
}

const offered = shallowReactive(new Set<Action>())

/** The actions that can be done now, in the order in which they were offered. */
export function availableActions(): Action[] {
  return [...offered].filter((action) => action.enabled?.() ?? true)
}

/** All actions of the parts that are mounted, for the sheet of shortcuts. */
export function allActions(): Action[] {
  return [...offered].filter((action) => action.shown?.() ?? true)
}

/** Offers actions while the calling component is mounted. */
export function useActions(actions: readonly Action[]): void {
  for (const action of actions) offered.add(action)
  onScopeDispose(() => {
    for (const action of actions) offered.delete(action)
  })
}

/** Whether a dialog or menu lies over the page. */
const isCovered = () => document.querySelector('[aria-modal=true], [role=menu]') !== null

/** Starts the action of a key, if there is one; what was offered last goes first. */
export function runByKey(event: KeyboardEvent, singleKeys: boolean): boolean {
  if (event.defaultPrevented || event.isComposing || event.keyCode === 229) return false
  if (isCovered()) return false
  const typing = takesText(event.target)
  for (const action of availableActions().reverse()) {
    const keys = action.keys?.find((candidate) => matches(event, candidate))
    if (keys === undefined || (!worksInText(keys) && (typing || !singleKeys))) continue
    event.preventDefault()
    action.run()
    return true
  }
  return false
}

/** Listens to the keyboard of the page while the calling component is mounted. */
export function useKeyboard(singleKeys: () => boolean): void {
  // Asked before anybody takes the key: the Esc that closes a dialog finds none when it comes here.
  let covered = false
  const note = () => (covered = isCovered())
  const listen = (event: KeyboardEvent) => void (covered || runByKey(event, singleKeys()))
  addEventListener('keydown', note, true)
  addEventListener('keydown', listen)
  onScopeDispose(() => {
    removeEventListener('keydown', note, true)
    removeEventListener('keydown', listen)
  })
}
