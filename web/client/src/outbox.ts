/**
 * What is to be sent.
 *
 * The messages of a conversation go one after the other (`#busy` holds the conversations whose first one is under way), those
 * of several at the same time. A try that fails for now (`KefuError.temporary`) is repeated under the same `clientMessageId`:
 * after a pause, or at once when a socket opens. Without an open socket that goes on for ever; with one, `TRIES` times. An
 * entry leaves when its message is in the store, whichever comes first: the frame, the answer to the call, a list.
 */
import { Emitter } from './emitter.js'
import { KefuError } from './error.js'
import type { Clock } from './platform.js'
import type { Draft, LiveStore, Outbox, OutboxEntry, OutboxStorage, Socket } from './types.js'

const TRIES = 4
const LONGEST_PAUSE = 30_000

type Key = number | undefined

export class Sender implements Outbox {
  #entries: readonly OutboxEntry[]
  readonly #busy = new Set<Key>()
  /** The entries whose call has no answer yet. */
  readonly #calling = new Set<string>()
  readonly #changes = new Emitter<Key>()
  /** Ends the pause of one entry, or of all. */
  readonly #woken = new Emitter<string | undefined>()
  #disposed = false
  #count = 0

  constructor(
    private readonly post: (
      message: Omit<Draft, 'conversationId'> & { clientMessageId: string },
      conversationId?: number,
    ) => Promise<number>,
    private readonly socket: Socket,
    store: LiveStore,
    private readonly clock: Clock,
    private readonly random: () => number,
    private readonly storage: OutboxStorage | undefined,
  ) {
    this.#entries = (storage?.load() ?? []).filter(({ state }) => state !== 'sent')
    store.subscribe((change) => {
      if (change.type === 'messages') {
        for (const { id, clientMessageId } of change.added) {
          this.#drop((entry) => entry.clientMessageId === clientMessageId || entry.messageId === id)
        }
      }
      // Their messages are gone, or come with the first load.
      if (change.type === 'reload' && change.forgotten) this.#drop(({ state }) => state === 'sent')
    })
    socket.on('state', (state) => {
      if (state === 'open') this.#woken.emit(undefined)
    })
    for (const key of new Set(this.#entries.map(({ conversationId }) => conversationId))) this.#pump(key)
  }

  subscribe = this.#changes.subscribe

  entries(conversationId?: number): readonly OutboxEntry[] {
    if (conversationId === undefined) return this.#entries
    return this.#entries.filter((entry) => entry.conversationId === conversationId)
  }

  add(draft: Draft): OutboxEntry {
    const entry = { ...draft, clientMessageId: this.#newId(), createdAt: this.clock.now(), state: 'sending' as const }
    this.#replace([...this.#entries, entry], entry.conversationId)
    this.#pump(entry.conversationId)
    return entry
  }

  retry(clientMessageId: string): void {
    const entry = this.#find(clientMessageId)
    if (entry?.state !== 'failed') return
    this.#set(clientMessageId, { state: 'sending', error: undefined })
    this.#pump(entry.conversationId)
  }

  remove(clientMessageId: string): boolean {
    if (this.#calling.has(clientMessageId)) return false
    this.#drop((entry) => entry.clientMessageId === clientMessageId)
    return true
  }

  dispose(): void {
    this.#disposed = true
    this.#woken.emit(undefined)
  }

  #pump(key: Key): void {
    if (this.#disposed || this.#busy.has(key)) return
    const next = this.#entries.find((entry) => entry.conversationId === key && entry.state === 'sending')
    if (!next) return
    this.#busy.add(key)
    void this.#send(next).then(() => {
      this.#busy.delete(key)
      this.#pump(key)
    })
  }

  /** Tries until the entry is sent, has failed or is gone. */
  async #send({ clientMessageId: id, ...entry }: OutboxEntry): Promise<void> {
    let failures = 0
    for (let tries = 1; !this.#disposed && this.#find(id)?.state === 'sending'; tries++) {
      this.#calling.add(id)
      const result = await this.#post(id, entry).finally(() => this.#calling.delete(id))
      if (typeof result === 'number') {
        this.#set(id, { state: 'sent', messageId: result, error: undefined })
        return
      }
      const { code, msg, retryAfterMs, requestId } = result
      // A limit is a matter of waiting, and without a socket there is no connection.
      if (this.socket.state === 'open' && code !== 429) failures += 1
      const failed = !(result.temporary || code === 401) || failures >= TRIES
      this.#set(id, { state: failed ? 'failed' : 'sending', error: { code, msg, retryAfterMs, requestId } })
      if (failed) return
      // After the end of a login only the next one helps, and it opens a socket.
      await this.#pause(id, code === 401 ? null : (retryAfterMs ?? Math.min(LONGEST_PAUSE, 1000 * 2 ** (tries - 1))))
    }
  }

  async #post(clientMessageId: string, { conversationId, contentType, content }: Draft): Promise<number | KefuError> {
    try {
      return await this.post({ contentType, content, clientMessageId }, conversationId)
    } catch (error) {
      return error instanceof KefuError ? error : new KefuError(0, '', 0, null, null, { cause: error })
    }
  }

  /** Waits for so many milliseconds (`null`: without a limit), or until there is a reason to try at once. */
  #pause(id: string, milliseconds: number | null): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        cancel()
        end()
        resolve()
      }
      const cancel = milliseconds === null ? () => undefined : this.clock.after(milliseconds, wake)
      const end = this.#woken.subscribe((whose) => {
        if (whose === undefined || whose === id) wake()
      })
    })
  }

  #find(clientMessageId: string): OutboxEntry | undefined {
    return this.#entries.find((entry) => entry.clientMessageId === clientMessageId)
  }

  #set(clientMessageId: string, fields: Partial<OutboxEntry>): void {
    const known = this.#find(clientMessageId)
    if (!known) return
    const entries = this.#entries.map((entry) => (entry === known ? { ...entry, ...fields } : entry))
    this.#replace(entries, known.conversationId)
  }

  #drop(gone: (entry: OutboxEntry) => boolean): void {
    const dropped = this.#entries.filter(gone)
    if (!dropped.length) return
    const left = this.#entries.filter((entry) => !gone(entry))
    for (const { conversationId, clientMessageId } of dropped) {
      this.#replace(left, conversationId)
      this.#woken.emit(clientMessageId)
    }
  }

  #replace(entries: readonly OutboxEntry[], key: Key): void {
    this.#entries = entries
    this.storage?.save(entries)
    this.#changes.emit(key)
  }

  /** Unique by its random part over all clients, and by the count within this one. */
  #newId(): string {
    const parts = Array.from({ length: 4 }, () => Math.floor(this.random() * 2 ** 32).toString(36))
    return `${parts.join('')}-${++this.#count}`
  }
}
