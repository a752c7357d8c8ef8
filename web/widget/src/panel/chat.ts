/**
 * The conversation of one login: a visitor's or a member's.
 *
 * Nothing is asked of the service before there is a reason (`begin`): an earlier visit, the first message, an open panel of a
 * member. A first message goes to the outbox at once and makes the visitor on its way; `made` then loads the (empty)
 * conversation and opens the socket, which replays from the start, so that nothing between is missed. The store has the
 * messages, the outbox what is not in the store yet; this class adds what the two do not know: the older pages, the
 * conversations of before a login, uploads, and why nothing can be sent.
 */
import {
  ADMIN,
  type ContentType,
  type EndReason,
  type KefuError,
  MEMBER,
  type Message,
  type OutboxEntry,
} from '@kefu/client'
// `@kefu/client/member`; the console, which builds this file, too, knows the package by its main entry only.
import { createMemberClient, type MemberClient } from '../../../client/src/member.js'
import type { Shell } from '../shell.js'
import type { LoginTokens } from './tokens.js'
import type { Uploads } from './extras/uploads.js'

/** How many messages a page of the history has. */
const PAGE = 30
/** For how long a tab may be out of sight with an open socket, in milliseconds. */
const HIDDEN = 5 * 60_000
/** How often a typing notice is sent, and for how long one is shown, in milliseconds. */
const TYPING_EVERY = 2_000
const TYPING_SHOWN = 5_000
const BLOCKED = 1013022000

type Call = (method: string, path: string, request?: { query?: object; body?: object }) => Promise<unknown>

interface ConversationView {
  id: number
  userId: number
  earlier?: { id: number; lastMessageTime: number }[]
}

export interface ChatEvents {
  changed(): void
  /** An agent's message has come by the socket. */
  arrived(message: Message): void
  /** The login has ended. */
  ended(reason: EndReason): void
}

export class Chat {
  readonly client: MemberClient
  /** Files that wait until the part that uploads them is loaded. */
  files: readonly File[] = []
  uploads: Uploads | null = null
  conversation: ConversationView | null = null
  /** `idle`: nobody has asked for the history. */
  phase: 'idle' | 'loading' | 'ready' | 'failed' = 'idle'
  earlier: (readonly Message[])[] = []
  /** The visitor whose conversation this is. */
  userId: number | undefined
  older: 'none' | 'some' | 'loading' | 'failed' = 'none'
  /** An agent is typing. */
  typing = false
  /** That an agent serves, in words. */
  declare agent: string | undefined
  blocked = false
  /** The login has ended, and the page has to bring another one. */
  expired = false
  /** Until when the service takes nothing, epoch milliseconds. */
  limitedUntil = 0
  #typedAt = 0
  #typingTimer = 0
  #hiddenTimer = 0
  #seen = 0
  #reported = ''
  #beginning: Promise<void> | null = null
  readonly #end = new AbortController()
  readonly call: Call

