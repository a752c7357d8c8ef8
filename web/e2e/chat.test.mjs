import assert from 'node:assert/strict'
import { test } from 'node:test'
import { world } from './support/world.mjs'

const it = world()

test('a member and an agent chat both ways, and both see what was read', async () => {
  const member = it.member('Mia')
  await member.send('hello')
  await member.connect()
  const amy = await it.agent()
  await amy.openConversation('Mia')
  await amy.bubble('hello').waitFor()
  await amy.send('good day')
  await member.sees('good day')
  await amy.tick('good day', 'sent')
  await member.client.http.call('put', '/app-api/promotion/kefu-message/update-read-status', {
    query: { conversationId: member.conversationId },
  })
  await amy.tick('good day', 'read')
  await member.send('thanks')
  await amy.bubble('thanks').waitFor()
  assert.deepEqual(await amy.texts(), ['hello', 'good day', 'thanks'])
  assert.equal(await amy.composer.inputValue(), '')
})
