/**
 * One widget on the page, from `boot` to `destroy`.
 *
 * A page that nobody does anything on costs one request: the channel's settings, which the launcher needs. The panel's module
 * is loaded when it is asked for, when an earlier visit has left a login whose answers may have come, and for a member. What
 * the page asks of the panel goes through `#panel` in order. After `destroy` nothing that was under way has an effect.
 */
import type { BootOptions, Commands } from '../api.js'
import type { Config, LoaderShell as Shell, Options, Panel, PanelModule } from '../shell.js'
import { luminance, parse } from './colour.js'
import { Launcher } from './launcher.js'
import { chooseLocale, direction, launcherLabel, lostText } from './locale.js'

/** How long to wait before the settings are asked for again, in milliseconds. */
const PAUSES = [2_000, 10_000, 30_000, 60_000]

/** What will not be different later: a key that does not exist, or is not for this site. */
const REFUSALS = [400, 403, 404]

/** The commands that need the panel. */
export type PanelCommand = 'open' | 'close' | 'identify' | 'logout' | 'setAttributes' | 'page' | 'send' | 'card'

export class Widget {
  readonly #shell: Shell
  readonly #launcher = new Launcher(() => this.toggle())
  readonly #dark = matchMedia('(prefers-color-scheme: dark)')
  /** Takes back what was asked of the page. */
  readonly #end = new AbortController()
  #config: Promise<void> | null = null
  #panel: Promise<Panel | null> | null = null
  #mounted: Panel | undefined
  #faults = 0
  /** What the panel is to do once there is a reason to load it. */
  #later: [PanelCommand, ...unknown[]][] = []
  #open = false
  #unread = 0
  #shown: boolean
  ready = false
  /** A file could not be loaded. */
  get broken(): boolean {
    return this.#faults > 0
  }

