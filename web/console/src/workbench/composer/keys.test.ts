// @vitest-environment node
import { expect, test } from 'vitest'
import { type EnterEvent, pastedFiles, sends } from './keys'

const enter = (fields: Partial<EnterEvent> = {}): EnterEvent => ({
  key: 'Enter',
  keyCode: 13,
  isComposing: false,
  shiftKey: false,
  altKey: false,
  ctrlKey: false,
  metaKey: false,
  ...fields,
})

test('Enter of an input method never sends, in no browser', () => {
  for (const mode of ['enter', 'ctrlEnter'] as const) {
    expect(sends(enter({ isComposing: true }), mode)).toBe(false)
    expect(sends(enter({ keyCode: 229 }), mode)).toBe(false)
    expect(sends(enter({ isComposing: true, ctrlKey: true }), mode)).toBe(false)
  }
})

test('Enter sends or breaks the line, as set; Ctrl and ⌘ with Enter always send', () => {
  expect(sends(enter(), 'enter')).toBe(true)
  expect(sends(enter({ shiftKey: true }), 'enter')).toBe(false)
  expect(sends(enter(), 'ctrlEnter')).toBe(false)
  for (const mode of ['enter', 'ctrlEnter'] as const) {
    expect(sends(enter({ ctrlKey: true }), mode)).toBe(true)
    expect(sends(enter({ metaKey: true }), mode)).toBe(true)
    expect(sends(enter({ altKey: true }), mode)).toBe(false)
    expect(sends({ ...enter(), key: 'a' }, mode)).toBe(false)
  }
})

test('files are pasted, but not the picture that an office program adds to a text', () => {
  const file = new File(['x'], 'a.png', { type: 'image/png' })
  const files = [file] as unknown as FileList
  expect(pastedFiles({ files, types: ['Files'] })).toEqual([file])
  expect(pastedFiles({ files, types: ['text/html', 'Files'] })).toEqual([file])
  expect(pastedFiles({ files, types: ['text/plain', 'text/html', 'Files'] })).toEqual([])
  expect(pastedFiles(null)).toEqual([])
})
