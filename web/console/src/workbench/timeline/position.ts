import { session } from '@/app/storage'

/** Where the reader was in a conversation: a message and its distance from the upper edge, in pixels. */
export interface Position {
  conversationId: number
  seq: number
  offset: number
}

const key = 'kefu.position'
let taken = false

/** Keeps where the reader is, for a reload of this tab; `null` at the end of the conversation. */
export function keepPosition(position: Position | null): void {
  if (position === null) session.remove(key)
  else session.write(key, position)
}

/** The position that was kept before the page was loaded: once, and only for the conversation that is opened first. */
export function takePosition(conversationId: number): Position | undefined {
  if (taken) return undefined
  taken = true
  const kept = session.read<Partial<Position>>(key)
  session.remove(key)
  if (kept === null || kept.conversationId !== conversationId) return undefined
  const { seq, offset } = kept
  if (typeof seq !== 'number' || typeof offset !== 'number') return undefined
  return { conversationId, seq, offset }
}
