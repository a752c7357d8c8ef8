/** What the loader and the panel have of each other. Types only: the two share no code. */
import type { BootOptions, Card, Events, Identity, Page, Theme } from './api.js'
import type { luminance, parse } from './loader/colour.js'
import type { Words } from './locales/zh.js'

/** A field of the form before the first message. */
export interface PreChatField {
  name: 'name' | 'email' | 'phone' | 'topic'
  label?: string | null
  required?: boolean
}

/** The answer of `kefu-widget/config`. */
export interface Config {
  key: string
  name: string
  locale: string
  look: {
    color: string
    position: 'left' | 'right'
    side: number
    bottom: number
    zIndex: number
    theme: Theme
    avatar: string | null
  }
  texts: Partial<Record<'title' | 'greeting' | 'reply' | 'away' | 'placeholder', string | null>>
  preChat: { enabled: boolean; fields: PreChatField[] }
  /** An agent is there. */
  online: boolean
  /** The largest upload. */
  uploadBytes: number
}

/** A place for texts that outlives the page where the browser allows that. */
export interface Keep {
  /** What is kept outlives the page. */
  readonly lasting: boolean
  get(name: string): string | null
  /** `null` takes it away. */
  set(name: string, value: string | null): void
  /** The names of everything kept for this key. */
  names(): string[]
}

/** What the page has asked for, and what a panel leaves to the one that takes its place. */
export interface Options extends BootOptions {
  /** What is kept over tabs, and for this tab: where the browser denies a storage, nothing else has it. */
  kept?: [local: Keep, tab: Keep]
}

/** What the panel takes from the loader. */
export interface LoaderShell {
  readonly server: string
  readonly options: Options
  config: Config
  /** The language tag in force. */
  locale(): string
  /** The words of that language. */
  words: Words
  /** The brand's colour, and how bright a colour is (loader/colour.ts). */
  readonly parse: typeof parse
  readonly luminance: typeof luminance
  /** The panel's place in the shadow root. */
  readonly place: HTMLElement
  /** Adds a style sheet to the shadow root. */
  adopt(css: string): void
  emit<E extends keyof Events>(event: E, value: Events[E]): void
  /** The launcher's badge. */
  setUnread(count: number): void
  /** The panel is open, or closed. */
  setOpen(open: boolean): void
  focusLauncher(): void
  /** Asks for the channel's settings again; they are in `config` then. Never fails. */
  refresh(): Promise<void>
  /** Loads a part of the panel. A later call tries again. @throws when it cannot be loaded. */
  load(part: 'form' | 'member' | 'extras' | 'rounds'): Promise<unknown>
}

/** What all of the panel uses. */
export interface Shell extends LoaderShell {
  /** Over reloads and tabs. */
  readonly local: Keep
  /** Over reloads of this tab. */
  readonly tab: Keep
}

/** What the loader asks of the panel. */
export interface Panel {
  open(): void
  close(): void
  identify(identity: Identity): void
  logout(): void
  setAttributes(attributes: Record<string, unknown>): void
  page(page?: Page): void
  send(text: string, options?: { submit?: boolean }): void
  card(card: Card): void
  /** Sends files. */
  attach(files: readonly File[]): void
  /** The commands that bring back, in another panel, what is kept nowhere. */
  rest(): unknown[][]
  /** The language or the settings have changed. */
  update(): void
  destroy(): void
}

/** The panel's module. */
export interface PanelModule {
  mount(shell: LoaderShell): Panel
}
