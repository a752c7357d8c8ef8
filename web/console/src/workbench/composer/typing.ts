/** How often the others are told that the agent is typing, in milliseconds: a notice holds longer, and the service drops what comes faster. */
const interval = 2000

/** Tells that the agent is typing: at the first key, then at most every two seconds, and once more after the last key in between. */
export class TypingNotices {
  #tell: () => void
  #toldAt = Number.NEGATIVE_INFINITY
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(tell: () => void) {
    this.#tell = tell
  }

  /** A key was typed. */
  typed(): void {
    if (this.#timer !== undefined) return
    const wait = this.#toldAt + interval - Date.now()
    if (wait <= 0) this.#now()
    else this.#timer = setTimeout(() => this.#now(), wait)
  }

  /** The text was sent, emptied or left. */
  stop(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  #now(): void {
    this.stop()
    this.#toldAt = Date.now()
    this.#tell()
  }
}
