/**
 * What a site's page can ask of the widget (docs/widget.md), and what the widget tells the page.
 *
 * This file holds types only. The loader, the panel and the package `@kefu/widget` share it, and none of them a line of code.
 */

export type Theme = 'light' | 'dark' | 'auto'

export interface BootOptions {
  /** The channel's key, `wk_…`, from the console. */
  key: string
  /** The address of kefu, e.g. `https://kefu.example`; by default the one that the script came from. */
  server?: string
  /** A language tag, e.g. `zh` or `en-GB`; by default what the channel says, then the page's language, then the browser's. */
  locale?: string
  /** By default what the channel says. */
  theme?: Theme
  /** Shows no launcher; the page opens the panel by itself. */
  hidden?: boolean
  /** Whether the back button closes the panel on a phone; by default it does. */
  history?: boolean
  /** Whether a new message makes a sound while nobody looks at the panel; by default it does. */
  sound?: boolean
}

/** Who the visitor is: a token that the site's own server has signed for its member. */
export interface Identity {
  /** The token. */
  token?: string
  /** Brings a token; called again when the one before has expired. */
  getToken?: () => string | Promise<string>
}

/** A product of the shop; prices in hundredths. */
export interface Product {
  spuId?: number
  spuName: string
  picUrl?: string
  price?: number
  [field: string]: unknown
}

/** An order of the shop; prices in hundredths. */
export interface Order {
  id?: number
  no: string
  payPrice?: number
  items?: { spuName?: string; picUrl?: string; count?: number; price?: number }[]
  [field: string]: unknown
}

/** What is laid beside the composer for the visitor to send. */
export type Card = { product: Product } | { order: Order }

export interface Page {
  /** By default the page's own address. */
  url?: string
  /** By default the page's own title. */
  title?: string
}

/** A message from an agent, as the event `message` brings it. */
export interface AgentMessage {
  id: number
  /** 1 text, 2 image, 3 voice, 4 video, 5 system, 10 product, 11 order. */
  contentType: number
  content: string
  senderNickname: string | null
  /** Epoch milliseconds. */
  createTime: number
}

/** What went wrong: `code` as in docs/contract.md, 0 when no answer came. */
export interface WidgetError {
  code: number
  message: string
}

/** The events and what each brings. */
export interface Events {
  /** The launcher can be seen, and every command works. Whoever listens later is told at once. */
  ready: undefined
  open: undefined
  close: undefined
  /** An agent's message has come. */
  message: AgentMessage
  /** How many messages of agents the visitor has not seen. */
  unread: number
  /** The token was accepted and belongs to this member. */
  identified: { userId: number | null }
  error: WidgetError
}

export type Listener<E extends keyof Events> = (value: Events[E]) => void

/** The commands and what each takes. */
export interface Commands {
  boot: [options: BootOptions]
  open: []
  close: []
  toggle: []
  /** Shows the launcher. */
  show: []
  /** Hides the launcher; an open panel stays. */
  hide: []
  identify: [identity: Identity]
  logout: []
  setLocale: [locale: string]
  setTheme: [theme: Theme]
  /** Facts about the visitor for the agents, at most 4 KiB as JSON; `null` takes one back. */
  setAttributes: [attributes: Record<string, unknown>]
  /** The visitor is on another page now. */
  page: [page?: Page]
  /** Opens the panel with a text to send; with `submit` it goes at once. */
  send: [text: string, options?: { submit?: boolean }]
  /** Opens the panel with a card to send. */
  card: [card: Card]
  on: { [E in keyof Events]: [event: E, listener: Listener<E>] }[keyof Events]
  off: { [E in keyof Events]: [event: E, listener: Listener<E>] }[keyof Events]
  /** Takes everything away, as if there had been no widget; `boot` brings it back. */
  destroy: []
}

/** `window.kefu`. */
export interface KefuFunction {
  <C extends Exclude<keyof Commands, 'on' | 'off'>>(command: C, ...words: Commands[C]): void
  <E extends keyof Events>(command: 'on' | 'off', event: E, listener: Listener<E>): void
  /** What was asked before the script was there. */
  q?: ArrayLike<unknown>[]
  /** The loader's version; absent until it has run. */
  version?: string
  /**
   * Lets the loader that the service has now, whose files are of `build`, go on in place of this one: answers the commands that
   * bring everything back. Nothing when this one works, or is the same.
   */
  renew?(build: string, next: KefuFunction): unknown[][] | undefined
}
