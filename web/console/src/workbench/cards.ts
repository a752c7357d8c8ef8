/**
 * The cards of members: who they are, where visitors come from and what they look at, whether they are blocked.
 *
 * A card is fetched for whoever shows it (`watch`), and again when a frame says that the member is described in other words and
 * after a break. What is known stays, for the rows of the list.
 */
import type { Client, Data } from '@kefu/client'
import { onScopeDispose, type Ref, shallowReactive, watch } from 'vue'

export type Card = Data<'get', '/admin-api/member/user/get'> & {
  /** The agent to whom the member is bound; there when there is one. */
  exclusiveAgentId?: number
}

/** The permission to block. */
export const MAY_BLOCK = 'promotion:kefu-member:manage'

/** Longest reason of a block, in characters. */
export const REASON_LIMIT = 255

/** The id in the integrator's system, which visitors have none of: theirs is made up by the service. */
export function shownExternalId(id: string | undefined): string | undefined {
  return id?.startsWith('visitor:') ? undefined : id
}

class Cards {
  readonly known = shallowReactive(new Map<number, Card>())
  /** Why the card of a member is not there. */
  readonly failures = shallowReactive(new Map<number, unknown>())
  #client: Client
  #watched = new Map<number, number>()

  constructor(client: Client) {
    this.#client = client
    client.store.subscribe((change) => {
      if (change.type === 'member' && this.#watched.has(change.userId)) void this.load(change.userId)
    })
    client.socket.on('recovered', () => {
      for (const id of this.#watched.keys()) void this.load(id)
    })
  }

  /** Keeps the card of a member up to date while the calling scope lives. */
  watch(userId: Ref<number | undefined>): void {
    let held: number | undefined
    const release = () => {
      if (held === undefined) return
      const count = (this.#watched.get(held) ?? 1) - 1
      if (count > 0) this.#watched.set(held, count)
      else this.#watched.delete(held)
      held = undefined
    }
    watch(
      userId,
      (id) => {
        release()
        if (id === undefined) return
        held = id
        const before = this.#watched.get(id) ?? 0
        this.#watched.set(id, before + 1)
        if (before === 0) void this.load(id)
      },
      { immediate: true },
    )
    onScopeDispose(release)
  }

  async load(userId: number): Promise<void> {
    this.failures.delete(userId)
    try {
      this.known.set(
        userId,
        await this.#client.http.call('get', '/admin-api/member/user/get', { query: { id: userId } }),
      )
    } catch (error) {
      this.failures.set(userId, error)
    }
  }

  isBlocked(userId: number): boolean {
    return this.known.get(userId)?.blocked === true
  }

  /** Blocks a member, who may read and no longer write, or takes that back. @throws KefuError */
  async block(userId: number, blocked: boolean, reason = ''): Promise<void> {
    await this.#client.http.call('put', '/admin-api/promotion/kefu-member/block', {
      body: { userId, blocked, ...(reason && { reason }) },
    })
    await this.load(userId)
  }

  /** Binds a member to an agent, or with `null` to none. @throws KefuError */
  async setExclusiveAgent(userId: number, adminId: number | null): Promise<void> {
    const call = this.#client.http.call as unknown as (
      method: string,
      path: string,
      request: object,
    ) => Promise<unknown>
    await call('put', '/admin-api/promotion/kefu-member/exclusive-agent', { body: { userId, adminId } })
    await this.load(userId)
  }
}

export type { Cards }

const ofClients = new WeakMap<Client, Cards>()

/** The cards that a client has met. */
export function cardsOf(client: Client): Cards {
  let cards = ofClients.get(client)
  if (cards === undefined) ofClients.set(client, (cards = new Cards(client)))
  return cards
}
