// @vitest-environment node
import { describe, expect, test } from 'vitest'
import { ABSENT, differences } from './difference'
import { callOf, EVERYTHING, filterOf, inOrder, queryOf } from './filter'

describe('differences', () => {
  const brief = (before: Parameters<typeof differences>[0], after: Parameters<typeof differences>[1]) =>
    differences(before, after).map(({ path, before, after, list }) => [
      path.join('.'),
      before,
      after,
      ...(list ? [list] : []),
    ])

  test('only what differs, down to the field', () => {
    const before = { name: 'Shop', enabled: true, look: { color: '#111111', side: 20 } }
    const after = { name: 'Shop', enabled: false, look: { color: '#222222', side: 20 } }
    expect(brief(before, after)).toEqual([
      ['enabled', true, false],
      ['look.color', '#111111', '#222222'],
    ])
    expect(brief(before, structuredClone(before))).toEqual([])
  })

  test('of what is made or deleted, each field that says something', () => {
    const made = { name: 'Orders', remark: '', scopes: ['message'], parent: null, look: { side: 20 } }
    expect(brief(null, made)).toEqual([
      ['name', ABSENT, 'Orders'],
      ['scopes', ABSENT, ['message']],
      ['look.side', ABSENT, 20],
    ])
    expect(brief(made, null).map(([path, before, after]) => [path, before, after])).toEqual([
      ['name', 'Orders', ABSENT],
      ['scopes', ['message'], ABSENT],
      ['look.side', 20, ABSENT],
    ])
  })

  test('an object of which no field says anything is nothing', () => {
    const texts = { title: null, greeting: '', more: { reply: null }, list: [] }
    expect(brief(null, { name: 'Shop', texts })).toEqual([['name', ABSENT, 'Shop']])
    expect(brief({ texts: null }, { texts })).toEqual([])
    expect(brief({ texts: { title: 'Hi' } }, { texts })).toEqual([['texts.title', 'Hi', null]])
    // What is in a list is news even so.
    expect(brief({ groups: [] }, { groups: [{ id: 7, level: null }] })).toEqual([
      ['groups.#7', ABSENT, { level: null }],
    ])
  })

  test('of a list, what has come and what has gone, or its order', () => {
    expect(brief({ permissions: ['a', 'b', 'c'] }, { permissions: ['b', 'd', 'c'] })).toEqual([
      ['permissions', ['a', 'b', 'c'], ['b', 'd', 'c'], { added: ['d'], removed: ['a'] }],
    ])
    expect(brief({ order: [1, 2] }, { order: [2, 1] })).toEqual([['order', [1, 2], [2, 1]]])
  })

  test('lists of objects are compared by their ids', () => {
    const before = {
      groups: [
        { id: 1, level: 1, lead: false },
        { id: 2, level: 3, lead: false },
      ],
    }
    const after = {
      groups: [
        { id: 2, level: 4, lead: false },
        { id: 1, level: 1, lead: false },
      ],
    }
    expect(brief(before, after)).toEqual([['groups.#2.level', 3, 4]])
    expect(brief({ groups: [] }, { groups: [{ id: 7, level: 1 }] })).toEqual([['groups.#7.level', ABSENT, 1]])
    expect(brief({ fields: [] }, { fields: [{ name: 'email', required: true }] })).toEqual([
      ['fields.#email.required', ABSENT, true],
    ])
    expect(brief({ rules: [{ a: 1 }] }, { rules: [{ a: 2 }] })).toEqual([['rules', [{ a: 1 }], [{ a: 2 }]]])
  })

  test('values of other kinds are shown as a whole', () => {
    expect(brief({ calendar: { id: 1 } }, { calendar: 7 })).toEqual([['calendar', { id: 1 }, 7]])
    expect(brief({ n: 1 }, { n: null })).toEqual([['n', 1, null]])
    expect(brief({ texts: {} }, { texts: { title: 'Hi' } })).toEqual([['texts.title', ABSENT, 'Hi']])
    expect(brief({}, { __proto__: null, toString: 'x' })).toEqual([['toString', ABSENT, 'x']])
  })
})

describe('filter', () => {
  const noon = new Date(2026, 10, 28, 12).getTime()
  const day = (date: number, month = 10) => new Date(2026, month, date).getTime()

  test('the address keeps what is chosen, and nothing strange comes from it', () => {
    const filter = { ...EVERYTHING, who: '0', type: 'role', id: '3', range: 'own' as const, from: '2026-11-01' }
    expect(filterOf(queryOf(filter))).toEqual(filter)
    expect(queryOf(EVERYTHING)).toEqual({})
    expect(filterOf({ who: 'x', type: 'A B', id: '3', range: 'ever', from: 'today', to: ['2026-11-01'] })).toEqual(
      EVERYTHING,
    )
    expect(queryOf({ ...EVERYTHING, id: '3', from: '2026-11-01' })).toEqual({})
  })

  test('days begin at midnight here, and the last one counts whole', () => {
    expect(callOf({ ...EVERYTHING, range: 'today' }, noon)).toEqual({ from: day(28) })
    expect(callOf({ ...EVERYTHING, range: 'week' }, noon)).toEqual({ from: day(22) })
    expect(callOf({ ...EVERYTHING, range: 'own', from: '2026-11-01', to: '2026-11-30' }, noon)).toEqual({
      from: day(1),
      to: day(1, 11),
    })
    expect(callOf({ ...EVERYTHING, from: '2026-11-01' }, noon)).toEqual({})
    expect(callOf({ ...EVERYTHING, who: '0', type: 'setting' }, noon)).toEqual({ adminId: 0, objectType: 'setting' })
  })

  test('days out of order are seen', () => {
    expect(inOrder({ ...EVERYTHING, range: 'own', from: '2026-11-02', to: '2026-11-01' })).toBe(false)
    expect(inOrder({ ...EVERYTHING, range: 'own', from: '2026-11-02' })).toBe(true)
    expect(inOrder({ ...EVERYTHING, from: '2026-11-02', to: '2026-11-01' })).toBe(true)
  })
})
