import { effectScope } from 'vue'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { availableActions, runByKey, useActions, type Action } from './actions'
import { keyNames, matches, takesText, worksInText } from './keys'

const key = (code: string, init: KeyboardEventInit = {}) =>
  new KeyboardEvent('keydown', { code, cancelable: true, ...init })

function at(element: HTMLElement, event: KeyboardEvent): KeyboardEvent {
  document.body.append(element)
  element.dispatchEvent(event)
  return event
}

describe('keys', () => {
  it('matches by the place of a key, not by its letter', () => {
    expect(matches(key('KeyJ', { key: 'о' }), 'KeyJ', false)).toBe(true)
    expect(matches(key('KeyJ', { ctrlKey: true }), 'KeyJ', false)).toBe(false)
    expect(matches(key('KeyK', { ctrlKey: true }), 'Ctrl+KeyK', false)).toBe(true)
    expect(matches(key('KeyK', { metaKey: true }), 'Ctrl+KeyK', true)).toBe(true)
    expect(matches(key('KeyK', { ctrlKey: true }), 'Ctrl+KeyK', true)).toBe(false)
    expect(matches(key('Slash', { key: '?', shiftKey: true }), '=?', false)).toBe(true)
    expect(matches(key('Slash', { key: '?', shiftKey: true }), 'Slash', false)).toBe(false)
    expect(matches(key('ArrowUp', { altKey: true, shiftKey: true }), 'Alt+Shift+ArrowUp', false)).toBe(true)
  })

  it('names keys for people', () => {
    expect(keyNames('Alt+Shift+ArrowUp', false)).toEqual(['Alt', 'Shift', '↑'])
    expect(keyNames('Ctrl+KeyK', true)).toEqual(['⌘', 'K'])
    expect(keyNames('=?', false)).toEqual(['?'])
    expect(keyNames('BracketRight', false)).toEqual([']'])
  })

  it('knows where text is typed', () => {
    const checkbox = Object.assign(document.createElement('input'), { type: 'checkbox' })
    expect(takesText(document.createElement('textarea'))).toBe(true)
    expect(takesText(document.createElement('input'))).toBe(true)
    expect(takesText(checkbox)).toBe(false)
    expect(takesText(document.body)).toBe(false)
    expect([worksInText('KeyJ'), worksInText('Ctrl+KeyK'), worksInText('Escape')]).toEqual([false, true, true])
  })
})

describe('actions', () => {
  const scope = effectScope()
  afterEach(() => {
    scope.stop()
    document.body.replaceChildren()
  })

  it('runs single keys outside of text only, and not when they are off', () => {
    const run = vi.fn()
    const palette = vi.fn()
    const actions: Action[] = [
      { label: 'keyboard.action.next', group: 'move', keys: ['KeyJ'], run },
      { label: 'keyboard.action.palette', group: 'general', keys: ['Ctrl+KeyK'], run: palette },
      { label: 'keyboard.action.pin', group: 'conversation', keys: ['KeyP'], enabled: () => false, run },
    ]
    scope.run(() => useActions(actions))
    expect(availableActions()).toHaveLength(2)

    expect(runByKey(at(document.createElement('div'), key('KeyJ')), true)).toBe(true)
    expect(run).toHaveBeenCalledTimes(1)
    expect(runByKey(at(document.createElement('textarea'), key('KeyJ')), true)).toBe(false)
    expect(runByKey(at(document.createElement('div'), key('KeyJ')), false)).toBe(false)
    expect(runByKey(at(document.createElement('div'), key('KeyP')), true)).toBe(false)
    expect(run).toHaveBeenCalledTimes(1)

    expect(runByKey(at(document.createElement('textarea'), key('KeyK', { ctrlKey: true })), false)).toBe(true)
    expect(palette).toHaveBeenCalledTimes(1)
  })

  it('leaves keys to an open dialog, to an input method and to what took them', () => {
    const run = vi.fn()
    effectScope().run(() => useActions([{ label: 'keyboard.action.next', group: 'move', keys: ['KeyJ'], run }]))
    const taken = key('KeyJ')
    taken.preventDefault()
    expect(runByKey(taken, true)).toBe(false)
    expect(runByKey(key('KeyJ', { isComposing: true }), true)).toBe(false)
    const dialog = document.createElement('div')
    dialog.setAttribute('aria-modal', 'true')
    document.body.append(dialog)
    expect(runByKey(key('KeyJ'), true)).toBe(false)
    expect(run).not.toHaveBeenCalled()
  })
})
