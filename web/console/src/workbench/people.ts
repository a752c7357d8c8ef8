import type { Client } from '@kefu/client'
import { shallowReactive } from 'vue'
import { t } from '@/locales'

/** An agent as messages show them. */
export interface Person {
  nickname: string
  avatar: string | null
}

/**
 * The agents that this page has met: frames name who types and who views by id only, and messages carry names and pictures.
 */
class People {
  #known = shallowReactive(new Map<number, Person>())

  /** Learns from the messages that the client's store takes. */
  watch(client: Client): void {
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

  /** An agent; one who was not met yet goes by the id. */
  of(id: number): Person {
    return this.#known.get(id) ?? { nickname: t('timeline.agent', { id }), avatar: null }
  }
}

const ofClients = new WeakMap<Client, People>()

/** The agents that a client has met. */
export function peopleOf(client: Client): People {
  let people = ofClients.get(client)
  if (people === undefined) {
    people = new People()
    people.watch(client)
    ofClients.set(client, people)
  }
  return people
}
