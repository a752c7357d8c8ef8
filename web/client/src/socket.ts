/**
 * The WebSocket (docs/websocket.md).
 *
 * One socket at a time. Each attempt has its number (`#attempt`), and what an earlier attempt still brings, e.g. the token
 * it waited for, is dropped by it. A socket that says nothing within `PONG` after a ping is taken for dead and left, since a
 * broken network does not close it. Frames go to the store first, then to listeners.
 *
 * Browsers do not tell why a handshake failed. So after the second failure in a row the token is renewed before each further
 * attempt: the answer to that call says whether the login still lives, and for how long to wait.
 */
import { Emitter } from './emitter.js'
import { KefuError } from './error.js'
import { ADMIN, MEMBER, type ClientFrame, type ServerFrame } from './model.js'
import type { Clock, SocketConstructor, Socketlike } from './platform.js'
import { Resync } from './resync.js'
import type { Session } from './session.js'
import type { ClientOptions, EndReason, LiveStore, Socket, SocketEvents, SocketState } from './types.js'

/** How often an open socket is tested, in milliseconds. */
const PING = 20_000
/** For how long anything may stay away after a ping. */
const PONG = 10_000
/** The same when the user is looking: the page became visible, the network came back. */
const PONG_SOON = 4_000
/** For how long a handshake may take. */
const HANDSHAKE = 15_000
/** A socket that was open for so long begins the back-off anew. */
const STABLE = 60_000
const LONGEST_BACK_OFF = 30_000

const ENDS: Record<number, EndReason> = { 4002: 'revoked', 4003: 'disabled', 4010: 'displaced' }
const TOKEN_EXPIRED = 4001
const OPEN = 1

