/** The service's data, from its OpenAPI document, and its frames (docs/websocket.md). */
import type { components, paths } from './schema.js'

type Schemas = components['schemas']

export type Paths = paths
export type Message = Schemas['MessageView'] & {
  /** `toast` for a line of the service between the messages: read from the start, and never a row's last message. */
  style?: string
}
export type Conversation = Schemas['ConversationView'] & {
  /** The admin who has sent the newest message: told by frames, and by calls with `lastAdmin`. */
  lastMessageAdminId?: number | undefined
  /** An admin's: the member is blocked, and may read only. */
  userBlocked?: boolean
}
/** A round of service as admins see it (docs/desk.md). `place` is `null` in frames. */
export type Task = Schemas['Task']
/** A round of service as its member sees it. */
export type OwnTask = Schemas['OwnTask']
/** What goes on at the desk. */
export type Overview = Schemas['Overview']
export type EarlierConversation = Schemas['EarlierConversation']
export type Tokens = Schemas['Tokens']
export type ContentType = Schemas['ContentType']
/** 1 a member, 2 an admin. */
export type UserType = Schemas['UserType']
export const MEMBER = 1 satisfies UserType
export const ADMIN = 2 satisfies UserType

/** What the server sends, by the frame's type, with `content` read from its JSON. */
export interface ServerFrames {
  kefu_message_type: Message
  /** An admin has read the member's messages up to `seq`. */
  kefu_message_read_status_change: ReadMark
  /** The member has read the admins' messages up to `seq`. */
  kefu_message_read_by_member: ReadMark
  kefu_conversation_created: { conversationId: number; userId: number }
  kefu_conversation_pinned: { conversationId: number; adminPinned: boolean }
  kefu_conversation_deleted: { conversationId: number }
  kefu_conversation_marked: { conversationId: number; markedUnread: boolean }
  /** A visitor's conversation was linked to a member: it is the member's own now, or one of the member's earlier ones. */
  kefu_conversation_linked: { conversationId: number; userId: number; previousUserId: number }
  /** What is shown of a member beside the conversation has changed: name, page, attributes, block. */
  kefu_member_update: { conversationId: number; userId: number }
  /** What its receiver may not see any more. */
  kefu_conversation_hidden: { conversationId: number }
  /** A round of service was opened or has changed: a `Task` for admins, an `OwnTask` for its member. */
  kefu_task: Task | OwnTask
  /** A round of service is offered to this agent, who accepts or refuses it. */
  kefu_task_offer: Task
  /** What an agent has said about duty (0 off, 1 on, 2 paused, `null` for nothing), and how many rounds the agent has. */
  kefu_agent: { adminId: number; duty: number | null; load: number }
  /** Where a member waits; `text` says it to the member. */
  kefu_queue_position: { conversationId: number; place: number; waiting: number; text: string }
  kefu_typing: { conversationId: number; userId: number; userType: UserType }
  /** The admins who view a conversation. */
  kefu_viewers: { conversationId: number; userIds: number[] }
  kefu_resync_required: { since: number }
  kefu_resync_done: { restoredAt: number | null; reload?: boolean }
  error: { code: number; msg: string }
}

/** What a client sends, by the frame's type. */
export interface ClientFrames {
  /** A member names no conversation. */
  kefu_typing: { conversationId: number } | undefined
  /** What an admin looks at; `null`: at none. */
  kefu_viewing: { conversationId: number | null }
  kefu_resync: { afterSeq: number } | { conversationId: number; afterSeq: number } | { since: number }
}

export interface ReadMark {
  conversationId: number
  readerType: UserType
  seq: number
}

/** A frame from the server. Types that this version does not know arrive, too. */
export type ServerFrame = { [T in keyof ServerFrames]: { type: T; content: ServerFrames[T] } }[keyof ServerFrames]
/** A frame to the server. */
export type ClientFrame = { [T in keyof ClientFrames]: { type: T; content?: ClientFrames[T] } }[keyof ClientFrames]
