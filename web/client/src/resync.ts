/**
 * What was missed, and when to ask for it (docs/websocket.md#resync).
 *
 * One replay runs at a time: the one that the handshake asks for, then those that `kefu_resync` asks for. What has to be
 * asked for waits here until `kefu_resync_done`. An admin's loss between nodes (`#lost`) moves to `#asked` when it is asked
 * for and back when the socket breaks before the answer was complete, so that the next handshake asks for it again.
 */
import type { ClientFrame, ServerFrame } from './model.js'
import type { Clock } from './platform.js'
import type { LiveStore } from './types.js'

/** How long after a refusal (code 429) a replay is asked for again, in milliseconds. */
const AGAIN = 1_000

export class Resync {
  #running = false
  #lost: number | null = null
  #asked: number | null = null
  /** Conversations with a gap, and the `seq` before it. */
  readonly #gaps = new Map<number, number>()
  #last: ClientFrame | null = null
  #cancel: () => void = () => undefined

  constructor(
    private readonly store: LiveStore,
    private readonly member: boolean,
    private readonly clock: Clock,
    private readonly send: (frame: ClientFrame) => boolean,
  ) {}

  /** The handshake's query, which says from where on to replay; `null` before the first load. */
  begin(): string | null {
    this.closed()
    const position = this.store.position
    this.#running = position !== null
    this.#last = null
    if (position === null) return null
    if (this.member) return `lastSeq=${position}`
    this.#asked = Math.min(position, this.#lost ?? position)
    this.#lost = null
    return `since=${this.#asked}`
  }

  /** The socket has closed: what was asked for did not come. */
  closed(): void {
    this.#cancel()
    this.#running = false
    this.#lost = least(this.#lost, this.#asked)
    this.#asked = null
    // The next handshake's replay covers them.
    this.#gaps.clear()
  }

  /** Takes a frame that the store has taken; answers whether a replay has ended and none is left to ask for. */
  take(frame: ServerFrame): boolean {
    switch (frame.type) {
      case 'kefu_message_type': {
        const gap = this.store.gapBefore(frame.content)
        if (gap !== null) this.#gaps.set(frame.content.conversationId, gap)
        break
      }
      case 'kefu_resync_required':
        this.#lost = least(this.#lost, frame.content.since)
        break
      case 'kefu_resync_done':
        this.#running = false
        this.#asked = null
        return !this.#next()
      case 'error':
        // The last request came while another replay was running.
        if (frame.content.code === 429 && this.#running && this.#last) this.#repeat(this.#last)
        return false
      default:
        return false
    }
    if (!this.#running) this.#next()
    return false
  }

  /** Asks for the next replay; false when there is none to ask for. */
  #next(): boolean {
    const position = this.store.position
    if (this.member) {
      if ((this.#lost === null && !this.#gaps.size) || position === null) return false
      this.#lost = null
      this.#gaps.clear()
      this.#ask({ type: 'kefu_resync', content: { afterSeq: position } })
      return true
    }
    if (this.#lost !== null) {
      this.#asked = this.#lost
      this.#lost = null
      this.#ask({ type: 'kefu_resync', content: { since: this.#asked } })
      return true
    }
    const [gap] = this.#gaps
    if (!gap) return false
    this.#gaps.delete(gap[0])
    this.#ask({ type: 'kefu_resync', content: { conversationId: gap[0], afterSeq: gap[1] } })
    return true
  }

  #ask(frame: ClientFrame): void {
    this.#running = true
    this.#last = frame
    this.send(frame)
  }

  #repeat(frame: ClientFrame): void {
    this.#cancel()
    this.#cancel = this.clock.after(AGAIN, () => this.send(frame))
  }
}

function least(a: number | null, b: number | null): number | null {
  return a === null ? b : b === null ? a : Math.min(a, b)
}