export class LiveSocket implements Socket {
  state: SocketState = 'idle'
  attempts = 0
  nextRetryAt: number | null = null
  readonly #events = {
    state: new Emitter<SocketState>(),
    frame: new Emitter<ServerFrame>(),
    ended: new Emitter<EndReason>(),
    recovered: new Emitter<{ messages: number }>(),
  }
  readonly #resync: Resync
  #socket: Socketlike | null = null
  #attempt = 0
  /** Handshakes in a row that did not open. */
  #unopened = 0
  #renew = false
  #openedAt: number | null = null
  /** Messages that came since the socket is open again after a break; `null`: there was none, or it is over. */
  #recovering: number | null = null
  #replaying = false
  #timer: () => void = () => undefined

  constructor(
    private readonly options: ClientOptions,
    private readonly session: Session,
    private readonly store: LiveStore,
    private readonly clock: Clock,
    private readonly random: () => number,
    private readonly WebSocket: SocketConstructor,
  ) {
    this.#resync = new Resync(store, options.userType === 'member', clock, (frame) => this.send(frame))
    const others = options.userType === 'member' ? ADMIN : MEMBER
    store.subscribe((change) => {
      if (this.#recovering !== null && change.type === 'messages' && change.live)
        this.#recovering += change.added.filter(({ senderType }) => senderType === others).length
    })
  }

  on<E extends keyof SocketEvents>(event: E, listener: (value: SocketEvents[E]) => void): () => void {
    return (this.#events[event] as unknown as Emitter<SocketEvents[E]>).subscribe(listener)
  }

  start(): void {
    if (this.state !== 'idle' && this.state !== 'ended') return
    this.session.begin()
    this.attempts = this.#unopened = 0
    this.#recovering = null
    this.#connect()
  }

  stop(): void {
    this.#leave()
    this.#become('idle')
  }

  retryNow(): void {
    if (this.state === 'waiting') this.#connect()
    if (this.state === 'open') this.#test(PONG_SOON)
  }

  send(frame: ClientFrame): boolean {
    if (this.#socket?.readyState !== OPEN) return false
    this.#socket.send(JSON.stringify(frame))
    return true
  }

  /** The login has ended. */
  end(reason: EndReason): void {
    if (this.state === 'ended' || this.state === 'idle') return
    this.#leave()
    this.#become('ended')
    this.#events.ended.emit(reason)
  }

  #connect(): void {
    this.#leave()
    const attempt = ++this.#attempt
    this.#become('connecting')
    this.#token().then(
      (token) => {
        if (attempt === this.#attempt) this.#open(token)
      },
      (error: unknown) => {
        if (attempt !== this.#attempt) return
        this.#retry(error instanceof KefuError ? error.retryAfterMs : null)
      },
    )
  }

  /** The refresh token, which lives as long as the login; else the access token. */
  async #token(): Promise<string> {
    const { tokens } = this.options
    const before = tokens.get()
    if (before && (this.#renew || this.#unopened >= 2 || !(before.refreshToken ?? before.accessToken))) {
      await this.session.refresh(before.accessToken)
    }
    this.#renew = false
    const stored = tokens.get()
    if (!stored) throw new KefuError(401)
    return stored.refreshToken ?? stored.accessToken
  }

  #open(token: string): void {
    const from = this.#resync.begin()
    this.#replaying = from !== null
    const url = `${this.options.baseUrl.replace(/^http/, 'ws')}/infra/ws${from === null ? '' : `?${from}`}`
    const socket = new this.WebSocket(url, ['kefu.v1', `kefu.token.${token}`])
    this.#socket = socket
    this.#timer = this.clock.after(HANDSHAKE, () => this.#closed(0))
    socket.onopen = () => {
      this.#unopened = 0
      this.#openedAt = this.clock.now()
      this.#become('open')
      this.#idle()
      if (!this.#replaying) this.#recovered()
    }
    socket.onmessage = ({ data }) => {
      this.#idle()
      const frame = read(data)
      if (frame) this.#take(frame)
    }
    socket.onclose = ({ code }) => this.#closed(code)
    // A close follows.
    socket.onerror = () => undefined
  }

  #take(frame: ServerFrame): void {
    this.store.apply(frame)
    const complete = this.#resync.take(frame)
    this.#events.frame.emit(frame)
    if (complete && this.#replaying) this.#recovered()
  }

  /** Everything missed is here. */
  #recovered(): void {
    this.#replaying = false
    const messages = this.#recovering
    this.#recovering = null
    if (messages !== null) this.#events.recovered.emit({ messages })
  }

  /** Something came: the next test is due after `PING`. */
  #idle(): void {
    this.#timer()
    this.#timer = this.clock.after(PING, () => this.#test(PONG))
  }

  #test(patience: number): void {
    if (this.#socket?.readyState === OPEN) this.#socket.send('ping')
    this.#timer()
    this.#timer = this.clock.after(patience, () => this.#closed(0))
  }

  #closed(code: number): void {
    const opened = this.#openedAt
    this.#leave()
    const reason = ENDS[code]
    if (reason) {
      this.session.end(reason)
      this.end(reason)
      return
    }
    if (opened === null) this.#unopened += 1
    else {
      this.#recovering ??= 0
      if (this.clock.now() - opened >= STABLE) this.attempts = 0
    }
    this.#renew = code === TOKEN_EXPIRED
    this.#retry(this.#renew && this.attempts === 0 ? 0 : null)
  }

  #retry(wait: number | null): void {
    // The end of the login may have been what failed.
    if (!this.options.tokens.get()) {
      this.end('expired')
      return
    }
    this.attempts += 1
    const backOff = Math.min(LONGEST_BACK_OFF, 1000 * 2 ** (this.attempts - 1)) * (0.5 + this.random())
    const delay = wait ?? backOff
    this.nextRetryAt = this.clock.now() + delay
    this.#timer = this.clock.after(delay, () => this.#connect())
    this.#become('waiting')
  }

  /** Leaves the socket and the timers; nothing of them is heard any more. */
  #leave(): void {
    this.#timer()
    this.#attempt += 1
    this.nextRetryAt = null
    this.#openedAt = null
    this.#resync.closed()
    const socket = this.#socket
    this.#socket = null
    if (!socket) return
    socket.onopen = socket.onmessage = socket.onclose = null
    socket.onerror = () => undefined
    if (socket.readyState <= OPEN) socket.close()
  }

  #become(state: SocketState): void {
    if (this.state === state) return
    this.state = state
    this.#events.state.emit(state)
  }
}

/** A frame with its content; `null` for what is none, `pong` included. */
function read(data: unknown): ServerFrame | null {
  if (typeof data !== 'string' || !data.startsWith('{')) return null
  try {
    const { type, content } = JSON.parse(data) as { type: ServerFrame['type']; content: unknown }
    return { type, content: typeof content === 'string' ? JSON.parse(content) : content } as ServerFrame
  } catch {
    return null
  }
}
