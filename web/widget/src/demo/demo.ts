/** The buttons of the demo page: what a site's own script would do. */
import type { Events, KefuFunction } from '../api.js'

// The page names no language before this, so that the widget, whose script may run first, takes the browser's, too.
const speak = (lang: 'zh-CN' | 'en') => (document.documentElement.lang = lang)
speak(/^zh/i.test(navigator.language) ? 'zh-CN' : 'en')

const page = window as unknown as { kefu?: KefuFunction }
// What is asked before the widget's script is there waits in `q`.
const kefu: KefuFunction = ((...words: ['open']) => {
  if (page.kefu && page.kefu !== kefu) page.kefu(...words)
  else kefu.q = [...(kefu.q ?? []), words]
}) as KefuFunction
page.kefu ??= kefu

const log = document.querySelector<HTMLElement>('.events')
const events: (keyof Events)[] = ['ready', 'open', 'close', 'message', 'unread', 'identified', 'error']
for (const event of events) {
  kefu('on', event, (value: unknown) => {
    log?.querySelector('.none')?.remove()
    const line = document.createElement('li')
    const name = document.createElement('b')
    name.textContent = event
    line.append(name, value === undefined ? '' : ` ${JSON.stringify(value)}`)
    log?.prepend(line)
    while (log && log.children.length > 12) log.lastElementChild?.remove()
  })
}

const actions: Record<string, (button: HTMLElement) => void> = {
  open: () => kefu('open'),
  close: () => kefu('close'),
  hide: () => kefu('hide'),
  show: () => kefu('show'),
  light: () => kefu('setTheme', 'light'),
  dark: () => kefu('setTheme', 'dark'),
  zh: () => kefu('setLocale', speak('zh-CN')),
  en: () => kefu('setLocale', speak('en')),
  logout: () => kefu('logout'),
  product: (button) => {
    const article = button.closest('article')
    const { price, id } = article?.dataset ?? {}
    // What is shown, in the page's language.
    const [name, kind] = ['h2', 'p'].map((part) => article?.querySelector<HTMLElement>(part)?.innerText)
    kefu('card', { product: { spuId: Number(id), spuName: `${name} ${kind}`, price: Number(price) } })
  },
}
document.addEventListener('click', ({ target }) => {
  const button = (target as Element).closest<HTMLElement>('[data-do]')
  if (button) actions[button.dataset['do'] ?? '']?.(button)
})
document.querySelector('form')?.addEventListener('submit', (event) => {
  event.preventDefault()
  const token = document.querySelector<HTMLTextAreaElement>('#token')?.value.trim()
  if (token) kefu('identify', { token })
})
