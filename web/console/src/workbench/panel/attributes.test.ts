// @vitest-environment node
import { expect, test } from 'vitest'
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
