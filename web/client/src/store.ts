/**
 * Conversations and messages in memory.
 *
 * Messages are ordered by `seq` and known by it; a message that comes again replaces what is here, except that read stays
 * read. A conversation's row follows the frames: only a message above its `lastSeq` counts, so that neither a replay nor the
 * order of a list call and a frame counts one twice. What cannot be known from frames is reported as `unknown`.
 *
 * Arrays and objects that were handed out are never changed: a change makes new ones.
 */
import { Emitter } from './emitter.js'
import {
  ADMIN,
  MEMBER,
  type Conversation,
  type Message,
  type ReadMark,
  type ServerFrame,
  type ServerFrames,
  type UserType,
} from './model.js'
import type { Change, Store } from './types.js'

interface Thread {
  messages: readonly Message[]
  /** Up to which `seq` members, and admins, have read. */
  read: Record<UserType, number>
  retained: number
}

const NONE: readonly Message[] = []

export class MemoryStore implements Store {
  readonly conversations = new Map<number, Conversation>()
  restoredAt: number | null | undefined = undefined
  readonly #threads = new Map<number, Thread>()
  readonly #changes = new Emitter<Change>()
  #since: number | null = null
  /** The newest time of the first load: older messages that a replay brings are no news. */
  #loaded = 0
  /** A member's: the `seq` up to which every message has come. */
  #complete: number | null = null

  constructor(
    private readonly member: boolean,
    private readonly keep: number,
  ) {}

  subscribe = this.#changes.subscribe

  /** Where a resync begins: a member's `seq`, an admin's time; `null` before the first load. */
  get position(): number | null {
    return this.member ? this.#complete : this.#since
  }

  messages(conversationId: number): readonly Message[] {
    return this.#threads.get(conversationId)?.messages ?? NONE
  }

  gaps(conversationId: number): [number, number][] {
    const gaps: [number, number][] = []
    let previous: Message | undefined
    for (const message of this.messages(conversationId)) {
      if (previous && message.seq > previous.seq + 1) gaps.push([previous.seq + 1, message.seq - 1])
      previous = message
    }
    return gaps
  }

  /** The `seq` of the message before, when messages lack between it and this one; else `null`. */
  gapBefore(message: Message): number | null {
    if (this.member) {
      return this.#complete !== null && message.seq > this.#complete + 1 ? this.#complete : null
    }
    const messages = this.messages(message.conversationId)
    const before = messages[place(messages, message.seq) - 1]
    return before && before.seq < message.seq - 1 ? before.seq : null
  }

  readUpTo(conversationId: number, reader: UserType): number {
    return this.#threads.get(conversationId)?.read[reader] ?? 0
  }

  load(first: { conversations: readonly Conversation[] } | { messages: readonly Message[] }): void {
    if ('messages' in first) {
      this.#complete = first.messages.reduce((seq, message) => Math.max(seq, message.seq), 0)
      this.add(first.messages)
      return
    }
    this.#since = first.conversations.reduce((time, { lastMessageTime }) => Math.max(time, lastMessageTime), 0)
    this.#loaded = this.#since
    const gone = new Set(this.conversations.keys())
    for (const { id } of first.conversations) gone.delete(id)
    for (const id of gone) this.conversations.delete(id)
    this.upsert(first.conversations)
  }

  upsert(conversations: readonly Conversation[]): void {
    for (const view of conversations) {
      const read = this.#thread(view.id).read
      // A view that says that nothing is unread says how far the side has read.
      if (!view.adminUnreadMessageCount) this.#mark(view.id, ADMIN, view.lastSeq)
      if (!view.memberUnreadMessageCount) this.#mark(view.id, MEMBER, view.lastSeq)
      this.conversations.set(view.id, newer(view, this.conversations.get(view.id), read))
    }
    this.#changes.emit({ type: 'conversations', ids: conversations.map(({ id }) => id) })
  }

  add(messages: readonly Message[]): void {
    for (const id of new Set(messages.map(({ conversationId }) => conversationId))) {
      const own = messages.filter(({ conversationId }) => conversationId === id)
      this.#take(id, own, false)
    }
  }

