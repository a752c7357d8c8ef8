/**
 * `/widget/v1.js`: makes `window.kefu`, does what the page has asked of it before, and boots for the `data-key` of its tag.
 *
 * The file is safe to load twice: the second run finds the first one's `kefu` and boots through it, which does nothing for
 * the same key.
 *
 * An upgrade of the service takes the files away that a loader knows, and a page may be open for days. A loader that cannot load
 * one of its files therefore imports this one anew: when that knows other files, it takes the place of the one before (`renew`).
 */
import type { BootOptions, Commands, Events, KefuFunction, Theme } from '../api.js'
import { Widget } from './widget.js'

type Anything = (value: unknown) => void

const page = window as unknown as { kefu?: KefuFunction }
const script = document.currentScript as HTMLScriptElement | null
/** The service that the script came from; below a path, too. */
const server = /^(.*)\/widget\/v1\.js/.exec(script?.src ?? '')?.[1]

let widget: Widget | null = null
/** What was asked before `boot`. */
let early: unknown[][] = []
const listeners = new Map<string, Set<Anything>>()
/** The loader that has taken this one's place. */
let next: KefuFunction | undefined

function emit(event: keyof Events, value: unknown): void {
  for (const listener of [...(listeners.get(event) ?? [])]) {
    // A listener that fails is the page's matter and must not stop the widget.
    try {
      listener(value)
    } catch (error) {
      reportError(error)
    }
  }
}

function boot(options: BootOptions): void {
  if (widget?.options.key === options.key) return
  widget?.destroy()
  const base = (options.server ?? server ?? location.origin).replace(/\/+$/, '')
  widget = new Widget({ ...options, server: base }, emit)
  for (const words of early.splice(0)) run(...(words as [string]))
}

function run(command: string, ...words: unknown[]): void {
  const [first, second] = words as [never, Anything]
  // The page may hold this function.
  if (next) (next as typeof run)(command, ...words)
  else if (command === 'on') {
    const known = listeners.get(first) ?? new Set()
    listeners.set(first, known.add(second))
    if (first === 'ready' && widget?.ready) second(undefined)
  } else if (command === 'off') listeners.get(first)?.delete(second)
  else if (command === 'boot') boot(first)
  else if (!widget) {
    if (command === 'destroy') early = []
    else early.push([command, ...words])
  } else if (command === 'destroy') {
    widget.destroy()
    widget = null
    listeners.clear()
  } else if (command === 'show' || command === 'hide') widget.show(command === 'show')
  else if (command === 'toggle') widget.toggle()
  else if (command === 'setLocale') widget.setLocale(first)
  else if (command === 'setTheme') widget.setTheme(first)
  else widget.command(command as 'send', ...(words as Commands['send']))
}

function bootByTag({ key, locale, theme, hidden, history, sound, server: other }: DOMStringMap): void {
  if (!key) return
  const options: BootOptions = { key, hidden: hidden !== undefined, history: history !== 'off', sound: sound !== 'off' }
  if (other) options.server = other
  if (locale) options.locale = locale
  if (theme) options.theme = theme as Theme
  page.kefu?.('boot', options)
}

const renew: KefuFunction['renew'] = (build, other) => {
  if (!widget?.broken || build === __BUILD__) return undefined
  const heard = [...listeners].flatMap(([event, those]) => [...those].map((listener) => ['on', event, listener]))
  const commands = [...heard, ['boot', widget.options], ...widget.rest()]
  widget.destroy()
  next = other
  return commands
}

const before = page.kefu
const queue = before?.version === undefined ? (before?.q ?? []) : before.renew?.(__BUILD__, run as KefuFunction)
if (queue) page.kefu = Object.assign(run as KefuFunction, { version: __VERSION__, renew })
if (script) bootByTag(script.dataset)
for (const words of queue ?? []) run(...(Array.from(words) as [string]))
