/**
 * The widget as visitors would see it with some settings, for the console's page of a channel.
 *
 * It is the real panel with a shell of its own: nothing is asked of the service, nothing is kept, and what visitors would click
 * or type in is inert. Only the launcher works.
 */
import { luminance, parse } from './loader/colour.js'
import { Launcher } from './loader/launcher.js'
import { chooseLocale, direction, launcherLabel } from './loader/locale.js'
import en from './locales/en.js'
import zh from './locales/zh.js'
import * as extras from './panel/extras/index.js'
import * as form from './panel/form/index.js'
import { mount } from './panel/index.js'
import type { Config, Keep, LoaderShell } from './shell.js'

export interface Preview {
  /** Shows other settings. */
  update(config: Config): void
  destroy(): void
}

/** What the panel measures by the screen, it measures by its place here: a phone's panel is as big, another one fits in. */
const SHEET = `
.panel { width: min(400px, 100% - 2 * var(--side)); max-height: calc(100% - var(--bottom) - 88px); }
@media (max-width: 667px) { .panel { top: 0 !important; width: 100%; height: 100% !important; max-height: none; } }`

/**
 * Shows the widget, open, in a place. The place must be what fixed boxes inside it are positioned by, e.g. by a `transform`.
 */
export function preview(place: HTMLElement, config: Config): Preview {
  const dark = matchMedia('(prefers-color-scheme: dark)')
  let open = false
  const launcher = new Launcher(() => (open ? panel.close() : panel.open()))
  const shell: LoaderShell = {
    server: location.origin,
    options: { key: 'preview', history: false, sound: false, kept: [memory(), memory()] },
    config,
    locale: () => chooseLocale(undefined, shell.config.locale),
    words: zh,
    place: launcher.place,
    parse,
    luminance,
    adopt: (css) => launcher.adopt(css),
    emit: () => undefined,
    setUnread: () => undefined,
    setOpen(shown) {
      open = shown
      launcher.root.toggleAttribute('data-open', shown)
      label()
    },
    focusLauncher: () => launcher.button.focus(),
    refresh: () => Promise.resolve(),
    // No member logs in here.
    load: (part) => Promise.resolve(part === 'form' ? form : extras),
  }
  const label = () => {
    launcher.button.setAttribute('aria-label', launcherLabel(shell.locale(), open, 0))
    launcher.button.setAttribute('aria-expanded', String(open))
  }
  const wear = () => {
    const { look } = shell.config
    launcher.root.dataset['theme'] = look.theme === 'auto' ? (dark.matches ? 'dark' : 'light') : look.theme
    launcher.root.lang = shell.locale()
    shell.words = /^zh/i.test(shell.locale()) ? zh : en
    launcher.root.dir = direction(shell.locale())
    launcher.wear(look)
    label()
  }
  const change = () => {
    wear()
    panel.update()
  }
  place.append(launcher.host)
  launcher.place.inert = true
  launcher.button.hidden = false
  wear()
  const panel = mount(shell)
  launcher.adopt(SHEET)
  panel.open()
  dark.addEventListener('change', change)
  return {
    update(next) {
      shell.config = next
      change()
    },
    destroy() {
      dark.removeEventListener('change', change)
      panel.destroy()
      launcher.host.remove()
    },
  }
}

function memory(): Keep {
  const values = new Map<string, string>()
  return {
    lasting: true,
    get: (name) => values.get(name) ?? null,
    set: (name, value) => void (value === null ? values.delete(name) : values.set(name, value)),
    names: () => [...values.keys()],
  }
}
