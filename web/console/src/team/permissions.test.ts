// @vitest-environment node
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { KNOWN, lacking, needsOf, share, sorted, withAll, withChange } from './permissions'

const every = () => true
const QUERY = 'system:user:query'
const UPDATE = 'system:user:update'

test('every permission of the service has its place, once', () => {
  const source = readFileSync(new URL('../../../../foundation/src/access/mod.rs', import.meta.url), 'utf8')
  const names = [...source.matchAll(/=> "([\w-]+:[\w-]+:[\w-]+)";/g)].map(([, name]) => name)
  expect(names.length).toBeGreaterThan(20)
  expect(KNOWN.map(({ name }) => name).sort()).toEqual(names.sort())
})

test('what a permission needs is given with it, and taken together with what it needs', () => {
  const sends = withChange([], 'promotion:kefu-message:send', true, every)
  expect(sends).toEqual([
    'promotion:kefu-conversation:query',
    'promotion:kefu-message:query',
    'promotion:kefu-message:send',
  ])
  expect(withChange(sends, 'promotion:kefu-conversation:query', false, every)).toEqual([])
  expect(withChange([QUERY, UPDATE], UPDATE, false, every)).toEqual([QUERY])
  for (const { name } of KNOWN)
    for (const needed of needsOf(name)) expect(KNOWN.map((one) => one.name)).toContain(needed)
})

test('what this admin does not hold stays as it is', () => {
  const may = (name: string) => name !== UPDATE
  expect(withChange([QUERY, UPDATE], UPDATE, false, may)).toEqual([QUERY, UPDATE])
  expect(withChange([], UPDATE, true, may)).toEqual([])
  expect(withChange([QUERY, UPDATE], QUERY, false, may)).toEqual([UPDATE])
  expect(withAll([UPDATE], [QUERY, UPDATE], false, may)).toEqual([UPDATE])
  expect(withAll([], [QUERY, UPDATE], true, may)).toEqual([QUERY])
  expect(lacking([UPDATE, QUERY], may)).toEqual([UPDATE])
})

test('the order does not depend on the clicks, and what is unknown is kept', () => {
  expect(sorted([UPDATE, 'later:thing:do', QUERY])).toEqual([QUERY, UPDATE, 'later:thing:do'])
  expect(withChange(['later:thing:do'], QUERY, true, every)).toEqual([QUERY, 'later:thing:do'])
})

test('how much of a subject is held', () => {
  expect(share([], [QUERY, UPDATE])).toBe('none')
  expect(share([QUERY], [QUERY, UPDATE])).toBe('some')
  expect(share([UPDATE, QUERY], [QUERY, UPDATE])).toBe('all')
})
