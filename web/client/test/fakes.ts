/** A clock, a socket and a service that tests hold in their hands. */
import {
  createClient,
  type Client,
  type ClientOptions,
  type Conversation,
  type EndReason,
  type Message,
} from '../src/index.js'
import type { Clock, HttpAnswer, HttpRequest, Socketlike } from '../src/index.js'
import type { StoredTokens, TokenStore } from '../src/index.js'

/** Lets everything run that waits for nothing but promises. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await Promise.resolve()
}

export class FakeClock implements Clock {
  time = 1_000_000
  readonly #timers = new Set<{ at: number; work: () => void }>()

  now = () => this.time

  after = (milliseconds: number, work: () => void) => {
    const timer = { at: this.time + milliseconds, work }
    this.#timers.add(timer)
    return () => void this.#timers.delete(timer)
  }

  get timers(): number {
    return this.#timers.size
  }

  async advance(milliseconds: number): Promise<void> {
    const end = this.time + milliseconds
    await settle()
    for (;;) {
      const next = [...this.#timers].sort((a, b) => a.at - b.at)[0]
      if (!next || next.at > end) break
      this.#timers.delete(next)
      this.time = next.at
      next.work()
      await settle()
    }
    this.time = end
  }
}

export class FakeSocket implements Socketlike {
  static all: FakeSocket[] = []
  static get last(): FakeSocket {
    return FakeSocket.all.at(-1)!
  }

  readyState = 0
  onopen: Socketlike['onopen'] = null
  onmessage: Socketlike['onmessage'] = null
  onclose: Socketlike['onclose'] = null
  onerror: Socketlike['onerror'] = null
  readonly sent: string[] = []

  constructor(
    readonly url: string,
    readonly protocols: string[],
  ) {
    FakeSocket.all.push(this)
  }

  open(): void {
    this.readyState = 1
    this.onopen?.(undefined as never)
  }

  send(text: string): void {
    this.sent.push(text)
  }

  /** What was sent but pings. */
  get frames(): unknown[] {
    return this.sent.filter((text) => text !== 'ping').map((text) => JSON.parse(text) as unknown)
  }

  receive(type: string, content: unknown): void {
    this.onmessage?.({ data: JSON.stringify({ type, content: JSON.stringify(content) }) })
  }

  pong(): void {
    this.onmessage?.({ data: 'pong' })
  }

  close(): void {
    this.readyState = 3
  }

  /** The server, or the network, closes. */
  drop(code: number): void {
    this.readyState = 3
    this.onclose?.({ code, reason: '' })
  }
}

export interface Call {
  method: string
  path: string
  query: URLSearchParams
  body: unknown
  headers: Record<string, string>
  /** Answers with an envelope; an error is what reading the answer fails with. */
  answer(envelope: object, options?: { status?: number; headers?: Record<string, string> }): Promise<void>
  /** The network breaks. */
  fail(): Promise<void>
}

/** Calls wait here until the test answers them, or `respond` does. */
export class FakeService {
  readonly calls: Call[] = []
  respond: ((call: Call) => object | undefined) | null = null

  fetch = (url: string, request: HttpRequest): Promise<HttpAnswer> =>
    new Promise((resolve, reject) => {
      const { pathname, searchParams } = new URL(url)
      const call: Call = {
        method: request.method,
        path: pathname,
        query: searchParams,
        body: typeof request.body === 'string' ? JSON.parse(request.body) : request.body,
        headers: request.headers,
        answer: (envelope, { status = 200, headers = {} } = {}) => {
          const lower = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
          resolve({
            status,
            headers: { get: (name) => lower[name.toLowerCase()] ?? null },
            json: () => (envelope instanceof Error ? Promise.reject(envelope) : Promise.resolve(envelope)),
          })
          return settle()
        },
        fail: () => {
          reject(new TypeError('Failed to fetch'))
          return settle()
        },
      }
      const signal = request.signal as AbortSignal | undefined
      const abort = () => reject(new DOMException('aborted', 'AbortError'))
      if (signal?.aborted) abort()
      signal?.addEventListener('abort', abort)
      this.calls.push(call)
      const envelope = this.respond?.(call)
      if (envelope) void call.answer(envelope)
    })

  get last(): Call {
    return this.calls.at(-1)!
  }

  /** How often a path was called. */
  count(path: string): number {
    return this.calls.filter((call) => call.path.endsWith(path)).length
  }
}

export const ok = (data: unknown) => ({ code: 0, msg: '', data })
export const refusal = (code: number, msg = '') => ({ code, msg, data: null })

export class FakeTokens implements TokenStore {
  constructor(public value: StoredTokens | null = { accessToken: 'access-1', refreshToken: 'refresh-1' }) {}
  get = () => this.value
  set = (tokens: StoredTokens | null) => void (this.value = tokens)
}

export interface World {
  client: Client
  clock: FakeClock
  service: FakeService
  tokens: FakeTokens
  ended: EndReason[]
}

export function world(options: Partial<ClientOptions> = {}): World {
  FakeSocket.all = []
  const clock = new FakeClock()
  const service = new FakeService()
  const tokens = (options.tokens as FakeTokens | undefined) ?? new FakeTokens()
  const ended: EndReason[] = []
  const client = createClient({
    baseUrl: 'http://kefu.test',
    userType: 'admin',
    fetch: service.fetch,
    WebSocket: FakeSocket,
    clock,
    // The middle: a back-off is its plain number of seconds.
    random: () => 0.5,
    onEnded: (reason) => ended.push(reason),
    ...options,
    tokens,
  })
  return { client, clock, service, tokens, ended }
}

export function message(seq: number, fields: Partial<Message> = {}): Message {
  return {
    id: 100 + seq,
    conversationId: 1,
    senderId: 7,
    senderAvatar: null,
    senderNickname: '小明',
    senderType: 1,
    receiverId: null,
    receiverType: null,
    contentType: 1,
    content: `{"text":"${seq}"}`,
    readStatus: false,
    createTime: 10_000 + seq,
    seq,
    clientMessageId: null,
    ...fields,
  }
}

export function conversation(id: number, fields: Partial<Conversation> = {}): Conversation {
  return {
    id,
    userId: 7,
    userAvatar: null,
    userNickname: '小明',
    lastMessageTime: 10_000,
    lastMessageContent: '',
    lastMessageContentType: 1,
    adminPinned: false,
    userDeleted: false,
    adminDeleted: false,
    adminUnreadMessageCount: 0,
    memberUnreadMessageCount: 0,
    createTime: 10_000,
    lastSeq: 0,
    cursor: `0.10000.${id}`,
    ...fields,
  }
}
