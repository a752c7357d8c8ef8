/** A call that the service refused, or that did not reach it. */
export class KefuError extends Error {
  override name = 'KefuError'

  constructor(
    /** The envelope's code (docs/contract.md); 0 when no answer came, or none of the service's. */
    readonly code: number,
    /** The service's message for the user, in the language asked for; empty when no answer came. */
    readonly msg: string,
    /** The HTTP status; 0 when no answer came. */
    readonly status: number,
    /** For how long to wait before the next try, in milliseconds, where the service says so (codes 429 and 503). */
    readonly retryAfterMs: number | null = null,
    /** The answer's `X-Request-Id`, for the operator's log. */
    readonly requestId: string | null = null,
    options?: { cause?: unknown },
  ) {
    super(msg || `no answer (status ${status})`, options)
  }

  /** Whether the same call may succeed later: nothing was wrong with the call itself. */
  get temporary(): boolean {
    return this.code === 0 || this.code === 429 || this.code === 500 || this.code === 503
  }
}
