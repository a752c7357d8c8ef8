/** What the list holds, in which order, and keeping sorted ids so. Pure. */
import type { Conversation } from '@kefu/client'

type Place = Pick<Conversation, 'id' | 'adminPinned' | 'lastMessageTime'>

/** Whether a conversation waits for an agent to read it. */
export function isUnread(conversation: Conversation): boolean {
  return conversation.adminUnreadMessageCount > 0 || conversation.markedUnread === true
}

/** Pinned first, then the newest message first, as the service sorts. Negative when `a` stands above `b`. */
export function compare(a: Place, b: Place): number {
  if (a.adminPinned !== b.adminPinned) return a.adminPinned ? -1 : 1
  return b.lastMessageTime - a.lastMessageTime || b.id - a.id
}

/**
 * Puts a conversation where it belongs among sorted ids, or takes it out; answers the same array when nothing moves.
 *
 * It costs a copy of the array and a binary search, not a sort, so that a message in a list of thousands is cheap.
 */
export function place(
  ids: readonly number[],
  conversation: Place,
  wanted: boolean,
  get: (id: number) => Place | undefined,
): readonly number[] {
  const from = ids.indexOf(conversation.id)
  if (from < 0 && !wanted) return ids
  const others = from < 0 ? [...ids] : ids.filter((id) => id !== conversation.id)
  if (!wanted) return others
  let low = 0
  let high = others.length
  while (low < high) {
    const middle = (low + high) >> 1
    const other = get(others[middle] ?? 0)
    if (other && compare(other, conversation) < 0) low = middle + 1
    else high = middle
  }
  if (low === from) return ids
  others.splice(low, 0, conversation.id)
  return others
}
