import { mount } from '@vue/test-utils'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { defineComponent, h, useTemplateRef } from 'vue'
import { useAnchoredScroll } from './scroll'

/** What the observer of sizes calls after layout. */
let afterLayout = (): void => undefined

beforeEach(() => {
  vi.stubGlobal(
    'ResizeObserver',
    class {
      constructor(callback: () => void) {
        afterLayout = callback
      }
      observe = () => undefined
      disconnect = () => undefined
    },
  )
})
afterEach(() => vi.unstubAllGlobals())

/** A timeline with a message at 3200 px. */
function timeline() {
  const size = { view: 650, content: 4600 }
  const part = defineComponent({
    setup(_, { expose }) {
      const scroller = useTemplateRef<HTMLElement>('scroller')
      const content = useTemplateRef<HTMLElement>('content')
      const scroll = useAnchoredScroll(scroller, content, () => undefined)
      expose(scroll)
      return () =>
        h(
          'div',
          { ref: 'scroller', onScroll: scroll.onScroll },
          h('div', { ref: 'content' }, h('p', { 'data-key': 'm:1' })),
        )
    },
  })
  const wrapper = mount(part)
  const element = wrapper.element as HTMLElement
  Object.defineProperties(element, {
    clientHeight: { get: () => size.view },
    scrollHeight: { get: () => size.content },
  })
  const row = element.querySelector('p')!
  row.getBoundingClientRect = () => new DOMRect(0, 3200 - element.scrollTop, 300, 40)
  return { size, element, scrolled: () => element.dispatchEvent(new Event('scroll')) }
}

test('the end is kept when the view gets lower and a scroll comes before the observer', () => {
  const { size, element, scrolled } = timeline()
  afterLayout()
  expect(element.scrollTop).toBe(3950)
  scrolled()

  // The browser has moved what was beyond the end of the shorter content; then the bar above took room.
  Object.assign(size, { view: 578, content: 3740 })
  element.scrollTop = 3067
  scrolled()
  afterLayout()
  expect(element.scrollTop).toBe(3162)

  // What the reader scrolls stays.
  scrolled()
  element.scrollTop = 1000
  scrolled()
  afterLayout()
  expect(element.scrollTop).toBe(1000)
})

test('whoever goes far away from the end in that moment is let go', () => {
  const { size, element, scrolled } = timeline()
  afterLayout()
  scrolled()
  size.view = 578
  element.scrollTop = 200
  scrolled()
  afterLayout()
  expect(element.scrollTop).toBe(200)
})