  constructor(
    shell: Shell,
    readonly tokens: LoginTokens,
    private readonly events: ChatEvents,
  ) {
    this.client = createMemberClient({
      baseUrl: shell.server,
      tokens,
      language: () => shell.locale(),
      onEnded: (reason) => this.#ended(reason),
      outbox: {
        load: () => JSON.parse(shell.tab.get(this.name('outbox')) ?? '[]') as OutboxEntry[],
        save: (entries) => shell.tab.set(this.name('outbox'), entries.length ? JSON.stringify(entries) : null),
      },
    })
    this.call = this.client.http.call as unknown as Call
    const { signal } = this.#end
    this.client.store.subscribe((change) => this.#changed(change))
    this.client.outbox.subscribe(() => this.#outbox())
    this.client.socket.on('state', (state) => {
      if (state === 'open') this.blocked = false
      events.changed()
    })
    this.client.socket.on('frame', ({ type }) => {
      if ((type as string) === 'kefu_conversation_linked') void this.#begin(true)
    })
    addEventListener('online', () => this.client.socket.retryNow(), { signal })
    document.addEventListener('visibilitychange', () => this.#visible(), { signal })
  }

  /** A name in the storage that belongs to this login. */
  name(what: string): string {
    return `${this.tokens.slot}:${what}`
  }

  get messages(): readonly Message[] {
    return this.client.store.messages
  }

  get entries(): readonly OutboxEntry[] {
    return this.client.outbox.entries()
  }

  /** The agents' messages that the visitor has not seen. */
  get unread(): readonly Message[] {
    return this.messages.filter(({ senderType, readStatus }) => senderType === ADMIN && !readStatus)
  }

  /** Somebody has written, or nothing is here. */
  get started(): boolean {
    return this.messages.length > 0 || this.entries.length > 0 || this.earlier.length > 0
  }

  get connected(): boolean {
    // Not `connecting` and not `waiting`. A login that has ended, or is blocked, waits for no connection.
    return this.blocked || !/ing$/.test(this.client.socket.state)
  }

  /**
   * Loads the newest messages and opens the socket. Without a conversation nothing more is loaded and no socket opened,
   * unless the panel is `active`: open, or writing.
   */
  begin(active: boolean): Promise<void> {
    if (!this.tokens.exists) {
      this.phase = 'ready'
      return Promise.resolve()
    }
    const { state } = this.client.socket
    if (this.phase === 'ready' && this.conversation && state !== 'idle' && state !== 'ended') return Promise.resolve()
    return (this.#beginning ??= this.#begin(active).finally(() => (this.#beginning = null)))
  }

  async #begin(active: boolean): Promise<void> {
    if (this.phase !== 'ready') this.phase = 'loading'
    if (!this.tokens.member) this.userId = this.tokens.userId
    this.events.changed()
    try {
      const found = (await this.call('get', '/app-api/promotion/kefu-conversation/get')) as ConversationView | null
      const known = this.conversation
      if (found) this.conversation = found
      if (found && (!known || this.client.socket.state === 'idle')) {
        const messages = await this.#list({ limit: PAGE })
        this.older = messages.length < PAGE ? 'none' : 'some'
        this.client.store.load(messages)
      } else if (active) this.client.store.load([])
      this.earlier = await Promise.all(
        (found?.earlier ?? []).map(async ({ id }) => (await this.#list({ conversationId: id, limit: 200 })).reverse()),
      )
      if (found ?? active) this.client.socket.start()
      this.phase = 'ready'
    } catch (error) {
      if (this.phase === 'loading') this.phase = 'failed'
      this.#fault(error)
    }
    this.events.changed()
  }

  /** The visitor was made, by this tab or another one. */
  made(): void {
    void this.begin(true).then(() => this.report())
  }

  async loadOlder(): Promise<void> {
    const [first] = this.messages
    if (!first || this.older === 'loading' || this.older === 'none') return
    this.older = 'loading'
    this.events.changed()
    try {
      const messages = await this.#list({ limit: PAGE, beforeSeq: first.seq })
      this.older = messages.length < PAGE ? 'none' : 'some'
      this.client.store.add(messages)
    } catch {
      this.older = 'failed'
    }
    this.events.changed()
  }

  send(contentType: number, content: object): void {
    this.tokens.want()
    this.client.outbox.add({ contentType: contentType as ContentType, content: JSON.stringify(content) })
    if (this.tokens.exists && this.client.socket.state === 'idle') void this.begin(true)
    this.report()
  }

  /** The visitor is typing. */
  type(): void {
    const now = Date.now()
    if (now - this.#typedAt < TYPING_EVERY) return
    this.#typedAt = now
    this.client.socket.send({ type: 'kefu_typing' })
  }

  /** The visitor has seen every message. Answers the last `seq` when that is news. */
  async see(): Promise<number | undefined> {
    const last = this.messages.at(-1)?.seq ?? 0
    if (!this.conversation || !this.unread.length || this.#seen >= last) return undefined
    this.#seen = last
    try {
      const query = { conversationId: this.conversation.id, seq: last }
      await this.call('put', '/app-api/promotion/kefu-message/update-read-status', { query })
      this.read(last)
      return last
    } catch {
      this.#seen = 0
      return undefined
    }
  }

  /** Another tab has shown the messages up to `seq`. */
  read(seq: number): void {
    if (!this.conversation) return
    const content = { conversationId: this.conversation.id, readerType: MEMBER, seq } as const
    this.client.store.apply({ type: 'kefu_message_read_by_member', content })
  }

  /** Tells the agents which page the visitor is on. Members' pages are not told: their shop knows them. */
  report(page: { url?: string; title?: string } = {}): void {
    const url = page.url ?? location.href
    const title = (page.title ?? document.title).slice(0, 255)
    if (this.tokens.member || !this.tokens.exists || !/^https?:/.test(url)) return
    const body = { url: url.length > 1024 ? url.split(/[?#]/, 1)[0]?.slice(0, 1024) : url, title }
    const text = JSON.stringify(body)
    if (text === this.#reported) return
    this.#reported = text
    this.call('put', '/app-api/promotion/kefu-visitor/page', { body }).catch((error: unknown) => {
      this.#reported = ''
      // Whoever is blocked learns it here before a message is written.
      this.#fault(error)
      this.events.changed()
    })
  }

  /** Stops everything; nothing is called afterwards. */
  dispose(): void {
    this.#end.abort()
    clearTimeout(this.#typingTimer)
    clearTimeout(this.#hiddenTimer)
    this.uploads?.dispose()
    this.client.dispose()
  }

  async #list(query: object): Promise<Message[]> {
    return (await this.call('get', '/app-api/promotion/kefu-message/list', { query })) as Message[]
  }

  #changed(change: Parameters<Parameters<MemberClient['store']['subscribe']>[0]>[0]): void {
    if (this.#end.signal.aborted) return
    if (change.type === 'messages') {
      const [first] = change.added
      if (first) this.conversation ??= { id: first.conversationId, userId: 0 }
      for (const message of change.live ? change.added : []) {
        if (message.senderType !== ADMIN || message.readStatus) continue
        this.#typing(false)
        this.events.arrived(message)
      }
    }
    if (change.type === 'typing' && change.userType === ADMIN) this.#typing(true)
    if (change.type === 'reload') {
      this.client.socket.stop()
      void this.begin(true)
    }
    this.events.changed()
  }

  #outbox(): void {
    for (const { error } of this.entries) if (error) this.#fault(error)
    this.events.changed()
  }

  #fault(error: unknown): void {
    const { code, retryAfterMs } = error as KefuError
    if (code === BLOCKED) this.blocked = true
    if (code === 429) this.limitedUntil = Math.max(this.limitedUntil, Date.now() + (retryAfterMs ?? 5_000))
  }

  #typing(on: boolean): void {
    clearTimeout(this.#typingTimer)
    this.typing = on
    if (!on) return
    this.#typingTimer = window.setTimeout(() => {
      this.typing = false
      this.events.changed()
    }, TYPING_SHOWN)
  }

  /** A socket for nobody is closed, and opened again with what was missed. */
  #visible(): void {
    clearTimeout(this.#hiddenTimer)
    const { socket } = this.client
    if (document.hidden) this.#hiddenTimer = window.setTimeout(() => socket.stop(), HIDDEN)
    else if (socket.state === 'idle' && this.conversation) socket.start()
    else socket.retryNow()
  }

  #ended(reason: EndReason): void {
    if (this.#end.signal.aborted) return
    if (reason === 'disabled') this.blocked = true
    this.events.ended(reason)
    this.events.changed()
  }
}
