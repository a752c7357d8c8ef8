/**
 * `v-tip` names an icon button in a tooltip when the pointer rests on it or the keyboard reaches it.
 *
 * One tooltip serves the page (`TipHost.vue`): it is loaded with the first one that is shown.
 */
import { shallowReactive, type Directive } from 'vue'

export interface Tip {
  text: string
  /** A key that does the same. */
  keys?: string | undefined
}

/** What the tooltip shows, and beside which element. */
export const tip = shallowReactive<{ anchor: HTMLElement | null; text: string; keys: string | undefined }>({
  anchor: null,
  text: '',
  keys: undefined,
})

const REST = 350
const tips = new WeakMap<HTMLElement, Tip>()
let timer: ReturnType<typeof setTimeout> | undefined

function show(element: HTMLElement, delay: number): void {
  clearTimeout(timer)
  timer = setTimeout(() => {
    const content = tips.get(element)
    if (!content || !element.isConnected) return
    tip.text = content.text
    tip.keys = content.keys
    tip.anchor = element
  }, delay)
}

function hide(): void {
  clearTimeout(timer)
  tip.anchor = null
}

export const vTip: Directive<HTMLElement, Tip> = {
  mounted(element, { value }) {
    tips.set(element, value)
    element.addEventListener('pointerenter', (event) => event.pointerType === 'mouse' && show(element, REST))
    element.addEventListener('pointerleave', hide)
    element.addEventListener('pointerdown', hide)
    element.addEventListener('focus', () => element.matches(':focus-visible') && show(element, 0))
    element.addEventListener('blur', hide)
  },
  updated(element, { value }) {
    tips.set(element, value)
    if (tip.anchor !== element) return
    tip.text = value.text
    tip.keys = value.keys
  },
  unmounted(element) {
    if (tip.anchor === element) hide()
  },
}
