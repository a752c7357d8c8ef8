import { expect, test } from 'vitest'
import { setLanguage } from '@/locales'
import { attributeFacts } from './attributes'

test('attributes are shown as they were told, and not what the card shows itself', () => {
  const attributes = { email: 'a@b.c', phone: '138', topic: 'size', plan: { level: 3 }, empty: '', gone: null, n: 0 }
  const shown = attributeFacts({ attributes, email: 'a@b.c', mobile: null } as never, {
    phone: 'Mobile',
    topic: 'Topic',
  })
  expect(shown.map(({ label, value }) => [label, value])).toEqual([
    ['Mobile', '138'],
    ['Topic', 'size'],
    ['plan', '{"level":3}'],
    ['n', '0'],
  ])
  expect(attributeFacts(undefined, {})).toEqual([])
  expect(attributeFacts({ attributes: { long: 'x'.repeat(9000) } } as never, {})[0]?.value).toHaveLength(500)
})

test("the shop's fields, its numbers and what is true or not are shown in words", async () => {
  await setLanguage('en')
  const attributes = { sex: 2, areaName: 'Hangzhou', vip: true, bound: false, note: 'true' }
  const shown = attributeFacts({ attributes } as never, {})
  expect(shown.map(({ label, value }) => [label, value])).toEqual([
    ['Sex', 'Female'],
    ['Area', 'Hangzhou'],
    ['vip', 'Yes'],
    ['bound', 'No'],
    ['note', 'true'],
  ])
  expect(attributeFacts({ attributes: { sex: 'other' } } as never, {})[0]?.value).toBe('other')
})
