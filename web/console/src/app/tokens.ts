/**
 * The tokens of the login. The access token lives in memory only. The refresh token lives in the tab, or in the browser when
 * the user asked to stay logged in; tabs then share it and refresh one at a time.
 */
import type { StoredTokens, TokenStore, Tokens } from '@kefu/client'
import { local, session, type Store } from './storage'

const KEY = 'kefu.refreshToken'

export class BrowserTokens implements TokenStore {
  private access = ''
  private remembered = local.get(KEY) !== null

  /** Whether the login outlives the tab. */
  get remembers(): boolean {
    return this.remembered
  }

  /** Where what belongs to the login is kept, and wiped with it. */
  get storage(): Store {
    return this.remembered ? local : session
  }

  /** Decides where the tokens of the next login go. */
  remember(yes: boolean): void {
    local.remove(KEY)
    session.remove(KEY)
    this.remembered = yes
  }

  get(): StoredTokens | null {
    const refreshToken = this.storage.get(KEY)
    return refreshToken === null ? null : { accessToken: this.access, refreshToken }
  }

  set(tokens: Tokens | null): void {
    this.access = tokens?.accessToken ?? ''
    if (tokens) this.storage.set(KEY, tokens.refreshToken)
    else this.storage.remove(KEY)
  }

  async exclusive<T>(work: () => Promise<T>): Promise<T> {
    // Locks exist in secure contexts only. Without rotation of refresh tokens two refreshes at once do no harm.
    if (!this.remembered || !('locks' in navigator)) return work()
    return (await navigator.locks.request('kefu.refresh', work)) as T
  }

  /** Calls `listener` when another tab ends the remembered login. */
  onRemoved(listener: () => void): void {
    addEventListener('storage', (event) => {
      if (this.remembered && event.key === KEY && event.newValue === null) listener()
    })
  }
}
