/**
 * The two logins of the widget.
 *
 * A visitor's lives in the browser's storage, where the tabs share it: whoever renews it does so while no other tab does, and
 * reads again what is stored before. It is made when the visitor first writes (`want`), never before. A member's token comes
 * from the page and is kept nowhere.
 */
import { KefuError, type StoredTokens, type TokenStore } from '@kefu/client'
import type { Identity } from '../api.js'
import type { Shell } from '../shell.js'

/** Where a visitor's login is kept. */
const NAME = 'visitor'

interface VisitorLogin extends StoredTokens {
  refreshToken: string
  userId: number
  /** The slot of the member whom this visitor could not be linked with yet. */
  owner?: string | undefined
}

/** What the tab knows of the visitor's login, also when the panel acts for a member. */
export function storedVisitor(shell: Shell): VisitorLogin | null {
  try {
    return JSON.parse(shell.local.get(NAME) ?? 'null') as VisitorLogin | null
  } catch {
    return null
  }
}

export function keepVisitor(shell: Shell, login: VisitorLogin | null): void {
  shell.local.set(NAME, login && JSON.stringify(login))
}

/** One call without a login, or with the token given. @throws {KefuError} */
export async function ask(shell: Shell, path: string, body?: object, token?: string): Promise<unknown> {
  const headers: Record<string, string> = { 'Accept-Language': shell.locale() }
  if (body) headers['Content-Type'] = 'application/json'
  if (token) headers['Authorization'] = `Bearer ${token}`
  const answer = await fetch(shell.server + path, {
    method: 'POST',
    credentials: 'omit',
    headers,
    body: body ? JSON.stringify(body) : null,
  }).catch((cause: unknown) => {
    throw new KefuError(0, '', 0, null, null, { cause })
  })
  const envelope = ((await answer.json().catch(() => null)) ?? {}) as { code?: number; msg?: string; data?: unknown }
  if (envelope.code === 0) return envelope.data
  const wait = Number(answer.headers.get('Retry-After') ?? NaN) * 1000
  throw new KefuError(envelope.code ?? 0, envelope.msg ?? '', answer.status, wait >= 0 ? wait : null)
}

export class VisitorTokens implements TokenStore {
  readonly slot = 'v'
  readonly member = false
  #wanted: { nickname?: string } | null = null

  constructor(
    private readonly shell: Shell,
    /** A visitor was made by this tab. */
    private readonly onMade: () => void,
  ) {}

  get userId(): number | undefined {
    return storedVisitor(this.shell)?.userId
  }

  /** There is a login. */
  get exists(): boolean {
    return this.userId !== undefined
  }

  /** From now on a call may make the visitor. */
  want(nickname?: string): void {
    this.#wanted = { ...(nickname && { nickname }) }
  }

  get(): StoredTokens | null {
    return storedVisitor(this.shell) ?? (this.#wanted && { accessToken: '' })
  }

  /** What a refresh brings is kept by `renew`, and what an end means is decided by the chat. */
  set(): void {
    return
  }

  exclusive<T>(work: () => Promise<T>): Promise<T> {
    // Only pages of a secure origin have locks. Others rely on the service, which takes the token before for a minute.
    const locks = navigator.locks as LockManager | undefined
    return locks ? (locks.request(`kefu:${this.shell.options.key}`, work) as Promise<T>) : work()
  }

  async renew(): Promise<StoredTokens | null> {
    const { shell } = this
    const stored = storedVisitor(shell)
    if (!stored && !this.#wanted) return null
    const path = '/app-api/promotion/kefu-visitor/token'
    const body = { key: shell.options.key, visitorToken: stored?.refreshToken, ...this.#wanted }
    const fresh = (await ask(shell, path, body)) as VisitorLogin
    keepVisitor(shell, fresh)
    if (!stored) this.onMade()
    // The login has ended meanwhile, and the service has begun another one: what is shown here is not its conversation.
    return !stored || stored.userId === fresh.userId ? fresh : null
  }
}

export class MemberTokens implements TokenStore {
  readonly slot: string
  readonly member = true
  readonly exists = true

  constructor(
    private token: string,
    private source: Identity['getToken'],
  ) {
    this.slot = slotOf(token)
  }

  /** The page has a newer token of the same member. */
  replace(token: string, source: Identity['getToken']): void {
    this.token = token
    this.source = source
  }

  want(): void {
    return
  }

  get(): StoredTokens {
    return { accessToken: this.token }
  }

  set(): void {
    return
  }

  async renew(): Promise<StoredTokens | null> {
    if (!this.source) return null
    try {
      this.token = await this.source()
    } catch (cause) {
      // The page's own server is away: later.
      throw new KefuError(0, '', 0, null, null, { cause })
    }
    return this.token ? this.get() : null
  }
}

export type LoginTokens = VisitorTokens | MemberTokens

/** The place of a member in this browser's storage: the same for every token of one member. */
export function slotOf(token: string): string {
  let subject = token
  try {
    const claims = JSON.parse(atob((token.split('.')[1] ?? '').replace(/-/g, '+').replace(/_/g, '/'))) as object
    if ('sub' in claims) subject = String(claims.sub)
  } catch {
    // Not a token that says who it is for.
  }
  // Two of FNV-1a: a name for a place, not a secret.
  let [one, two] = [0x811c9dc5, 0x01000193]
  for (const character of subject) {
    const code = character.codePointAt(0) ?? 0
    one = Math.imul(one ^ code, 0x01000193)
    two = Math.imul(two ^ code, 0x85ebca6b)
  }
  return `m${(one >>> 0).toString(36)}${(two >>> 0).toString(36)}`
}
