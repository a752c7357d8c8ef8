/** What Enter does in the composer. */

/** The fields of a keyboard event that matter. */
export interface EnterEvent {
  key: string
  isComposing: boolean
  keyCode: number
  shiftKey: boolean
  altKey: boolean
  ctrlKey: boolean
  metaKey: boolean
}

/**
 * Whether a key sends the message. Never while an input method composes: its Enter takes the composed text. Safari says so by the key code 229
 * only.
 */
export function sends(event: EnterEvent, mode: 'enter' | 'ctrlEnter'): boolean {
  if (event.key !== 'Enter' || event.isComposing || event.keyCode === 229 || event.altKey) return false
  if (event.ctrlKey || event.metaKey) return true
  return mode === 'enter' && !event.shiftKey
}

/** Whether what is pasted are files and not the text that comes with them: office programs add a picture of the text. */
export function pastedFiles(data: Pick<DataTransfer, 'files' | 'types'> | null): File[] {
  if (data === null || data.types.includes('text/plain')) return []
  return Array.from(data.files)
}