  apply({ type, content }: ServerFrame): void {
    switch (type) {
      case 'kefu_message_type':
        this.#since = this.#since === null ? null : Math.max(this.#since, content.createTime)
        this.#count(content)
        this.#take(content.conversationId, [content], content.createTime > this.#loaded)
        break
      case 'kefu_message_read_status_change':
      case 'kefu_message_read_by_member':
        this.#read(content)
        break
      case 'kefu_conversation_created':
        if (!this.conversations.has(content.conversationId)) this.#unknown(content.conversationId)
        break
      case 'kefu_conversation_pinned':
        this.#change(content.conversationId, { adminPinned: content.adminPinned })
        break
      case 'kefu_conversation_marked':
        this.#change(content.conversationId, { markedUnread: content.markedUnread })
        break
      case 'kefu_conversation_deleted':
        this.conversations.delete(content.conversationId)
        this.#changes.emit({ type: 'conversation', id: content.conversationId })
        break
      case 'kefu_conversation_linked':
        this.#handOver(content)
        // Whether it is the member's own now, or only one of the earlier ones, the service knows.
        this.#unknown(content.conversationId)
        this.#changes.emit({ type: 'member', id: content.conversationId, userId: content.userId })
        break
      case 'kefu_member_update':
        this.#changes.emit({ type: 'member', id: content.conversationId, userId: content.userId })
        break
      case 'kefu_typing':
        this.#changes.emit({
          type: 'typing',
          id: content.conversationId,
          userId: content.userId,
          userType: content.userType,
        })
        break
      case 'kefu_viewers':
        this.#changes.emit({ type: 'viewers', id: content.conversationId, userIds: content.userIds })
        break
      case 'kefu_resync_done':
        this.#restored(content)
        break
    }
  }

  retain(conversationId: number): () => void {
    const thread = this.#thread(conversationId)
    thread.retained += 1
    let held = true
    return () => {
      if (!held) return
      held = false
      thread.retained -= 1
      this.#trim(thread)
    }
  }

  #thread(id: number): Thread {
    let thread = this.#threads.get(id)
    if (!thread) this.#threads.set(id, (thread = { messages: NONE, read: { [MEMBER]: 0, [ADMIN]: 0 }, retained: 0 }))
    return thread
  }

  #trim(thread: Thread): void {
    if (!thread.retained && thread.messages.length > this.keep) thread.messages = thread.messages.slice(-this.keep)
  }

  #take(id: number, messages: readonly Message[], live: boolean): void {
    const thread = this.#thread(id)
    const list = [...thread.messages]
    const added: Message[] = []
    const changed: Message[] = []
    for (const message of messages) {
      const at = place(list, message.seq)
      const known = list[at]?.seq === message.seq ? list[at] : undefined
      const read = message.readStatus || known?.readStatus || message.seq <= thread.read[other(message.senderType)]
      const taken = { ...message, readStatus: read }
      if (!known) {
        list.splice(at, 0, taken)
        added.push(taken)
      } else if (JSON.stringify(known) !== JSON.stringify({ ...known, ...taken })) {
        list[at] = taken
        changed.push(taken)
      }
    }
    if (this.member && this.#complete !== null) {
      while (list[place(list, this.#complete + 1)]?.seq === this.#complete + 1) this.#complete += 1
    }
    if (!added.length && !changed.length) return
    thread.messages = list
    this.#trim(thread)
    this.#changes.emit({ type: 'messages', id, added, changed, live })
  }

  /** A conversation's row follows a message. */
  #count(message: Message): void {
    if (this.member) return
    const known = this.conversations.get(message.conversationId)
    if (!known) {
      this.#unknown(message.conversationId)
      return
    }
    if (message.seq <= known.lastSeq) return
    const unread = message.readStatus ? 0 : 1
    const fromMember = message.senderType === MEMBER
    this.#change(message.conversationId, {
      lastSeq: message.seq,
      lastMessageTime: message.createTime,
      // What the service says between messages stands in no row.
      ...(message.style !== 'toast' && {
        lastMessageContent: message.content,
        lastMessageContentType: message.contentType,
        lastMessageAdminId: fromMember ? undefined : message.senderId,
      }),
      adminDeleted: false,
      adminUnreadMessageCount: known.adminUnreadMessageCount + (fromMember ? unread : 0),
      memberUnreadMessageCount: known.memberUnreadMessageCount + (fromMember ? 0 : unread),
    })
    // Messages between have not come (yet), so that the counts are a guess.
    if (message.seq > known.lastSeq + 1) this.#unknown(message.conversationId)
  }

  #read({ conversationId, readerType, seq }: ReadMark): void {
    this.#mark(conversationId, readerType, seq)
    const known = this.conversations.get(conversationId)
    if (!known) return
    const left = this.#unread(known, readerType, seq)
    if (left === null) this.#unknown(conversationId)
    else this.#change(conversationId, { [countOf(readerType)]: left })
  }

  /** How many messages above `seq` one side has not read; `null` when they are not all here. */
  #unread({ id, lastSeq }: Conversation, reader: UserType, seq: number): number | null {
    if (seq >= lastSeq) return 0
    const above = this.messages(id).filter((message) => message.seq > seq && message.seq <= lastSeq)
    if (above.length < lastSeq - seq) return null
    return above.filter((message) => message.senderType !== reader && !message.readStatus).length
  }

  /** One side has read the other's messages up to `seq`. */
  #mark(id: number, reader: UserType, seq: number): void {
    const thread = this.#thread(id)
    if (seq <= thread.read[reader]) return
    thread.read[reader] = seq
    const changed: Message[] = []
    thread.messages = thread.messages.map((message) => {
      if (message.readStatus || message.seq > seq || message.senderType === reader) return message
      const read = { ...message, readStatus: true }
      changed.push(read)
      return read
    })
    if (changed.length) this.#changes.emit({ type: 'messages', id, added: [], changed, live: true })
  }

  /** What a visitor wrote is the member's now. */
  #handOver({ conversationId, userId, previousUserId }: ServerFrames['kefu_conversation_linked']): void {
    const thread = this.#threads.get(conversationId)
    if (!thread) return
    const changed: Message[] = []
    thread.messages = thread.messages.map((message) => {
      if (message.senderType !== MEMBER || message.senderId !== previousUserId) return message
      const moved = { ...message, senderId: userId }
      changed.push(moved)
      return moved
    })
    if (changed.length) this.#changes.emit({ type: 'messages', id: conversationId, added: [], changed, live: true })
  }

  #change(id: number, fields: Partial<Conversation>): void {
    const known = this.conversations.get(id)
    if (!known) return
    this.conversations.set(id, { ...known, ...fields })
    this.#changes.emit({ type: 'conversation', id })
  }

  #unknown(id: number): void {
    if (!this.member) this.#changes.emit({ type: 'unknown', id })
  }

  #restored({ restoredAt, reload }: { restoredAt: number | null; reload?: boolean }): void {
    const forgotten = this.restoredAt !== undefined && this.restoredAt !== restoredAt
    this.restoredAt = restoredAt
    if (forgotten) {
      this.conversations.clear()
      // Whoever retains a thread goes on retaining it.
      for (const thread of this.#threads.values()) {
        thread.messages = NONE
        thread.read = { [MEMBER]: 0, [ADMIN]: 0 }
      }
      this.#since = this.#complete = null
    }
    if (forgotten || reload) this.#changes.emit({ type: 'reload', forgotten })
  }
}

