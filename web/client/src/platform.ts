/**
 * What the client takes from its surroundings, as small interfaces, so that it needs neither the DOM's types nor a browser:
 * a browser, Node 22 and React Native have all of it built in, and tests bring their own.
 */

/** An `AbortSignal`, as far as the client uses one. */
export interface Signal {
  readonly aborted: boolean
  addEventListener(type: 'abort', listener: () => void, options?: { once?: boolean }): void
  removeEventListener(type: 'abort', listener: () => void): void
}

/** An HTTP answer, as far as the client reads it. */
export interface HttpAnswer {
  readonly status: number
  readonly headers: { get(name: string): string | null }
  json(): Promise<unknown>
}

/** What the client hands to `fetch`. */
export interface HttpRequest {
  method: string
  headers: Record<string, string>
  /** JSON as text, or a `FormData`. */
  body?: unknown
  signal?: unknown
}

/** `fetch`. */
export type Fetch = (url: string, request: HttpRequest) => Promise<HttpAnswer>

/** A `WebSocket`, as far as the client uses one. */
export interface Socketlike {
  readonly readyState: number
  onopen: ((event: never) => void) | null
  onmessage: ((event: { data: unknown }) => void) | null
  onclose: ((event: { code: number; reason: string }) => void) | null
  onerror: ((event: never) => void) | null
  send(text: string): void
  close(code?: number, reason?: string): void
}

/** The constructor `WebSocket`. */
export type SocketConstructor = new (url: string, protocols: string[]) => Socketlike

/** Time. A test sets it. */
export interface Clock {
  /** Epoch milliseconds. */
  now(): number
  /** Calls `work` once after so many milliseconds; what comes back takes that back. */
  after(milliseconds: number, work: () => void): () => void
}
