/** A call that the service refused, or that did not reach it. */
export class KefuError extends Error {
  override name = 'KefuError'

  constructor(
    /** The envelope's code (docs/contract.md); 0 when no answer came, or none of the service's. */
    readonly code: number,
    /** The service's message for the user, in the language asked for; empty when no answer came. */
    readonly msg = '',
    /** The HTTP status; 0 when no answer came. */
    readonly status = 0,
    /** For how long to wait before the next try, in milliseconds, where the service says so (codes 429 and 503). */
    readonly retryAfterMs: number | null = null,
    /** The answer's `X-Request-Id`, for the operator's log. */
    readonly requestId: string | null = null,
    options?: ErrorOptions,
  ) {
    super(msg || `no answer (status ${status})`, options)
  }

  /** Whether the same call may succeed later: nothing was wrong with the call itself. */
  get temporary(): boolean {
    return [429, 500, 503].includes(this.code) || (!this.code && (!this.status || this.status >= 429))
  }
}
