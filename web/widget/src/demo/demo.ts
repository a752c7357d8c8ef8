/** The buttons of the demo page: what a site's own script would do. */
import type { Events, KefuFunction } from '../api.js'

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
  zh: () => kefu('setLocale', 'zh-CN'),
  en: () => kefu('setLocale', 'en'),
  logout: () => kefu('logout'),
  product: (button) => {
    const { name = '', price, id } = button.closest('article')?.dataset ?? {}
    kefu('card', { product: { spuId: Number(id), spuName: name, price: Number(price) } })
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
