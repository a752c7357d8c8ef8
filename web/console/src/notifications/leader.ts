/**
 * Elects the one tab of a user that plays and notifies.
 *
 * Protocol: tabs queue for a lock of the browser; its holder leads until it is closed. The tab that the user clicks first in
 * takes the lock over, because only a tab that was clicked may play. Locks exist in secure contexts only: without them each
 * message is claimed in the shared storage, and the first tab to claim it leads for that message.
 */
import { local } from '@/app/storage'

export class Leader {
  /** The locks that this tab holds: for a moment two, when it takes over from itself. */
  private held = 0
  private readonly abort = new AbortController()

  constructor(private readonly name: string) {
    if (this.locks) this.queue({})
  }

  /** Takes the lead over from another tab. */
  takeOver(): void {
    if (this.locks && this.held === 0) this.queue({ steal: true })
  }

  /** Whether this tab tells the user of something: of a message by its id, of what else there is by a number that grows. */
  tells(id: number, what = 'told'): boolean {
    if (this.locks) return this.held > 0
    return this.claim(what, id, (last) => last < id)
  }

  /** Whether this tab repeats the sound now, once in so many milliseconds. */
  repeats(period: number): boolean {
    if (this.locks) return this.held > 0
    const now = Date.now()
    return this.claim('repeated', now, (last) => last < now - period / 2)
  }

  dispose(): void {
    this.abort.abort()
  }

  private get locks(): boolean {
    return 'locks' in navigator
  }

  private claim(what: string, value: number, free: (last: number) => boolean): boolean {
    const key = `${this.name}.${what}`
    if (!free(Number(local.get(key) ?? 0))) return false
    local.set(key, String(value))
    return true
  }

  private queue(options: LockOptions): void {
    let granted = false
    const hold = () =>
      new Promise<void>((resolve) => {
        granted = true
        this.held++
        this.abort.signal.addEventListener('abort', () => resolve(), { once: true })
      })
    const lost = () => {
      if (granted) this.held--
    }
    // A lock cannot be stolen and waited for at once, so that only waiting can be aborted.
    const wait = options.steal ? {} : { signal: this.abort.signal }
    navigator.locks.request(this.name, { ...options, ...wait }, hold).then(lost, () => {
      // Another tab took over, or this one is done.
      lost()
      if (this.held === 0 && !this.abort.signal.aborted) this.queue({})
    })
  }
}
