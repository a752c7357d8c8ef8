/** The rows of the conversation. */
import { MEMBER, type Message, type OutboxEntry } from '@kefu/client'
import { startOfDay } from '../locales/index.js'
import type { Content } from './content.js'

/** How far an own message has come. */
export type Progress = 'sending' | 'sent' | 'read' | 'failed'

export interface MessageRow {
  kind: 'message'
  key: string
  own: boolean
  content: Content
  time: number
  /** The agent's, for a message of an agent. */
  name: string | null
  avatar: string | null
  senderId: number
  /** The first, and the last, of a group of one sender within a few minutes. */
  first: boolean
  last: boolean
  progress?: Progress
  /** Why it has failed, and how to name it to the outbox. */
  problem?: string
  entry?: string
  seq: number
}

export type Row = MessageRow | { kind: 'day'; key: string; time: number } | { kind: 'earlier' | 'split'; key: string }

/** A sender's messages within so many milliseconds are one group. */
const GROUP = 5 * 60_000

export interface Conversation {
  /** The conversations of before the login, oldest first. */
  earlier: readonly (readonly Message[])[]
  messages: readonly Message[]
  entries: readonly OutboxEntry[]
  read: (contentType: number, content: string) => Content
}

export function rows({ earlier, messages, entries, read }: Conversation): Row[] {
  const found: Row[] = []
  const add = (row: Omit<MessageRow, 'kind' | 'first' | 'last'>) => {
    const before = found.at(-1)
    const day = startOfDay(row.time)
    const sameDay = before?.kind === 'message' && startOfDay(before.time) === day
    if (!sameDay) found.push({ kind: 'day', key: `day ${row.key}`, time: day })
    const joins =
      sameDay &&
      before.own === row.own &&
      before.senderId === row.senderId &&
      before.content.kind !== 'system' &&
      row.content.kind !== 'system' &&
      row.time - before.time < GROUP
    if (joins) before.last = false
    found.push({ kind: 'message', ...row, first: !joins, last: true })
  }
  const stored = (message: Message) => {
    const own = message.senderType === MEMBER
    add({
      key: message.clientMessageId ?? String(message.id),
      own,
      content: read(message.contentType, message.content),
      time: message.createTime,
      name: message.senderNickname,
      avatar: message.senderAvatar,
      // An own message may be from before the login, under another id.
      senderId: own ? 0 : message.senderId,
      seq: message.seq,
      ...(own && { progress: message.readStatus ? ('read' as const) : ('sent' as const) }),
    })
  }
  if (earlier.length) {
    found.push({ kind: 'earlier', key: 'earlier' })
    earlier.flat().forEach(stored)
    found.push({ kind: 'split', key: 'split' })
  }
  messages.forEach(stored)
  const last = messages.at(-1)?.createTime ?? 0
  for (const { clientMessageId, contentType, content, createdAt, state, error } of entries) {
    add({
      key: clientMessageId,
      entry: clientMessageId,
      own: true,
      content: read(contentType, content),
      // The visitor's clock may be behind.
      time: Math.max(createdAt, last),
      name: null,
      avatar: null,
      senderId: 0,
      seq: 0,
      progress: state,
      ...(state === 'failed' && { problem: error?.msg ?? '' }),
    })
  }
  return found
}
