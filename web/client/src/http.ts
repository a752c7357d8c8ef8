/** Calls: the envelope, the headers, a limit of time. */
import { KefuError } from './error.js'
import type { Clock, Fetch, HttpAnswer, Signal } from './platform.js'
import type { ClientOptions, Http, TokenStore } from './types.js'
import type { Session } from './session.js'

declare const AbortController: new () => { signal: Signal; abort(): void }

/** For how long a call waits for its answer, in milliseconds. A call with a file has no limit. */
const TIMEOUT = 20_000

export interface Request {
  query?: Record<string, unknown>
  body?: unknown
  signal?: Signal
}

/** Makes the plain call: one request, one answer. An empty `token` sends none. */
export type Exchange = (method: string, path: string, request: Request, token?: string) => Promise<unknown>

export function createExchange(
  options: Pick<ClientOptions, 'baseUrl' | 'language' | 'tenantId'>,
  fetch: Fetch,
  clock: Clock,
): Exchange {
  return async (method, path, { query, body, signal }, token) => {
    const headers: Record<string, string> = {}
    if (options.language) headers['Accept-Language'] = options.language()
    if (options.tenantId !== undefined) headers['tenant-id'] = String(options.tenantId)
    if (token) headers['Authorization'] = `Bearer ${token}`
    const form = body !== undefined && typeof (body as { append?: unknown }).append === 'function'
    if (body !== undefined && !form) headers['Content-Type'] = 'application/json'

    const controller = new AbortController()
    const abort = () => controller.abort()
    if (signal?.aborted) abort()
    signal?.addEventListener('abort', abort)
    const forget = form ? () => undefined : clock.after(TIMEOUT, abort)
    let answer: HttpAnswer | undefined
    try {
      answer = await fetch(options.baseUrl + path + search(query), {
        method: method.toUpperCase(),
        headers,
        body: form ? body : JSON.stringify(body),
        signal: controller.signal,
      })
      const envelope = await answer.json().catch((cause: unknown) => {
        // Text that is no JSON is an answer; one that was cut off is none.
        if ((cause as Error).name !== 'SyntaxError') throw cause
      })
      const { status } = answer
      return unwrap(status, envelope, (name) => answer?.headers.get(name) ?? null)
    } catch (cause) {
      // Who gives a call up hears so in the usual way.
      if (signal?.aborted || cause instanceof KefuError) throw cause
      throw new KefuError(0, '', 0, null, null, { cause })
    } finally {
      forget()
      signal?.removeEventListener('abort', abort)
    }
  }
}

/** Reads an envelope: answers its `data` or throws. */
export function unwrap(status: number, envelope: unknown, header: (name: string) => string | null): unknown {
  const { code, msg, data } = (envelope ?? {}) as { code?: unknown; msg?: unknown; data?: unknown }
  if (code === 0) return data
  const wait = Number(header('Retry-After') ?? NaN) * 1000
  throw new KefuError(
    typeof code === 'number' ? code : 0,
    typeof msg === 'string' ? msg : '',
    status,
    wait >= 0 ? wait : null,
    header('X-Request-Id'),
  )
}

function search(query: Record<string, unknown> = {}): string {
  const pairs = Object.entries(query)
    .filter(([, value]) => value !== undefined && value !== null)
    .map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`)
  return pairs.length ? `?${pairs.join('&')}` : ''
}

/** Logins take no token: one that has ended must not disturb them. */
const WITHOUT_TOKEN = /\/auth\/(login|refresh-token)$/

export function createHttp(exchange: Exchange, session: Session, tokens: TokenStore): Http {
  const withToken: Http['withToken'] = async (send) => {
    const stored = tokens.get()
    if (stored) session.begin()
    const current = stored ? stored.accessToken || (await session.refresh('')) : ''
    try {
      return await send(current)
    } catch (error) {
      if (!(error instanceof KefuError) || error.code !== 401 || !tokens.get()) throw error
      return send(await session.refresh(current))
    }
  }
  const call = (method: string, path: string, request: Request = {}) =>
    WITHOUT_TOKEN.test(path)
      ? exchange(method, path, request)
      : withToken((token) => exchange(method, path, request, token))
  return { call: call as Http['call'], withToken, unwrap }
}
