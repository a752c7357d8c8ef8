import { createExchange, createHttp } from './http.js'
import { Sender } from './outbox.js'
import type { Clock, Fetch, SocketConstructor } from './platform.js'
import { Session } from './session.js'
import { LiveSocket } from './socket.js'
import { MemoryStore } from './store.js'
import type { Client, ClientOptions, Draft, EndReason, Http, LiveStore } from './types.js'

/** What browsers and Node have built in. */
const platform = globalThis as unknown as {
  fetch: Fetch
  WebSocket: SocketConstructor
  setTimeout(work: () => void, milliseconds: number): unknown
  clearTimeout(timer: unknown): void
}

export const realClock: Clock = {
  now: () => Date.now(),
  after(milliseconds, work) {
    const timer = platform.setTimeout(work, milliseconds)
    return () => platform.clearTimeout(timer)
  },
}

// `fetch` must be called as the platform's own.
export const browserFetch: Fetch = (url, request) => platform.fetch(url, request)

/** Makes a client of one login. */
export function createClient(options: ClientOptions): Client {
  const member = options.userType === 'member'
  return assemble(options, new MemoryStore(member, options.keep ?? 50), member ? sendAsMember : sendAsAdmin)
}

type Message = Omit<Draft, 'conversationId'> & { clientMessageId: string }
type Send = (http: Http, message: Message, conversationId?: number) => Promise<number>

export const sendAsMember: Send = (http, body) => http.call('post', '/app-api/promotion/kefu-message/send', { body })
const sendAsAdmin: Send = (http, message, conversationId = 0) =>
  http.call('post', '/admin-api/promotion/kefu-message/send', { body: { ...message, conversationId } })

/** Puts a client together around a store. */
export function assemble<S extends LiveStore>(
  options: ClientOptions,
  store: S,
  send: Send,
): Omit<Client, 'store'> & { store: S } {
  const { clock = realClock, random = Math.random, tokens } = options
  const exchange = createExchange(options, options.fetch ?? browserFetch, clock)
  const ended = (reason: EndReason) => {
    socket.end(reason)
    options.onEnded?.(reason)
  }
  const session = new Session(options, exchange, ended)
  const http = createHttp(exchange, session, tokens)
  const WebSocket = options.WebSocket ?? platform.WebSocket
  const socket: LiveSocket = new LiveSocket(options, session, store, clock, random, WebSocket)
  const outbox = new Sender((message, id) => send(http, message, id), socket, store, clock, random, options.outbox)
  return {
    http,
    socket,
    outbox,
    store,
    dispose() {
      outbox.dispose()
      socket.stop()
    },
  }
}
