/** What the timeline shows, from its messages: date separators, the line above what was unread, groups of one sender. */

/** The fields of a message that grouping looks at. */
export interface Grouped {
  key: string
  senderType: number
  senderId: number
  createTime: number
  seq: number
  /** Whether it stands in the middle, as a notice. */
  system: boolean
}

/** A row of the timeline. `first` and `last` say where a message stands in its group. */
export type Row<M extends Grouped> =
  | { kind: 'date'; key: string; time: number }
  | { kind: 'unread'; key: 'unread'; count: number }
  | { kind: 'message'; key: string; message: M; first: boolean; last: boolean }

/** The line above the first message that was unread when the visit began. */
export interface Divider {
  seq: number
  count: number
}

/** Makes the rows. A group is what one sender wrote within one minute, with nothing in between. */
export function makeRows<M extends Grouped>(messages: readonly M[], divider: Divider | undefined): Row<M>[] {
  const rows: Row<M>[] = []
  let previous: M | undefined
  let open: Extract<Row<M>, { kind: 'message' }> | undefined
  let divided = divider === undefined
  for (const message of messages) {
    const newDay = previous === undefined || !sameDay(previous.createTime, message.createTime)
    if (newDay) rows.push({ kind: 'date', key: `d:${dayOf(message.createTime)}`, time: message.createTime })
    const divide = !divided && divider !== undefined && message.seq >= divider.seq
    if (divide) {
      rows.push({ kind: 'unread', key: 'unread', count: divider.count })
      divided = true
    }
    const joins = open !== undefined && !newDay && !divide && sameGroup(open.message, message)
    if (joins && open !== undefined) open.last = false
    open = { kind: 'message', key: message.key, message, first: !joins, last: true }
    rows.push(open)
    previous = message
  }
  return rows
}

function sameGroup(one: Grouped, other: Grouped): boolean {
  return (
    !one.system &&
    !other.system &&
    one.senderType === other.senderType &&
    one.senderId === other.senderId &&
    Math.floor(one.createTime / 60_000) === Math.floor(other.createTime / 60_000)
  )
}

/** Whether two times are on one day of the agent's time zone. */
export function sameDay(one: number, other: number): boolean {
  return dayOf(one) === dayOf(other)
}

function dayOf(time: number): string {
  const date = new Date(time)
  return `${date.getFullYear()}-${date.getMonth() + 1}-${date.getDate()}`
}

/** The first message that is unread for this side, and how many there are. */
export function findDivider(
  messages: readonly { seq: number; senderType: number; readStatus: boolean }[],
): Divider | undefined {
  const unread = messages.filter((message) => message.senderType === 1 && !message.readStatus)
  const first = unread[0]
  return first === undefined ? undefined : { seq: first.seq, count: unread.length }
}
