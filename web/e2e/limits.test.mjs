// What the widget tells a visitor who is too fast.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { world } from './support/world.mjs'

const it = world({ KEFU_LIMITS__SENDS_PER_S: '1', KEFU_LIMITS__SEND_BURST: '1', KEFU_LIMITS__CALLS_PER_S: '1000' })

test('the seconds to wait are told, and the message goes by itself', async () => {
  const site = await it.site()
  await it.agent()
  const visitor = await it.visitor(site)
  visitor.expect(/429/)
  await visitor.open()
  const texts = ['one', 'two', 'three']
  const told = visitor.panel.getByText(/^That was a little fast\. Please wait \d+ s, the message goes by itself\.$/)
  const waited = told.waitFor()
  await visitor.page.evaluate((texts) => {
    for (const text of texts) globalThis.kefu('send', text, { submit: true })
  }, texts)
  await waited
  for (const text of texts) await visitor.tick(text, 'sent')
  await told.waitFor({ state: 'detached' })
  assert.deepEqual(await visitor.texts(), texts)
  assert.ok(await visitor.composer.isEnabled())
})
