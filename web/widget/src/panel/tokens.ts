/**
 * The visitor's login; a member's is in member/.
 *
 * It lives in the browser's storage, where the tabs share it: whoever renews it does so while no other tab does, and
 * reads again what is stored before. It is made when the visitor first writes (`want`), never before.
 */
import type { StoredTokens, TokenStore } from '@kefu/client'
// What `@kefu/client/member` consists of; the console, which builds this file, too, knows the package by its main entry only.
import { browserFetch, realClock } from '../../../client/src/client.js'
import { createExchange } from '../../../client/src/http.js'
import type { Shell } from '../shell.js'
import type { MemberTokens } from './member/tokens.js'

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
export function ask(shell: Shell, path: string, body?: object, token?: string): Promise<unknown> {
  const options = { baseUrl: shell.server, language: () => shell.locale() }
  return createExchange(options, browserFetch, realClock)('post', path, { body }, token)
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

export type LoginTokens = VisitorTokens | MemberTokens