/** A conversation as a list call shows it, where frames have not told of more since. */
function newer(view: Conversation, known: Conversation | undefined, read: Record<UserType, number>): Conversation {
  const last = known && known.lastSeq > view.lastSeq ? known : view
  const { lastSeq, lastMessageTime, lastMessageContent, lastMessageContentType } = last
  return {
    ...view,
    // A view need not name the admin, whom a frame has named.
    lastMessageAdminId: last.lastMessageAdminId ?? (known?.lastSeq === lastSeq ? known.lastMessageAdminId : undefined),
    lastSeq,
    lastMessageTime,
    lastMessageContent,
    lastMessageContentType,
    adminUnreadMessageCount: read[ADMIN] >= lastSeq ? 0 : last.adminUnreadMessageCount,
    memberUnreadMessageCount: read[MEMBER] >= lastSeq ? 0 : last.memberUnreadMessageCount,
  }
}

const other = (side: UserType): UserType => (side === MEMBER ? ADMIN : MEMBER)
const countOf = (reader: UserType) => (reader === ADMIN ? 'adminUnreadMessageCount' : 'memberUnreadMessageCount')

/** The index of the first message whose `seq` is not below. */
function place(messages: readonly Message[], seq: number): number {
  let low = 0
  let high = messages.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((messages[middle]?.seq ?? 0) < seq) low = middle + 1
    else high = middle
  }
  return low
}
