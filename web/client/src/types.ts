/** The client's parts as its users see them. Each is made by the module of its name. */
import type { KefuError } from './error.js'
import type { ClientFrame, ContentType, Conversation, Message, Paths, ServerFrame, Tokens, UserType } from './model.js'
import type { Clock, Fetch, Signal, SocketConstructor } from './platform.js'

export interface ClientOptions {
  /** The service's origin, without a slash at its end: `https://kefu.example`, in a page `location.origin`. */
  baseUrl: string
  userType: 'admin' | 'member'
  tokens: TokenStore
  /** Sent as `tenant-id`; without it the token's tenant, or 1 for a login. */
  tenantId?: number
  /** The language of the service's messages, e.g. `() => 'en'`, asked at each call. */
  language?: () => string
  /** Called once when the login has ended; the tokens are gone by then, except for the reason `displaced`. */
  onEnded?: (reason: EndReason) => void
  /** Keeps what was not sent yet over a reload. */
  outbox?: OutboxStorage
  /** How many messages of a conversation are kept that nothing retains; by default 50. */
  keep?: number
  fetch?: Fetch
  WebSocket?: SocketConstructor
  clock?: Clock
  /** From 0 to below 1, for back-off and ids. */
  random?: () => number
}

/**
 * Where the tokens of the login live. `get` is asked each time, so that tabs can share what it reads. An empty
 * `accessToken` is renewed before the first call.
 */
export interface TokenStore {
  get(): StoredTokens | null
  /** Takes the tokens of a login or a refresh; `null` when the login has ended. */
  set(tokens: Tokens | null): void
  /** Brings a new token where the service has none to refresh, e.g. one that the integrator's system signs. */
  renew?(): Promise<StoredTokens | null>
  /** Runs `work` while no other tab runs its own, e.g. by `navigator.locks`. */
  exclusive?<T>(work: () => Promise<T>): Promise<T>
}

export interface StoredTokens {
  accessToken: string
  refreshToken?: string
}

/**
 * Why a login has ended: `expired` the refresh token is not valid any more, `revoked` it was ended (close code 4002),
 * `disabled` the account was disabled or its password changed (4003), `displaced` the user has too many sockets (4010):
 * here the tokens stay, and `socket.start()` goes on.
 */
export type EndReason = 'expired' | 'revoked' | 'disabled' | 'displaced'

export interface Client {
  readonly http: Http
  readonly socket: Socket
  readonly outbox: Outbox
  readonly store: Store
  /** Stops the socket and the outbox; nothing is called afterwards. */
  dispose(): void
}

// Calls ---------------------------------------------------------------------------------------------------------------

export type Method = 'get' | 'post' | 'put' | 'delete'
type Operation<M extends Method, P extends PathOf<M>> = Paths[P] extends Record<M, infer O> ? O : never
/** The paths that know the method. */
export type PathOf<M extends Method> = {
  [P in keyof Paths]: Paths[P] extends Record<M, { responses: unknown }> ? P : never
}[keyof Paths]
type QueryOf<O> = O extends { parameters: { query?: infer Q } } ? Exclude<Q, undefined> : never
type BodyOf<O> = O extends { requestBody: { content: infer C } }
  ? C extends { 'multipart/form-data': unknown }
    ? object
    : C[keyof C]
  : never
type DataOf<O> = O extends { responses: { 200: { content: { 'application/json': { data: infer D } } } } } ? D : unknown
/** Calls whose success may carry `null`: there is none. */
export type Nullable =
  | '/admin-api/promotion/kefu-channel/get'
  | '/admin-api/promotion/kefu-conversation/get'
  | '/app-api/promotion/kefu-conversation/get'
/** What a call answers. Elsewhere than at `Nullable` paths only failures carry `null`. */
export type Data<M extends Method, P extends PathOf<M>> = P extends Nullable
  ? DataOf<Operation<M, P>>
  : Exclude<DataOf<Operation<M, P>>, null>
type Part<K extends string, T> = [T] extends [never]
  ? Partial<Record<K, never>>
  : object extends T
    ? Partial<Record<K, T>>
    : Record<K, T>
export type Request<M extends Method, P extends PathOf<M>> = Part<'query', QueryOf<Operation<M, P>>> &
  Part<'body', BodyOf<Operation<M, P>>> & { signal?: Signal }
type Arguments<R> = object extends R ? [request?: R] : [request: R]

export interface Http {
  /**
   * Calls the service and answers the envelope's `data`. On code 401 the token is refreshed, once for all calls that wait,
   * and the call is repeated once.
   * @throws {KefuError} for every code but 0, and when no answer came.
   */
  call<M extends Method, P extends PathOf<M>>(
    method: M,
    path: P,
    ...request: Arguments<Request<M, P>>
  ): Promise<Data<M, P>>
  /**
   * For calls that `call` cannot make, e.g. uploads with progress: calls `send` with an access token, and once more with
   * a new one when it throws a KefuError of code 401.
   */
  withToken<T>(send: (accessToken: string) => Promise<T>): Promise<T>
  /** Reads an envelope as `call` does, for what `withToken` sends. `header` answers a header of the answer. */
  unwrap(status: number, envelope: unknown, header: (name: string) => string | null): unknown
}

// The socket ----------------------------------------------------------------------------------------------------------

/** `idle` before `start` and after `stop`; `ended`: does not connect by itself any more. */
export type SocketState = 'idle' | 'connecting' | 'open' | 'waiting' | 'ended'

export interface SocketEvents {
  state: SocketState
  /** Every frame, after the store has taken it. */
  frame: ServerFrame
  ended: EndReason
  /** A socket is open again after a break and everything missed is in the store; `messages`: how many of the other side's are new. */
  recovered: { messages: number }
}

