import { beforeEach, expect, test } from 'vitest'
import { Drafts } from './drafts'

beforeEach(() => localStorage.clear())

test('a draft stays with its conversation and its agent', () => {
  const drafts = new Drafts(2)
  drafts.set(7, 'for seven')
  expect(drafts.of(7)).toBe('for seven')
  expect(drafts.of(8)).toBe('')
  expect(new Drafts(3).of(7)).toBe('')
})

test('a draft survives a reload and ends when it is emptied', () => {
  new Drafts(2).set(7, 'half a sentence')
  const reloaded = new Drafts(2)
  expect(reloaded.of(7)).toBe('half a sentence')
  expect(reloaded.conversations).toEqual([7])
  reloaded.set(7, ' \n')
  expect(new Drafts(2).conversations).toEqual([])
})

test('another tab is followed, another agent on the same machine is not', () => {
  const drafts = new Drafts(2)
  drafts.onStorage({ key: 'kefu.draft.2.7', newValue: 'typed there' })
  drafts.onStorage({ key: 'kefu.draft.22.8', newValue: 'not mine' })
  expect(drafts.conversations).toEqual([7])
  drafts.onStorage({ key: 'kefu.draft.2.7', newValue: null })
  expect(drafts.conversations).toEqual([])
})

test('a storage that is full does not lose what is typed', () => {
  const full = Object.assign(Object.create(localStorage), {
    length: 0,
    setItem() {
      throw new DOMException('full', 'QuotaExceededError')
    },
  }) as Storage
  const drafts = new Drafts(2, full)
  drafts.set(7, 'kept')
  expect(drafts.of(7)).toBe('kept')
})
