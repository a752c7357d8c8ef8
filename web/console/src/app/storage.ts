/** The browser's storage. Where it is blocked or full, values live until the page goes. */

const memory = new Map<string, string>()

/** What is stored in this browser (`local`), or in this tab (`session`). */
export class Store {
  constructor(private readonly kind: 'local' | 'session') {}

  get(key: string): string | null {
    try {
      return this.storage().getItem(key) ?? memory.get(this.kind + key) ?? null
    } catch {
      return memory.get(this.kind + key) ?? null
    }
  }

  set(key: string, value: string): void {
    try {
      this.storage().setItem(key, value)
      memory.delete(this.kind + key)
    } catch {
      memory.set(this.kind + key, value)
    }
  }

  remove(key: string): void {
    memory.delete(this.kind + key)
    try {
      this.storage().removeItem(key)
    } catch {
      // Blocked: nothing was stored there.
    }
  }

  /** A value stored as JSON; `null` when there is none or it is broken. */
  read<T>(key: string): T | null {
    const text = this.get(key)
    if (text === null) return null
    try {
      return JSON.parse(text) as T
    } catch {
      return null
    }
  }

  write(key: string, value: unknown): void {
    this.set(key, JSON.stringify(value))
  }

  private storage(): Storage {
    return this.kind === 'local' ? localStorage : sessionStorage
  }
}

export const local = new Store('local')
export const session = new Store('session')