export interface Socket {
  readonly state: SocketState
  /** Attempts in a row that have failed. */
  readonly attempts: number
  /** When the next attempt begins, epoch milliseconds; `null` unless waiting. */
  readonly nextRetryAt: number | null
  /** Connects, and again after each break. Load the store first: see `Store.load`. */
  start(): void
  /** Closes the socket and does not connect again. */
  stop(): void
  /** Connects now instead of later; tests an open socket. For `online` and `visibilitychange`. */
  retryNow(): void
  /** Sends a frame; false when no socket is open: frames are hints and are not kept. */
  send(frame: ClientFrame): boolean
  /** Calls `listener` for each event; what comes back ends that. */
  on<E extends keyof SocketEvents>(event: E, listener: (value: SocketEvents[E]) => void): () => void
}

// The outbox ----------------------------------------------------------------------------------------------------------

export interface Draft {
  /** For admins; a member has one conversation. */
  conversationId?: number
  contentType: ContentType
  content: string
}

export interface OutboxEntry extends Draft {
  /** The same with every try, so that the service stores the message once. */
  readonly clientMessageId: string
  /** Epoch milliseconds, by the own clock. */
  readonly createdAt: number
  /** `sending`: under way, or waiting for a connection. `sent`: stored, and not in the store yet. */
  readonly state: 'sending' | 'sent' | 'failed'
  /** The message's id once it is sent. */
  readonly messageId?: number
  /** Why it failed. */
  readonly error?: { code: number; msg: string; retryAfterMs: number | null; requestId: string | null }
}

/** Keeps entries over a reload; per tab, e.g. in `sessionStorage`. */
export interface OutboxStorage {
  load(): OutboxEntry[]
  save(entries: readonly OutboxEntry[]): void
}

export interface Outbox {
  /** What is not in the store yet, oldest first; of one conversation when it is named. */
  entries(conversationId?: number): readonly OutboxEntry[]
  /** Sends a message; the messages of a conversation go one after the other. */
  add(draft: Draft): OutboxEntry
  /** Sends a failed one again, under the same `clientMessageId`. */
  retry(clientMessageId: string): void
  /** Forgets an entry that is not under way any more; false when it is. */
  remove(clientMessageId: string): boolean
  /** Calls `listener` with the conversation whose entries have changed; what comes back ends that. */
  subscribe(listener: (conversationId: number | undefined) => void): () => void
}

// The store -----------------------------------------------------------------------------------------------------------

/** What the socket, the resync and the outbox need of a store. */
export interface LiveStore {
  /** Where a resync begins: a member's `seq`, an admin's time; `null` before the first load. */
  readonly position: number | null
  /** The `seq` of the message before, when messages lack between it and this one; else `null`. */
  gapBefore(message: Message): number | null
  apply(frame: ServerFrame): void
  subscribe(listener: (change: Change | MemberChange) => void): () => void
}

/** What has changed in a member's store. */
export type MemberChange =
  /** `live`: from the socket. */
  | { type: 'messages'; added: readonly Message[]; live: boolean }
  | { type: 'typing'; userType: UserType }
  /** Load again: the store is empty. */
  | { type: 'reload'; forgotten: boolean }

/** What has changed in the store. */
export type Change =
  /** A conversation is new, changed or gone: see `conversations`. */
  | { type: 'conversation'; id: number }
  /** Conversations of a list call. */
  | { type: 'conversations'; ids: readonly number[] }
  /** Something happened in a conversation that the store does not have, or whose counts cannot be known: fetch it. */
  | { type: 'unknown'; id: number }
  /** `live`: from the socket, not known before, and newer than the first load. */
  | { type: 'messages'; id: number; added: readonly Message[]; changed: readonly Message[]; live: boolean }
  /** A conversation's member is another one, or is described in other words: fetch what is shown of them. */
  | { type: 'member'; id: number; userId: number }
  | { type: 'typing'; id: number; userId: number; userType: UserType }
  | { type: 'viewers'; id: number; userIds: readonly number[] }
  /** Fetch the list (`load`) and the open conversations again; with `forgotten` the store is empty. */
  | { type: 'reload'; forgotten: boolean }

export interface Store {
  readonly conversations: ReadonlyMap<number, Conversation>
  /** The messages of a conversation that are here, by `seq`. The same array until one changes. */
  messages(conversationId: number): readonly Message[]
  /** The ranges of `seq` that lack between the messages that are here: `[first, last]` each. */
  gaps(conversationId: number): [first: number, last: number][]
  /** Up to which `seq` one side has read the other's messages, as far as frames and conversations have said. */
  readUpTo(conversationId: number, reader: UserType): number
  /**
   * Begins with a first load: an admin's list of conversations (its first page, newest first), or a member's newest
   * messages. What the socket asks for after a break goes on from here.
   */
  load(first: { conversations: readonly Conversation[] } | { messages: readonly Message[] }): void
  /** Takes conversations of a further page or a fresh look. */
  upsert(conversations: readonly Conversation[]): void
  /** Takes messages of a list call, in any order. */
  add(messages: readonly Message[]): void
  /** Takes a frame. The socket does this by itself. */
  apply(frame: ServerFrame): void
  /** Keeps all messages of a conversation while it is open; what comes back lets go, and the newest `keep` stay. */
  retain(conversationId: number): () => void
  /** The restore of the database that this state belongs to (docs/websocket.md#resync); `undefined`: not heard yet. */
  restoredAt: number | null | undefined
  subscribe(listener: (change: Change) => void): () => void
}

export type { KefuError }
