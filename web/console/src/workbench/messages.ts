import { type Client, KefuError, type Message } from '@kefu/client'
import { computed, shallowReactive, shallowRef } from 'vue'
import { firstIndex } from './timeline/sorted'

/** Messages per call. */
export const pageSize = 50
/** The most messages that are shown at once; beyond, those at the far end are let go. */
export const windowSize = 400
/** How much of what was read stands above the first unread message. */
const context = 10

/** Where a conversation is opened: at its end, at what is unread, or where the reader was. */
export type Opening = { at: 'end' } | { at: 'unread'; count: number } | { at: 'seq'; seq: number }

/**
 * The part of one conversation that the timeline shows: a window of consecutive messages, `low` to `high` by `seq`.
 *
 * Protocol: messages live in the client's store, by `seq`; this decides which of them are shown and fetches what the window lacks. The window grows at
 * the end that the reader scrolls to and is cut at the other one beyond `windowSize`. A live message enters only when it follows the last one that
 * is shown; otherwise it counts as newer (`newer`). Answers that come after `dispose`, or for a window that was opened anew meanwhile, are dropped.
 *
 * Invariant: what is shown has no gap: every `seq` from `low` to `high` that the service has.
 */
export class History {
  readonly conversationId: number
  /** What is shown, oldest first. The same array until something changes. */
  readonly shown = shallowRef<readonly Message[]>([])
  /** The state of the first load. */
  readonly state = shallowRef<'loading' | 'ready' | 'failed'>('loading')
  /** Why the first load, the load of older or of newer messages failed. */
  readonly errors = shallowReactive<{ first?: KefuError; older?: KefuError; newer?: KefuError }>({})
  readonly loading = shallowReactive({ older: false, newer: false })
  /** Whether the window begins with the conversation's first message. */
  readonly atStart = shallowRef(false)
  /** Whether the window ends with the conversation's last message. */
  readonly atEnd = computed(() => this.state.value === 'ready' && this.#high.value >= this.#newest.value)
  /** How many messages follow the window. */
  readonly newer = computed(() => this.newerThan(0))

  #client: Client
  #low = shallowRef(0)
  #high = shallowRef(0)
  #newest = shallowRef(0)
  #opened = 0
  #disposed = false
  #opening: Opening = { at: 'end' }
  #ends: (() => void)[]

  constructor(client: Client, conversationId: number) {
    this.#client = client
    this.conversationId = conversationId
    this.#ends = [
      client.store.retain(conversationId),
      client.store.subscribe((change) => {
        if (change.type === 'messages' && change.id === conversationId) this.#onMessages()
        else if (change.type === 'reload') void this.#onReload(change.forgotten)
      }),
    ]
  }

