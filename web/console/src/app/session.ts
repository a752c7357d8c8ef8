/**
 * The login of this page: who it is, what they may do, and the client that speaks for them.
 *
 * One page has one login. To end it the page is loaded anew, so that nothing of it stays in memory.
 */
import {
  createClient,
  type Client,
  type Data,
  type EndReason,
  type OutboxEntry,
  type OutboxStorage,
} from '@kefu/client'
import { defineStore } from 'pinia'
import { computed, ref, shallowRef } from 'vue'
import { language, LOCALES } from '@/locales'
import { session as tabStorage } from './storage'
import { BrowserTokens } from './tokens'

/** For how long the answer to what the user may do is good while the page is in use, in milliseconds. */
const RIGHTS_FRESH = 30_000

/** How the tenant's members are served, and this agent's place in it. */
export interface RoutingNow {
  mode: string
  /** Whether agents who have said nothing about duty are on duty with a socket. */
  autoDuty: boolean
  /** What this agent has said: 0 off, 1 on, 2 paused. */
  duty: number | null
  /** Members whom this agent serves at once. */
  capacity: number
}

type Info = Data<'get', '/admin-api/system/auth/get-permission-info'> & {
  /** There when the tenant has rounds of service. */
  routing?: RoutingNow
}

/** `unknown` until `start`, `out` without a login, `in` with one, `ended` when it ended while the page was in use. */
export type SessionStatus = 'unknown' | 'out' | 'in' | 'ended'

export const useSession = defineStore('session', () => {
  const tokens = new BrowserTokens()
  const status = ref<SessionStatus>('unknown')
  const endReason = ref<EndReason | null>(null)
  const info = shallowRef<Info | null>(null)
  const current = shallowRef<Client | null>(null)
  const permissions = computed(() => new Set(info.value?.permissions ?? []))
  const user = computed(() => info.value?.user ?? null)
  /** Whether nothing is open to the login until the second factor is set up, which a role of the user asks for. */
  const mustSetUp = computed(() => info.value?.secondFactor !== undefined)
  /** There when the tenant has rounds of service. */
  const routing = computed(() => info.value?.routing)
  /** The password that was typed just now, for the set-up, which asks for it. */
  let justTyped: string | undefined
  let askedAt = 0

  let tellKnown: () => void
  /** Settles when `start` has found out whether there is a login. */
  const known = new Promise<void>((resolve) => (tellKnown = resolve))

  function onEnded(reason: EndReason): void {
    // Too many sockets end the socket, not the login: the connection bar tells.
    if (reason === 'displaced') return
    endReason.value = reason
    status.value = status.value === 'in' ? 'ended' : 'out'
  }

  /** Before the login it is not known whose outbox to take, so that the client of the login page has none. */
  const makeClient = (outbox?: OutboxStorage) =>
    createClient({
      baseUrl: location.origin,
      userType: 'admin',
      tokens,
      language: () => LOCALES[language()],
      onEnded,
      ...(outbox && { outbox }),
    })

  /** The client of the login. Only what is shown within a login may ask for it. */
  function client(): Client {
    if (!current.value) throw new Error('nobody is logged in')
    return current.value
  }

  /**
   * Takes up the login that this browser remembers, if any.
   * @throws KefuError when the service cannot be asked; the login is kept.
   */
  async function start(): Promise<void> {
    if (!tokens.get()) status.value = 'out'
    else
      try {
        await enter()
      } catch (error) {
        // `onEnded` has told that the login is not valid any more.
        if ((status.value as SessionStatus) !== 'out') throw error
      }
    tellKnown()
  }

  async function ask(): Promise<void> {
    askedAt = Date.now()
    const gate = makeClient()
    try {
      info.value = await gate.http.call('get', '/admin-api/system/auth/get-permission-info')
    } finally {
      gate.dispose()
    }
  }

  async function enter(): Promise<void> {
    await ask()
    if (!info.value) return
    current.value = makeClient(outboxOf(info.value.user.id))
    status.value = 'in'
    endReason.value = null
    tokens.onRemoved(() => onEnded('revoked'))
    document.addEventListener('visibilitychange', () => document.visibilityState === 'visible' && void freshen())
  }

  /**
   * Logs in; `code` is of the second factor, or a recovery code.
   * @throws KefuError with the code that tells why not.
   */
  async function login(username: string, password: string, remember: boolean, code?: string): Promise<void> {
    const gate = makeClient()
    try {
      const made = await gate.http.call('post', '/admin-api/system/auth/login', {
        body: { username, password, ...(code !== undefined && { code }) },
      })
      tokens.remember(remember)
      tokens.set(made)
    } finally {
      gate.dispose()
    }
    await enter()
    if (mustSetUp.value) justTyped = password
  }

  /** The password that was typed just now, once. */
  function takePassword(): string | undefined {
    const taken = justTyped
    justTyped = undefined
    return taken
  }

  /** Asks again what the user may do and what the tenant has: after the set-up of the second factor, say. @throws KefuError */
  const renew = () => ask()

  /** Asks again when the last answer is old: roles change while the page is open, and what they open with them. */
  async function freshen(): Promise<void> {
    if (status.value !== 'in' || Date.now() - askedAt < RIGHTS_FRESH) return
    askedAt = Date.now()
    try {
      info.value = await client().http.call('get', '/admin-api/system/auth/get-permission-info')
    } catch {
      // The calls that need a right that is gone say so.
    }
  }

  /** Ends the login at the service and wipes what this browser keeps of it. Drafts stay. */
  async function logout(): Promise<void> {
    try {
      await client().http.call('post', '/admin-api/system/auth/logout')
    } catch {
      // Without the service the tokens are forgotten here, and end by their own time there.
    }
    wipe()
    location.assign(`${import.meta.env.BASE_URL}login`)
  }

  /** Goes to the login page after the login has ended, and comes back to `path` from there. */
  function leave(path: string): void {
    const query = new URLSearchParams({ next: path, ended: endReason.value ?? 'expired' })
    wipe()
    location.assign(`${import.meta.env.BASE_URL}login?${query}`)
  }

  function wipe(): void {
    // From here on nothing of the login is written any more.
    status.value = 'out'
    current.value?.dispose()
    tokens.storage.remove(`kefu.list.${user.value?.id ?? 0}`)
    tokens.set(null)
  }

  /** Whether the user has a permission, e.g. `promotion:kefu-message:send`. */
  const may = (permission: string) => permissions.value.has(permission)

  /** Shows a changed profile without asking the service again. */
  function renamed(changed: { nickname?: string; avatar?: string }): void {
    if (info.value) info.value = { ...info.value, user: { ...info.value.user, ...changed } }
  }

  const remembers = () => tokens.remembers

  return {
    status,
    known,
    endReason,
    user,
    mustSetUp,
    routing,
    remembers,
    client,
    start,
    login,
    takePassword,
    renew,
    freshen,
    logout,
    leave,
    may,
    renamed,
  }
})

/** Keeps what a user has not sent yet over a reload of the tab. */
function outboxOf(userId: number): OutboxStorage {
  const key = `kefu.outbox.${userId}`
  return {
    load: () => tabStorage.read<OutboxEntry[]>(key) ?? [],
    save: (entries) => (entries.length > 0 ? tabStorage.write(key, entries) : tabStorage.remove(key)),
  }
}
