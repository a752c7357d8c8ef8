import type { Client } from '@kefu/client'

/** How often a client may say what it views, and how often it must so that it does not lapse; milliseconds. */
const shortest = 1000
const longest = 30_000

/**
 * Tells the other agents which conversation this page shows.
 *
 * Protocol: at most one frame a second, the last wish wins; the same again every 30 s while it lasts, and after each reconnect. A hidden page
 * views nothing.
 */
export class Viewing {
  #client: Client
  #wish: number | null = null
  #told: number | null = null
  #toldAt = Number.NEGATIVE_INFINITY
  #timer: ReturnType<typeof setTimeout> | undefined
  #visible: () => boolean

  constructor(client: Client, visible: () => boolean = () => document.visibilityState === 'visible') {
    this.#client = client
    this.#visible = visible
    client.socket.on('state', (state) => {
      if (state !== 'open') return
      this.#told = null
      this.#plan()
    })
  }

  /** The page shows a conversation. */
  show(conversationId: number): void {
    this.#wish = conversationId
    this.#plan()
  }

  /** The page does not show a conversation any more; another one may have taken its place already. */
  leave(conversationId: number): void {
    if (this.#wish !== conversationId) return
    this.#wish = null
    this.#plan()
  }

  /** The page was hidden or shown. */
  refresh(): void {
    this.#plan()
  }

  #plan(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const wish = this.#visible() ? this.#wish : null
    const age = Date.now() - this.#toldAt
    if (wish === this.#told) {
      if (wish !== null) this.#timer = setTimeout(() => this.#tell(wish), Math.max(0, longest - age))
    } else if (age >= shortest) this.#tell(wish)
    else this.#timer = setTimeout(() => this.#plan(), shortest - age)
  }

  #tell(conversationId: number | null): void {
    if (!this.#client.socket.send({ type: 'kefu_viewing', content: { conversationId } })) return
    this.#told = conversationId
    this.#toldAt = Date.now()
    this.#plan()
  }
}

const ofClients = new WeakMap<Client, Viewing>()

/** What this page views, one instance for each client. */
export function viewingOf(client: Client): Viewing {
  let viewing = ofClients.get(client)
  if (viewing === undefined) {
    const made = new Viewing(client)
    document.addEventListener('visibilitychange', () => made.refresh())
    ofClients.set(client, made)
    viewing = made
  }
  return viewing
}
