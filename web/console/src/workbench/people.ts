import type { Client } from '@kefu/client'
import { shallowReactive } from 'vue'
import { t } from '@/locales'

/** An agent as messages show them. */
export interface Person {
  nickname: string
  avatar: string | null
}

/** For how long the service is not asked again whom an unknown id belongs to, in milliseconds. */
const PAUSE = 60_000

/**
 * The agents of the tenant. Frames name who types and who views by id only: names come with messages, and by a list that the
 * service is asked for when an id is not known.
 */
export class People {
  #known = shallowReactive(new Map<number, Person>())
  #client: Client
  #asked = Number.NEGATIVE_INFINITY

  /** Learns from the messages that the client's store takes. */
  constructor(client: Client) {
    this.#client = client
    client.store.subscribe((change) => {
      if (change.type !== 'messages') return
      for (const message of change.added)
        if (message.senderType === 2) this.learn(message.senderId, message.senderNickname, message.senderAvatar)
    })
  }

  /** Remembers an agent's name and picture. */
  learn(id: number, nickname: string | null | undefined, avatar: string | null | undefined): void {
    if (!nickname) return
    const known = this.#known.get(id)
    if (known?.nickname === nickname && known.avatar === (avatar ?? null)) return
    this.#known.set(id, { nickname, avatar: avatar ?? null })
  }

  /** An agent; one who is not known goes by the id, until the service has named them. */
  of(id: number): Person {
    const known = this.#known.get(id)
    if (known === undefined) void this.#ask()
    return known ?? { nickname: t('timeline.agent', { id }), avatar: null }
  }

  async #ask(): Promise<void> {
    if (performance.now() - this.#asked < PAUSE) return
    this.#asked = performance.now()
    try {
      const agents = await this.#client.http.call('get', '/admin-api/system/user/simple-list')
      for (const { id, nickname, avatar } of agents) this.learn(id, nickname, avatar)
    } catch {
      // The id stays what is shown.
    }
  }
}

const ofClients = new WeakMap<Client, People>()

/** The agents that a client has met. */
export function peopleOf(client: Client): People {
  let people = ofClients.get(client)
  if (people === undefined) {
    people = new People(client)
    ofClients.set(client, people)
  }
  return people
}
