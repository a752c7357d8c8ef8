/** `@kefu/widget`: loads the visitors' widget of a kefu server into a page, with types (docs/widget.md). */
import type { BootOptions, Card, Events, Identity, KefuFunction, Listener, Page, Theme } from '../api.js'

export type * from '../api.js'

export interface LoadOptions extends BootOptions {
  /** The address of kefu, e.g. `https://kefu.example`. */
  server: string
  /** Aborted before the script is there, nothing is put on the page: for a component that is taken away again. */
  signal?: AbortSignal
}

/** The widget on the page. */
export interface Kefu {
  open(): void
  close(): void
  toggle(): void
  /** Shows the launcher. */
  show(): void
  /** Hides the launcher. */
  hide(): void
  identify(identity: Identity): void
  logout(): void
  setLocale(locale: string): void
  setTheme(theme: Theme): void
  setAttributes(attributes: Record<string, unknown>): void
  page(page?: Page): void
  send(text: string, options?: { submit?: boolean }): void
  card(card: Card): void
  /** Listens until the function that comes back is called. */
  on<E extends keyof Events>(event: E, listener: Listener<E>): () => void
  /** Takes the widget away; `load` brings it back. */
  destroy(): void
}

interface TrustedTypes {
  createPolicy(name: string, rules: { createScriptURL(url: string): string }): { createScriptURL(url: string): string }
}

const page = globalThis as unknown as { kefu?: KefuFunction; trustedTypes?: TrustedTypes }
let script: Promise<void> | null = null
let policy: ReturnType<TrustedTypes['createPolicy']> | undefined

/**
 * Puts the widget on the page.
 * @throws when the script cannot be loaded: a later call tries again. When `signal` was aborted, its reason.
 */
export async function load({ server, signal, ...options }: LoadOptions): Promise<Kefu> {
  const base = server.replace(/\/+$/, '')
  if (page.kefu?.version === undefined) await (script ??= insert(`${base}/widget/v1.js`).finally(() => (script = null)))
  signal?.throwIfAborted()
  const kefu = page.kefu
  if (!kefu) throw new Error('kefu: the script has run and left nothing')
  kefu('boot', { server: base, ...options })
  return {
    open: () => kefu('open'),
    close: () => kefu('close'),
    toggle: () => kefu('toggle'),
    show: () => kefu('show'),
    hide: () => kefu('hide'),
    identify: (identity) => kefu('identify', identity),
    logout: () => kefu('logout'),
    setLocale: (locale) => kefu('setLocale', locale),
    setTheme: (theme) => kefu('setTheme', theme),
    setAttributes: (attributes) => kefu('setAttributes', attributes),
    page: (where) => kefu('page', where),
    send: (text, how) => kefu('send', text, how),
    card: (card) => kefu('card', card),
    on(event, listener) {
      kefu('on', event, listener)
      return () => kefu('off', event, listener)
    },
    destroy: () => kefu('destroy'),
  }
}

function insert(address: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const element = document.createElement('script')
    element.async = true
    element.onload = () => resolve()
    element.onerror = () => {
      element.remove()
      reject(new Error(`kefu: ${address} cannot be loaded`))
    }
    // A page with Trusted Types allows the policy `kefu`.
    policy ??= page.trustedTypes?.createPolicy('kefu', { createScriptURL: (url) => url })
    element.src = policy ? policy.createScriptURL(address) : address
    document.head.append(element)
  })
}
