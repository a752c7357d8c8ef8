import { shallowReactive } from 'vue'

/**
 * What an agent has typed and not sent, per conversation. A draft belongs to one agent and one conversation; it survives a switch, a reload and a
 * new version, and is seen by the agent's other tabs.
 */
export class Drafts {
  #storage: Storage
  #prefix: string
  #texts = shallowReactive(new Map<number, string>())

  constructor(userId: number, storage: Storage = localStorage) {
    this.#storage = storage
    this.#prefix = `kefu.draft.${userId}.`
    for (let index = 0; index < storage.length; index++) this.#load(storage.key(index) ?? '')
  }

  /** The draft of a conversation, reactive; empty when there is none. */
  of(conversationId: number): string {
    return this.#texts.get(conversationId) ?? ''
  }

  /** The conversations that have a draft, reactive. */
  get conversations(): number[] {
    return [...this.#texts.keys()]
  }

  /** Keeps a draft; one of nothing but blanks is removed. */
  set(conversationId: number, text: string): void {
    const key = this.#prefix + conversationId
    if (text.trim() === '') {
      this.#texts.delete(conversationId)
      this.#storage.removeItem(key)
      return
    }
    this.#texts.set(conversationId, text)
    try {
      this.#storage.setItem(key, text)
    } catch {
      // A full or forbidden storage: the draft lasts until the page is left.
    }
  }

  /** Takes over what another tab has written; for `window`'s event `storage`. */
  onStorage(event: { key: string | null; newValue: string | null }): void {
    const conversationId = this.#conversationOf(event.key ?? '')
    if (conversationId === undefined) return
    if (event.newValue === null) this.#texts.delete(conversationId)
    else this.#texts.set(conversationId, event.newValue)
  }

  #load(key: string): void {
    const conversationId = this.#conversationOf(key)
    const text = this.#storage.getItem(key)
    if (conversationId !== undefined && text !== null) this.#texts.set(conversationId, text)
  }

  #conversationOf(key: string): number | undefined {
    if (!key.startsWith(this.#prefix)) return undefined
    const id = Number(key.slice(this.#prefix.length))
    return Number.isSafeInteger(id) && id > 0 ? id : undefined
  }
}

const ofUsers = new Map<number, Drafts>()

/** The drafts of an agent, one instance for the whole page. */
export function draftsOf(userId: number): Drafts {
  let drafts = ofUsers.get(userId)
  if (drafts === undefined) {
    const made = new Drafts(userId)
    window.addEventListener('storage', (event) => made.onStorage(event))
    ofUsers.set(userId, made)
    drafts = made
  }
  return drafts
}
