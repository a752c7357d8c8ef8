/** Which keys an action listens to, and how they are written. */

/**
 * A combination of keys: modifiers and a `KeyboardEvent.code`, so that the layout does not matter. `Ctrl` is ⌘ on a Mac.
 * Examples: `KeyJ`, `Ctrl+KeyK`, `Alt+Shift+ArrowUp`. A code in the form `=?` is a character as typed, for keys whose place
 * depends on the layout.
 */
export type Keys = string

export const isMac = /Mac|iPhone|iPad/.test(navigator.platform)

const NAMES: Record<string, string> = {
  ArrowUp: '↑',
  ArrowDown: '↓',
  BracketLeft: '[',
  BracketRight: ']',
  Escape: 'Esc',
  Slash: '/',
}

/** The parts of a combination as a person reads them, e.g. `['Ctrl', 'K']`. */
export function keyNames(keys: Keys, mac = isMac): string[] {
  return keys.split('+').map((part) => {
    if (mac && part === 'Ctrl') return '⌘'
    if (mac && part === 'Alt') return '⌥'
    if (part.startsWith('=')) return part.slice(1)
    return NAMES[part] ?? part.replace(/^Key|^Digit/, '')
  })
}

/** The combination in one text, e.g. `Ctrl K`. */
export function keyText(keys: Keys, mac = isMac): string {
  return keyNames(keys, mac).join(' ')
}

/** Whether the combination works while a text is being typed: only with Ctrl or ⌘, Alt+Shift with an arrow, and Esc. */
export function worksInText(keys: Keys): boolean {
  return keys.startsWith('Ctrl+') || keys.startsWith('Alt+Shift+Arrow') || keys === 'Escape'
}

/** Whether the event is the combination. */
export function matches(event: KeyboardEvent, keys: Keys, mac = isMac): boolean {
  const parts = keys.split('+')
  const code = parts.at(-1) ?? ''
  const ctrl = mac ? event.metaKey : event.ctrlKey
  const other = mac ? event.ctrlKey : event.metaKey
  if (other || ctrl !== parts.includes('Ctrl')) return false
  // A character may need Shift or AltGr on some layouts.
  if (code.startsWith('=')) return event.key === code.slice(1)
  return event.altKey === parts.includes('Alt') && event.shiftKey === parts.includes('Shift') && event.code === code
}

/** Whether keys go into a text there: fields, text areas, editable parts. */
export function takesText(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false
  if (target.isContentEditable || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement)
    return true
  return (
    target instanceof HTMLInputElement &&
    !['button', 'checkbox', 'radio', 'range', 'submit', 'file'].includes(target.type)
  )
}
