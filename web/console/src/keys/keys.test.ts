// @vitest-environment node
import { expect, test } from 'vitest'
import { exampleOf } from './keys'

test('the example is a call that the key may make', () => {
  expect(exampleOf('https://kefu.example', 'kk_x', ['export'])).toBe(null)
  expect(exampleOf('https://kefu.example', 'kk_x', ['member', 'bot'])).toBe(
    [
      'curl -X PUT https://kefu.example/open-api/members/42 \\',
      '  -H "Authorization: Bearer kk_x" \\',
      '  -H "Content-Type: application/json" \\',
      `  -d '{"nickname":"Mia","attributes":{"level":"gold"}}'`,
    ].join('\n'),
  )
  const message = exampleOf('https://kefu.example', 'kk_x', ['member', 'message'])
  const body = JSON.parse(/-d '(.*)'$/.exec(message ?? '')?.[1] ?? '') as { content: string }
  expect(body).toMatchObject({ contentType: 1, clientMessageId: 'order-7-shipped' })
  expect(JSON.parse(body.content)).toEqual({ text: 'Order shipped' })
})
