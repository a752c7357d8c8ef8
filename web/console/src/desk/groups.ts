/** The names of the groups, asked for when a round of one is first shown, and again for one that is not known. */
import type { Client } from '@kefu/client'
import { shallowReactive } from 'vue'

/** For how long the service is not asked again for a group that it did not name, in milliseconds. */
const PAUSE = 60_000

export class GroupNames {
  readonly #known = shallowReactive(new Map<number, string>())
  #asked = Number.NEGATIVE_INFINITY

  constructor(private readonly client: Client) {}

  /** A group's name; empty until it is known. */
  of(id: number | null): string {
    if (id === null) return ''
    const name = this.#known.get(id)
    if (name === undefined) void this.#ask()
    return name ?? ''
  }

  async #ask(): Promise<void> {
    if (performance.now() - this.#asked < PAUSE) return
    this.#asked = performance.now()
    try {
      const groups = await this.client.http.call('get', '/admin-api/promotion/kefu-group/list')
      for (const { id, name } of groups) this.#known.set(id, name)
    } catch {
      // A round is shown without its group then.
    }
  }
}

const ofClients = new WeakMap<Client, GroupNames>()

/** The groups that a client has met. */
export function groupsOf(client: Client): GroupNames {
  let names = ofClients.get(client)
  if (names === undefined) ofClients.set(client, (names = new GroupNames(client)))
  return names
}
