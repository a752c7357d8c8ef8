/**
 * Marks as read what was seen, and nothing else: the timeline reports the highest `seq` whose bottom is in view while the page is visible.
 *
 * Protocol: a report above the last mark is sent at once, reports within the interval are joined to one at its end. A mark is sent only
 * while there is something unread at or below it, and once per `seq`. A mark that fails is sent again with the next report. After `pause` (the agent has marked the
 * conversation as unread) nothing is sent in this visit.
 */
export interface ReadingOptions {
  /** Sends the mark; fails when it was not stored. */
  send(seq: number): Promise<unknown>
  /** Whether something at or below `seq` is unread. */
  isUnread(seq: number): boolean
  /** Milliseconds between two marks. */
  interval: number
  now(): number
  later(callback: () => void, milliseconds: number): unknown
  cancel(timer: unknown): void
}

export class Reading {
  #options: ReadingOptions
  #seen = 0
  #marked = 0
  #sentAt = Number.NEGATIVE_INFINITY
  #timer: unknown
  #paused = false

  constructor(options: ReadingOptions) {
    this.#options = options
  }

  /** Reports what is in view. */
  saw(seq: number): void {
    if (this.#paused) return
    this.#seen = Math.max(this.#seen, seq)
    if (this.#timer !== undefined || !this.#due()) return
    const wait = this.#sentAt + this.#options.interval - this.#options.now()
    if (wait <= 0) this.#send()
    else this.#timer = this.#options.later(() => this.flush(), wait)
  }

  /** The highest `seq` that was seen in this visit. */
  get seen(): number {
    return this.#seen
  }

  /** Sends nothing more in this visit. */
  pause(): void {
    this.#paused = true
    this.#stop()
  }

  /** Sends at once what waits, e.g. because the agent leaves the conversation. */
  flush(): void {
    if (this.#timer === undefined) return
    this.#stop()
    if (this.#due()) this.#send()
  }

  #due(): boolean {
    return this.#seen > this.#marked && this.#options.isUnread(this.#seen)
  }

  #stop(): void {
    if (this.#timer !== undefined) this.#options.cancel(this.#timer)
    this.#timer = undefined
  }

  #send(): void {
    const before = this.#marked
    this.#sentAt = this.#options.now()
    this.#marked = this.#seen
    this.#options.send(this.#seen).catch(() => {
      this.#marked = before
    })
  }
}