  /** How many messages follow the window and are above `seq`, reactive. */
  newerThan(seq: number): number {
    return Math.max(0, this.#newest.value - Math.max(this.#high.value, seq))
  }

  /** Lets go of the conversation. */
  dispose(): void {
    this.#disposed = true
    for (const end of this.#ends) end()
  }

  /** Loads the window anew. What the store has of the end is shown at once. */
  async open(opening: Opening = { at: 'end' }): Promise<void> {
    const opened = ++this.#opened
    this.#opening = opening
    this.errors.first = this.errors.older = this.errors.newer = undefined
    this.loading.older = this.loading.newer = false
    if (opening.at !== 'end' || !this.#showStored()) this.state.value = 'loading'
    try {
      const messages = await this.#fetchWindow(opening)
      if (this.#stale(opened)) return
      this.#client.store.add(messages)
      this.#setWindow(messages)
      this.state.value = 'ready'
      this.#publish()
      this.#follow()
    } catch (error) {
      if (this.#stale(opened)) return
      this.errors.first = asKefuError(error)
      if (this.state.value === 'loading') this.state.value = 'failed'
    }
  }

  /** Tries the first load again. */
  retry(): Promise<void> {
    return this.open(this.#opening)
  }

  /** Loads a page of older messages in front, unless it is under way or there is none. */
  async loadOlder(): Promise<void> {
    if (this.state.value !== 'ready' || this.atStart.value || this.loading.older) return
    const opened = this.#opened
    this.loading.older = true
    this.errors.older = undefined
    try {
      const page = await this.#list({ beforeSeq: this.#low.value, limit: pageSize })
      if (this.#stale(opened)) return
      this.#client.store.add(page)
      this.atStart.value = page.length < pageSize
      this.#low.value = page.at(-1)?.seq ?? this.#low.value
      this.#cut('end')
      this.#publish()
    } catch (error) {
      if (!this.#stale(opened)) this.errors.older = asKefuError(error)
    } finally {
      if (!this.#stale(opened)) this.loading.older = false
    }
  }

  /** Loads a page of newer messages behind, unless it is under way or there is none. */
  async loadNewer(): Promise<void> {
    if (this.state.value !== 'ready' || this.atEnd.value || this.loading.newer) return
    const opened = this.#opened
    this.loading.newer = true
    this.errors.newer = undefined
    try {
      const page = await this.#list({ afterSeq: this.#high.value, limit: pageSize })
      if (this.#stale(opened)) return
      this.#client.store.add(page)
      const last = page.at(-1)?.seq
      this.#high.value = last ?? this.#high.value
      // The service knows best what the last one is: a restored database may have fewer than was known.
      if (page.length < pageSize) this.#newest.value = this.#high.value
      this.#cut('start')
      this.#publish()
    } catch (error) {
      if (!this.#stale(opened)) this.errors.newer = asKefuError(error)
    } finally {
      if (!this.#stale(opened)) this.loading.newer = false
    }
    if (!this.#stale(opened)) this.#extend()
  }

  async #fetchWindow(opening: Opening): Promise<Message[]> {
    if (opening.at === 'seq') {
      const half = Math.floor(pageSize / 2)
      const page = await this.#list({ afterSeq: Math.max(0, opening.seq - half - 1), limit: pageSize })
      if (page.length > 0) return page.reverse()
    }
    if (opening.at === 'unread' && opening.count + context > pageSize) {
      const page = await this.#findUnread(opening.count)
      if (page !== undefined) return page
    }
    const messages = await this.#list({ limit: pageSize, beforeSeq: Number.MAX_SAFE_INTEGER })
    // The first unread message may stand further up: the agents' own messages are in between.
    for (
      let full = messages.length === pageSize;
      full && messages.length < windowSize && !holdsUnread(messages, opening);
    ) {
      const page = await this.#list({ limit: pageSize, beforeSeq: messages.at(-1)?.seq ?? 1 })
      messages.push(...page)
      full = page.length === pageSize
    }
    return messages
  }

  /**
   * Finds the first unread message of many without loading all of them. It is at most `count` messages before the end; where agents have written in
   * between it is further up, page by page. At most two pages are answered, newest first; `undefined` when nothing is unread there (any more).
   */
  async #findUnread(count: number): Promise<Message[] | undefined> {
    let page = await this.#list({ afterSeq: Math.max(0, this.#known() - count - context), limit: pageSize })
    for (let steps = 0; steps < windowSize / pageSize && !holdsRead(page); steps++) {
      const older = await this.#list({ beforeSeq: page[0]?.seq ?? 1, limit: pageSize })
      page = [...older.reverse(), ...page.slice(0, pageSize)]
      if (older.length < pageSize) break
    }
    return page.some(isUnread) ? page.reverse() : undefined
  }

  #list(query: { limit: number; beforeSeq?: number; afterSeq?: number }): Promise<Message[]> {
    return this.#client.http.call('get', '/admin-api/promotion/kefu-message/list', {
      query: { conversationId: this.conversationId, ...query },
    })
  }

  /** Shows the end of the conversation as far as the store has it without a gap; whether there is any. */
  #showStored(): boolean {
    const stored = this.#client.store.messages(this.conversationId)
    const last = stored.at(-1)
    if (last === undefined || last.seq < this.#known()) return false
    let first = stored.length - 1
    while (stored[first - 1]?.seq === last.seq - (stored.length - first)) first--
    if (stored.length - first < Math.min(last.seq, 20)) return false
    this.#setWindow(stored.slice(first).reverse())
    this.state.value = 'ready'
    this.#publish()
    return true
  }

  /** Takes a window of messages, newest first. */
  #setWindow(messages: readonly Message[]): void {
    const last = messages[0]?.seq ?? 0
    this.#low.value = messages.at(-1)?.seq ?? 0
    this.#high.value = last
    this.#newest.value = Math.max(last, this.#known())
    this.atStart.value = this.#low.value <= 1
  }

  /** The highest `seq` that the store knows of. */
  #known(): number {
    const { store } = this.#client
    return Math.max(
      store.conversations.get(this.conversationId)?.lastSeq ?? 0,
      store.messages(this.conversationId).at(-1)?.seq ?? 0,
    )
  }

  #onMessages(): void {
    if (this.state.value !== 'ready') return
    const atEnd = this.atEnd.value
    this.#newest.value = Math.max(this.#newest.value, this.#known())
    if (atEnd) this.#extend()
    this.#publish()
  }

  /** Lets the window follow what the store has behind it without a gap, and fetches when there is a gap. */
  #extend(): void {
    const stored = this.#client.store.messages(this.conversationId)
    let high = this.#high.value
    for (let index = indexAfter(stored, high); stored[index]?.seq === high + 1; index++) high++
    if (high !== this.#high.value) {
      this.#high.value = high
      if (this.#low.value === 0) this.#low.value = stored[0]?.seq ?? 0
      this.#cut('start')
      this.#publish()
    }
    this.#follow()
  }

  /** Fetches the rest when a few messages are lacking behind the window; a long way off the reader decides. */
  #follow(): void {
    if (this.newer.value > 0 && this.newer.value <= pageSize && this.errors.newer === undefined) void this.loadNewer()
  }

  async #onReload(forgotten: boolean): Promise<void> {
    const first = this.shown.value.at(0)
    if (forgotten || first === undefined || this.atEnd.value) await this.open({ at: 'end' })
    else await this.open({ at: 'seq', seq: first.seq + Math.floor(pageSize / 2) })
  }

  /** Lets go of what is beyond `windowSize` at one end. */
  #cut(end: 'start' | 'end'): void {
    const excess = this.#high.value - this.#low.value + 1 - windowSize
    if (excess <= 0) return
    if (end === 'end') this.#high.value -= excess
    else {
      this.#low.value += excess
      this.atStart.value = false
    }
  }

  #publish(): void {
    const stored = this.#client.store.messages(this.conversationId)
    this.shown.value = stored.slice(indexAfter(stored, this.#low.value - 1), indexAfter(stored, this.#high.value))
  }

  #stale(opened: number): boolean {
    return this.#disposed || opened !== this.#opened
  }
}

/** The index of the first message above a `seq`; messages are in order. */
function indexAfter(messages: readonly Message[], seq: number): number {
  return firstIndex(messages, (message) => message.seq > seq)
}

/** Whether messages hold everything that was unread. What is older than a message that was read was read, too. */
function holdsUnread(messages: readonly Message[], opening: Opening): boolean {
  if (opening.at !== 'unread' || messages.some((message) => message.senderType === 1 && message.readStatus)) return true
  return messages.filter(isUnread).length >= opening.count
}

/** Whether messages, oldest first, begin with what is read, or with the conversation. */
function holdsRead(messages: readonly Message[]): boolean {
  const first = messages.find((message) => message.senderType === 1)
  return messages[0]?.seq === 1 || first === undefined || !isUnread(first)
}

function isUnread(message: Message): boolean {
  return message.senderType === 1 && !message.readStatus
}

/** An error as the client's, so that there is always a text, a code and an id to show. */
export function asKefuError(error: unknown): KefuError {
  return error instanceof KefuError ? error : new KefuError(0, '', 0, null, null, { cause: error })
}
