/**
 * A member's client: {@link createMemberClient} is `createClient` for pages that count bytes, such as the widget.
 *
 * A member has one conversation, so the store is one list of messages; what the store of all conversations does beyond that is
 * not loaded.
 */
import { assemble, sendAsMember } from './client.js'
import { Emitter } from './emitter.js'
import { MEMBER, type Message, type ServerFrame, type UserType } from './model.js'
import type { Client, ClientOptions, MemberChange } from './types.js'

export interface MemberClient extends Omit<Client, 'store'> {
  readonly store: MemberStore
}

/** Makes a client of one member's login. */
export function createMemberClient(options: Omit<ClientOptions, 'userType' | 'keep'>): MemberClient {
  return assemble({ ...options, userType: 'member' }, new MemberStore(), sendAsMember)
}

/** The messages of the one conversation, by `seq`. The array is never changed: a change makes a new one. */
export class MemberStore {
  messages: readonly Message[] = []
  restoredAt: number | null | undefined = undefined
  /** The `seq` up to which every message has come, where a resync begins; `null` before the first load. */
  position: number | null = null
  /** Up to which `seq` each side has read the other's messages. */
  readonly #read: Record<UserType, number> = { 1: 0, 2: 0 }
  readonly #changes = new Emitter<MemberChange>()

  subscribe = this.#changes.subscribe

  /** Takes the newest messages, from the list call that comes before `socket.start()`. */
  load(messages: readonly Message[]): void {
    this.position = messages.reduce((seq, message) => Math.max(seq, message.seq), 0)
    this.add(messages)
  }

  /** Takes messages in any order; `live`: from the socket. */
  add(messages: readonly Message[], live = false): void {
    const known = new Map(this.messages.map((message) => [message.seq, message]))
    const added: Message[] = []
    for (const message of messages) {
      const before = known.get(message.seq)
      const readStatus =
        message.readStatus || before?.readStatus || message.seq <= this.#read[other(message.senderType)]
      const taken = { ...message, readStatus }
      known.set(message.seq, taken)
      if (!before) added.push(taken)
    }
    this.messages = [...known.values()].sort((a, b) => a.seq - b.seq)
    if (this.position !== null) while (known.has(this.position + 1)) this.position += 1
    this.#changes.emit({ type: 'messages', added, live })
  }

  /** Takes a frame. The socket does this by itself. */
  apply({ type, content }: ServerFrame): void {
    if (type === 'kefu_message_type') this.add([content], true)
    else if (type === 'kefu_message_read_status_change' || type === 'kefu_message_read_by_member')
      this.#mark(content.readerType, content.seq)
    else if (type === 'kefu_typing') this.#changes.emit({ type: 'typing', userType: content.userType })
    else if (type === 'kefu_resync_done') {
      const { restoredAt } = content
      const forgotten = this.restoredAt !== undefined && this.restoredAt !== restoredAt
      this.restoredAt = restoredAt
      if (!forgotten) return
      this.messages = []
      this.position = null
      this.#read[1] = this.#read[2] = 0
      this.#changes.emit({ type: 'reload', forgotten })
    }
  }

  /** Where a message's conversation breaks off before it; `null`: nowhere. */
  gapBefore({ seq }: Message): number | null {
    return this.position !== null && seq > this.position + 1 ? this.position : null
  }

  #mark(reader: UserType, seq: number): void {
    if (seq <= this.#read[reader]) return
    this.#read[reader] = seq
    this.messages = this.messages.map((message) =>
      message.seq > seq || message.senderType === reader ? message : { ...message, readStatus: true },
    )
    this.#changes.emit({ type: 'messages', added: [], live: true })
  }
}

const other = (side: UserType): UserType => (side === MEMBER ? 2 : 1)