  constructor(
    readonly options: Options & { server: string },
    readonly emit: Shell['emit'],
  ) {
    this.#shown = !options.hidden
    const { server } = options
    const locale = () => chooseLocale(this.options.locale, this.#shell.config?.locale)
    this.#shell = {
      server,
      options,
      config: undefined as unknown as Config,
      locale,
      words: {} as Shell['words'],
      place: this.#launcher.place,
      parse,
      luminance,
      adopt: (css) => this.#launcher.adopt(css),
      emit: (event, value) => {
        if (!this.#gone) emit(event, value)
      },
      setUnread: (count) => {
        if (count === this.#unread) return
        this.#unread = count
        this.#launcher.setUnread(count)
        this.#label()
        this.#shell.emit('unread', count)
      },
      setOpen: (open) => {
        if (open === this.#open) return
        this.#open = open
        this.#launcher.root.toggleAttribute('data-open', open)
        this.#label()
        this.#shell.emit(open ? 'open' : 'close', undefined)
      },
      focusLauncher: () => this.#launcher.button.focus(),
      refresh: () => this.#settings().catch(() => undefined),
      load: (name) => this.#import(name),
    }
    this.#dark.addEventListener('change', () => this.#wear(), { signal: this.#end.signal })
    whenBody(this.#end.signal, () => this.#begin())
  }

  get #gone(): boolean {
    return this.#end.signal.aborted
  }

  toggle(): void {
    this.command(this.#open ? 'close' : 'open')
  }

  show(shown: boolean): void {
    this.#shown = shown
    this.#launcher.button.hidden = !shown || !this.ready
    if (shown) void this.#configured()
  }

  setLocale(locale: string): void {
    this.options.locale = locale
    this.#wear()
  }

  setTheme(theme: BootOptions['theme']): void {
    this.options.theme = theme
    this.#wear()
  }

  /** Hands a command to the panel; what tells of the visitor waits until there is a panel for another reason. */
  command<C extends PanelCommand>(command: C, ...words: Commands[C]): void {
    this.#later.push([command, ...words])
    const waits = command === 'setAttributes' || command === 'page' || command === 'close'
    if (!waits || this.#panel) void this.#load()
  }

  /** The commands that bring back what is here and kept nowhere. */
  rest(): unknown[][] {
    return [...(this.#mounted?.rest() ?? []), ...this.#later]
  }

  destroy(): void {
    if (this.#gone) return
    this.#end.abort()
    this.#mounted?.destroy()
    this.#launcher.host.remove()
  }

  #begin(): void {
    document.body.append(this.#launcher.host)
    if (this.#shown) void this.#configured()
    // Whoever has written before may have an answer; whoever had the panel open goes on.
    if (this.options.kept || this.#stored('localStorage', 'visitor') || this.#stored('sessionStorage', 'open'))
      void this.#load()
  }

  /** What a visit before has left. To look at the property already throws where storage is denied. */
  #stored(area: 'localStorage' | 'sessionStorage', name: string): string | null {
    try {
      return window[area].getItem(`kefu:${this.options.key}:${name}`)
    } catch {
      return null
    }
  }

  /** The settings are here. Asks for them, again and again while there is no answer; `false`: the service refuses. */
  async #configured(): Promise<boolean> {
    for (let tries = 0; !this.#shell.config && !this.#gone; tries++) {
      try {
        await (this.#config ??= this.#settings().finally(() => (this.#config = null)))
      } catch (error) {
        const code = error as number
        this.#shell.emit('error', { code, message: 'no settings' })
        const pause = PAUSES[tries]
        if (REFUSALS.includes(code) || !pause) return false
        await new Promise((resolve) => setTimeout(resolve, pause))
      }
    }
    if (this.#gone) return false
    if (!this.ready) {
      this.ready = true
      this.#launcher.button.hidden = !this.#shown
      this.#shell.emit('ready', undefined)
    }
    return true
  }

  /** @throws the code of the refusal, 0 for no answer. */
  async #settings(): Promise<void> {
    const { server, options } = this.#shell
    const url = `${server}/app-api/promotion/kefu-widget/config?key=${encodeURIComponent(options.key)}`
    const answer = await fetch(url, { credentials: 'omit', signal: this.#end.signal }).catch(() => null)
    const { code, data } = ((await answer?.json().catch(() => null)) ?? {}) as { code?: number; data?: Config }
    if (!data) throw code ?? answer?.status ?? 0
    this.#shell.config = data
    this.#wear()
  }

  /** Loads the panel, and lets it do what waits. */
  async #load(): Promise<void> {
    this.#launcher.tell('')
    const panel = await (this.#panel ??= this.#mount())
    if (!panel) {
      this.#panel = null
      return
    }
    for (const [command, ...words] of this.#later.splice(0)) {
      ;(panel[command] as (...words: unknown[]) => void)(...words)
    }
  }

  async #mount(): Promise<Panel | null> {
    try {
      const [module, configured] = await Promise.all([
        this.#import('panel') as Promise<PanelModule>,
        this.#configured().then(async (configured) => {
          if (configured) await this.#speak()
          return configured
        }),
      ])
      return configured && !this.#gone ? (this.#mounted = module.mount(this.#shell)) : null
    } catch (error) {
      this.#launcher.tell(lostText(this.#shell.locale()))
      this.#fault(error)
      return null
    }
  }

  readonly #fault = (error: unknown) => this.#shell.emit('error', { code: 0, message: String(error) })

  /** A module that could not be loaded is not tried again under the same address, but the service may have another one now. */
  #import(name: 'panel' | 'zh' | 'en' | Parameters<Shell['load']>[0]): Promise<unknown> {
    const again = this.#faults ? `?${this.#faults}` : ''
    return __IMPORT__(`${this.#shell.server}/widget/assets/${name}-${__BUILD__}.js${again}`).catch(
      async (error: unknown) => {
        this.#faults += 1
        await __IMPORT__(`${this.#shell.server}/widget/v1.js?${Date.now()}`).catch(() => undefined)
        throw error
      },
    )
  }

  /** Brings the words of the language in force. */
  async #speak(): Promise<void> {
    const name = /^zh/i.test(this.#shell.locale()) ? 'zh' : 'en'
    this.#shell.words = ((await this.#import(name)) as { default: Shell['words'] }).default
  }

  /** Puts the settings, the theme and the language on. */
  #wear(): void {
    const { config } = this.#shell
    if (!config) return
    const { root } = this.#launcher
    const theme = this.options.theme ?? config.look.theme
    root.dataset['theme'] = root.style.colorScheme = theme === 'auto' ? (this.#dark.matches ? 'dark' : 'light') : theme
    root.lang = this.#shell.locale()
    root.dir = direction(root.lang)
    this.#launcher.wear(config.look)
    this.#label()
    this.#panel
      ?.then(async (panel) => {
        await this.#speak()
        panel?.update()
      })
      .catch(this.#fault)
  }

  #label(): void {
    const { button } = this.#launcher
    button.setAttribute('aria-label', launcherLabel(this.#shell.locale(), this.#open, this.#unread))
    button.setAttribute('aria-expanded', String(this.#open))
  }
}

/** Calls `work` as soon as the page has a body: a script in the head runs before. */
function whenBody(signal: AbortSignal, work: () => void): void {
  if (document.body as HTMLElement | null) work()
  else document.addEventListener('DOMContentLoaded', work, { once: true, signal })
}
