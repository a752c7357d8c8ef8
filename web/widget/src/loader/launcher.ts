/** The host element, its shadow root and the launcher. */
import type { Config } from '../shell.js'
import { parse, textOn } from './colour.js'
import sheetText from './launcher.css?inline'

const SVG = 'http://www.w3.org/2000/svg'

/** A speech bubble with three dots, and a cross. */
const SHAPES = [
  'M12 4c5 0 9 3.3 9 7.5s-4 7.5-9 7.5c-1 0-2-.1-2.9-.4l-4.6 1.9 1-3.6A7 7 0 0 1 3 11.5C3 7.3 7 4 12 4zM8 11.5h.01M12 11.5h.01M16 11.5h.01',
  'M6 6l12 12M18 6L6 18',
]

export class Launcher {
  readonly host = document.createElement('kefu-widget')
  readonly #shadow = this.host.attachShadow({ mode: 'open' })
  readonly root = document.createElement('div')
  /** Where the panel goes: before the launcher, as it is read. */
  readonly place = document.createElement('div')
  readonly button = document.createElement('button')
  readonly #badge = document.createElement('span')
  readonly #note = document.createElement('p')

  constructor(onClick: () => void) {
    this.adopt(sheetText)
    this.root.className = 'root'
    this.button.type = 'button'
    this.button.className = 'launcher'
    this.button.hidden = true
    this.button.onclick = onClick
    this.#note.className = 'lost'
    this.#note.setAttribute('role', 'alert')
    this.#note.onclick = onClick
    this.#badge.className = 'badge'
    this.#badge.setAttribute('aria-hidden', 'true')
    const icon = document.createElementNS(SVG, 'svg')
    icon.setAttribute('viewBox', '0 0 24 24')
    icon.setAttribute('aria-hidden', 'true')
    for (const shape of SHAPES) {
      const path = document.createElementNS(SVG, 'path')
      path.setAttribute('d', shape)
      icon.append(path)
    }
    this.button.append(icon, this.#badge)
    this.root.append(this.place, this.#note, this.button)
    this.#shadow.append(this.root)
    // What is typed here is no shortcut of the page.
    for (const type of ['keydown', 'keypress', 'keyup']) {
      this.host.addEventListener(type, (event) => event.stopPropagation())
    }
  }

  /** A constructed style sheet needs no permission of the page's Content-Security-Policy, an element would. */
  adopt(text: string): void {
    const sheet = new CSSStyleSheet()
    sheet.replaceSync(text)
    this.#shadow.adoptedStyleSheets.push(sheet)
  }

  wear({ color, position, side, bottom, zIndex }: Config['look']): void {
    const brand = parse(color)
    const values = {
      brand: `rgb(${brand.join()})`,
      'on-brand': textOn(brand),
      side: `${side}px`,
      bottom: `${bottom}px`,
      z: String(zIndex),
    }
    for (const [name, value] of Object.entries(values)) this.root.style.setProperty(`--${name}`, value)
    this.root.dataset['position'] = position
  }

  /** Says something beside the launcher. */
  tell(text: string): void {
    this.#note.textContent = text
  }

  setUnread(count: number): void {
    this.#badge.textContent = count > 99 ? '99+' : count > 0 ? String(count) : ''
  }
}
