/**
 * The login: its current token and its end.
 *
 * Calls that find their token refused at the same time wait for one refresh. Whoever comes with a token that is not the
 * stored one any more gets the stored one without a refresh: another call, or another tab, was faster. A refresh that the
 * service refuses ends the login; one that got no answer does not.
 */
import { KefuError } from './error.js'
import type { Exchange } from './http.js'
import type { Tokens } from './model.js'
import type { ClientOptions, EndReason } from './types.js'

export class Session {
  #refresh: Promise<string> | null = null
  #ended = false

  constructor(
    private readonly options: Pick<ClientOptions, 'tokens' | 'userType'>,
    private readonly exchange: Exchange,
    private readonly onEnded: (reason: EndReason) => void,
  ) {}

  /** Answers an access token other than `refused`. @throws {KefuError} code 401 when the login has ended. */
  refresh(refused: string): Promise<string> {
    this.#refresh ??= this.#renew(refused).finally(() => (this.#refresh = null))
    return this.#refresh
  }

  /** There is a login (again). */
  begin(): void {
    this.#ended = false
  }

  /** Ends the login, once. */
  end(reason: EndReason): void {
    if (this.#ended) return
    this.#ended = true
    if (reason !== 'displaced') this.options.tokens.set(null)
    this.onEnded(reason)
  }

  async #renew(refused: string): Promise<string> {
    const { tokens } = this.options
    const fresh = await (tokens.exclusive ? tokens.exclusive(() => this.#once(refused)) : this.#once(refused))
    if (fresh) return fresh
    this.end('expired')
    throw new KefuError(401)
  }

  /** `undefined` when there is no login any more. */
  async #once(refused: string): Promise<string | undefined> {
    const { tokens, userType } = this.options
    const stored = tokens.get()
    if (stored?.accessToken && stored.accessToken !== refused) return stored.accessToken
    if (tokens.renew) return (await tokens.renew())?.accessToken
    const refreshToken = stored?.refreshToken
    if (!refreshToken) return undefined
    const path = userType === 'admin' ? '/admin-api/system/auth' : '/app-api/member/auth'
    const fresh = await this.exchange('post', `${path}/refresh-token`, { query: { refreshToken } }).catch(refusal)
    // The user has logged out, or in anew, in the meantime: the answer belongs to a login of the past.
    const now = tokens.get()
    if (now?.refreshToken !== refreshToken) return now?.accessToken
    if (fresh) tokens.set(fresh as Tokens)
    return (fresh as Tokens | undefined)?.accessToken
  }
}

/** A refusal of the service is an answer, too; everything else stays an error, like the page of a network that wants a login. */
function refusal(error: unknown): undefined {
  if (error instanceof KefuError && error.code && !error.temporary) return undefined
  throw error
}
