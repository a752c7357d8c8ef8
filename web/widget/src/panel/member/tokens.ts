/** A member's login: the token comes from the page and is kept nowhere. */
import type { KefuError, StoredTokens, TokenStore } from '@kefu/client'
import type { Identity } from '../../api.js'

export class MemberTokens implements TokenStore {
  readonly slot: string
  readonly member = true
  readonly exists = true

  constructor(
    private token: string,
    private source: Identity['getToken'],
    private readonly Fault: typeof KefuError,
  ) {
    this.slot = slotOf(token)
  }

  /** The page has a newer token of the same member. */
  replace(token: string, source: Identity['getToken']): void {
    this.token = token
    this.source = source
  }

  want(): void {
    return
  }

  get(): StoredTokens {
    return { accessToken: this.token }
  }

  set(): void {
    return
  }

  async renew(): Promise<StoredTokens | null> {
    if (!this.source) return null
    try {
      this.token = await this.source()
    } catch (cause) {
      // The page's own server is away: later.
      throw new this.Fault(0, '', 0, null, null, { cause })
    }
    return this.token ? this.get() : null
  }
}

/** The place of a member in this browser's storage: the same for every token of one member. */
export function slotOf(token: string): string {
  let subject = token
  try {
    const claims = JSON.parse(atob((token.split('.')[1] ?? '').replace(/-/g, '+').replace(/_/g, '/'))) as object
    if ('sub' in claims) subject = String(claims.sub)
  } catch {
    // Not a token that says who it is for.
  }
  // Two of FNV-1a: a name for a place, not a secret.
  let [one, two] = [0x811c9dc5, 0x01000193]
  for (const character of subject) {
    const code = character.codePointAt(0) ?? 0
    one = Math.imul(one ^ code, 0x01000193)
    two = Math.imul(two ^ code, 0x85ebca6b)
  }
  return `m${(one >>> 0).toString(36)}${(two >>> 0).toString(36)}`
}
