import type { Message, OutboxEntry } from '@kefu/client'
import { type Content, contentTypes, parseContent } from './content'
import type { Grouped } from './rows'

/** How far an own message has come. */
export type Progress = 'sending' | 'sent' | 'read' | 'failed'

/** A message as the timeline shows it: one that is stored, or one on its way. */
export interface Shown extends Grouped {
  content: Content
  /** Whether an agent has sent it. */
  ours: boolean
  /** Whether this agent has sent it. */
  mine: boolean
  /** For what agents have sent. */
  progress?: Progress
  senderName: string | null
  senderAvatar: string | null
  /** On its way, or failed. */
  entry?: OutboxEntry
}

/** Shows messages of a conversation; the same object for the same message, so that rows that did not change are not rendered anew. */
export class Shower {
  #own: number
  #cache = new WeakMap<Message, Shown>()

  constructor(ownId: number) {
    this.#own = ownId
  }

  /** A stored message. */
  message(message: Message): Shown {
    let shown = this.#cache.get(message)
    if (shown === undefined) {
      const ours = message.senderType === 2
      shown = {
        // The bubble that was shown while the message was on its way goes on, so it has the same key.
        key: message.clientMessageId !== null && ours ? `c:${message.clientMessageId}` : `m:${message.id}`,
        seq: message.seq,
        senderType: message.senderType,
        senderId: message.senderId,
        createTime: message.createTime,
        system: message.contentType === contentTypes.system,
        content: parseContent(message.contentType, message.content),
        ours,
        mine: ours && message.senderId === this.#own,
        ...(ours && { progress: message.readStatus ? ('read' as const) : ('sent' as const) }),
        senderName: message.senderNickname ?? null,
        senderAvatar: message.senderAvatar,
      }
      this.#cache.set(message, shown)
    }
    return shown
  }

  /** A message on its way. */
  entry(entry: OutboxEntry): Shown {
    return {
      key: `c:${entry.clientMessageId}`,
      seq: Number.MAX_SAFE_INTEGER,
      senderType: 2,
      senderId: this.#own,
      createTime: entry.createdAt,
      system: false,
      content: parseContent(entry.contentType, entry.content),
      ours: true,
      mine: true,
      progress: entry.state,
      senderName: null,
      senderAvatar: null,
      entry,
    }
  }
}
