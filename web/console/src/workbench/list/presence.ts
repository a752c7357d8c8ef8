/**
 * Who has an open socket. No frame tells, so the service is asked once a minute while the page is visible, and sooner when a member
 * writes who was not there; whoever types has one.
 */
import { ADMIN, MEMBER, type Http, type Socket } from '@kefu/client'
import { shallowRef } from 'vue'
import { Soon } from './soon'

const PERIOD = 60_000
/** Between two calls for members who write, in milliseconds. */
const SOON = 10_000

export interface Online {
  /** Whether the service has said it: before, nobody knows who is there. */
  known: boolean
  members: ReadonlySet<number>
  agents: ReadonlySet<number>
}

export class Presence {
  readonly value = shallowRef<Online>({ known: false, members: new Set(), agents: new Set() })
  private last = 0
  private readonly soon = new Soon(
    SOON,
    () => this.last,
    () => void this.fetch(true),
  )

  constructor(
    private readonly http: Http,
    private readonly socket: Socket,
  ) {}

  start(): void {
    setInterval(() => void this.fetch(), PERIOD)
    document.addEventListener('visibilitychange', () => void this.fetch())
    this.socket.on('state', (state) => state === 'open' && void this.fetch(true))
  }

  /** A member has done what needs a socket, so that there is one. */
  saw(memberId: number): void {
    const online = this.value.value
    if (!online.members.has(memberId)) this.value.value = { ...online, members: new Set(online.members).add(memberId) }
  }

  /** A member has written, which needs no socket: the service knows whether there is one. */
  wrote(memberId: number): void {
    if (!this.value.value.members.has(memberId)) this.soon.ask()
  }

  private async fetch(now = false): Promise<void> {
    if (document.visibilityState !== 'visible' || (!now && Date.now() - this.last < PERIOD / 2)) return
    this.last = Date.now()
    try {
      const users = await this.http.call('get', '/admin-api/promotion/kefu-presence/list')
      const of = (type: number) => new Set(users.filter((user) => user.userType === type).map((user) => user.userId))
      this.value.value = { known: true, members: of(MEMBER), agents: of(ADMIN) }
    } catch {
      // The dots stay as they are until the next minute.
    }
  }
}
