/** The host element, its shadow root and the launcher. */
import type { Config } from '../shell.js'
import { css as colourText, parse, readableOn, textOn } from './colour.js'
import sheetText from './launcher.css?inline'

const SVG = 'http://www.w3.org/2000/svg'

/** A speech bubble with three dots, and a cross. */
const SHAPES = {
  talk: 'M12 4c5 0 9 3.3 9 7.5s-4 7.5-9 7.5c-1 0-2-.1-2.9-.4l-4.6 1.9 1-3.6A7 7 0 0 1 3 11.5C3 7.3 7 4 12 4zM8 11.5h.01M12 11.5h.01M16 11.5h.01',
  shut: 'M6 6l12 12M18 6L6 18',
}

export class Launcher {
  readonly host = document.createElement('kefu-widget')
  readonly #shadow = this.host.attachShadow({ mode: 'open' })
  readonly root = document.createElement('div')
  /** Where the panel goes: before the launcher, as it is read. */
  readonly place = document.createElement('div')
  readonly button = document.createElement('button')
  readonly #badge = document.createElement('span')

  constructor(onClick: () => void) {
    this.adopt(sheetText)
    this.root.className = 'root'
    this.button.type = 'button'
    this.button.className = 'launcher'
    this.button.hidden = true
    this.button.setAttribute('aria-expanded', 'false')
    this.button.onclick = onClick
    this.#badge.className = 'badge'
    this.#badge.setAttribute('aria-hidden', 'true')
    for (const [name, shape] of Object.entries(SHAPES)) {
      const svg = document.createElementNS(SVG, 'svg')
      const path = document.createElementNS(SVG, 'path')
      svg.setAttribute('class', name)
      svg.setAttribute('viewBox', '0 0 24 24')
      svg.setAttribute('aria-hidden', 'true')
      path.setAttribute('d', shape)
      svg.append(path)
      this.button.append(svg)
    }
    this.button.append(this.#badge)
    this.root.append(this.place, this.button)
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
      '--brand': colourText(brand),
      '--on-brand': colourText(textOn(brand)),
      '--accent-light': colourText(readableOn(brand, [246, 247, 249])),
      '--accent-dark': colourText(readableOn(brand, [34, 40, 50])),
      '--side': `${side}px`,
      '--bottom': `${bottom}px`,
      '--z': String(zIndex),
    }
    for (const [name, value] of Object.entries(values)) this.root.style.setProperty(name, value)
    this.root.dataset['position'] = position
  }

  setUnread(count: number): void {
    this.#badge.textContent = count > 99 ? '99+' : count > 0 ? String(count) : ''
  }
}
