// What breaks in use: the server, the network.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { happened } from './support/people.mjs'
import { Network } from './support/proxy.mjs'
import { world } from './support/world.mjs'

const it = world()
const NETWORK = [/net::ERR_/, /WebSocket connection/]

test('the server is killed mid-chat: nothing is lost, nothing comes twice', async () => {
  const member = it.member('Mia')
  await member.send('0')
  await member.connect()
  const amy = await it.agent()
  amy.expect(...NETWORK)
  await amy.openConversation('Mia')
  await amy.bubble('0').waitFor()
  const expected = ['0']
  for (let round = 1; round <= 5; round++) {
    expected.push(`agent ${round}`, `member ${round}`)
    await amy.send(`agent ${round}`)
    member.client.outbox.add({ contentType: 1, content: JSON.stringify({ text: `member ${round}` }) })
    // Both have messages under way when the process dies.
    if (round === 3) {
      await it.service.kill()
      await amy.send('while it was away')
      member.client.outbox.add({ contentType: 1, content: JSON.stringify({ text: 'I write on' }) })
      expected.push('while it was away', 'I write on')
      await it.service.run()
    }
  }
  for (const text of expected) {
    await amy.bubble(text).waitFor()
    await member.sees(text)
  }
  await amy.log.locator('[data-progress=sending]').first().waitFor({ state: 'detached' })
  const shown = await amy.texts()
  assert.deepEqual([...shown].sort(), [...expected].sort())
  assert.deepEqual(member.shown, shown)
  const stored = (await member.messages()).map(({ content }) => JSON.parse(content).text).reverse()
  assert.deepEqual(stored, shown)
  // Each side's own messages are in the order in which they were written.
  assert.deepEqual(
    shown.filter((text) => text.startsWith('agent') || text.startsWith('while')),
    ['agent 1', 'agent 2', 'agent 3', 'while it was away', 'agent 4', 'agent 5'],
  )
  assert.equal(member.client.outbox.entries().length, 0)
})

test('a minute offline heals by itself and says so', async () => {
  const [member, stranger] = [it.member('Nora'), it.member('Otto')]
  await member.send('hello')
  const network = await Network.to(it.service)
  try {
    const amy = await it.agent({ origin: network.origin, open: false })
    amy.expect(...NETWORK)
    await amy.context.clock.install()
    await amy.open()
    await amy.openConversation('Nora')
    await amy.bubble('hello').waitFor()

    network.freeze()
    await amy.context.setOffline(true)
    await amy.page.getByText('You are offline').first().waitFor()
    await amy.send('written offline')
    await amy.tick('written offline', 'sending')
    await member.send('missed 1')
    await member.send('missed 2')
    await stranger.send('I am new')
    await amy.page.clock.fastForward(60_000)

    network.thaw()
    await amy.context.setOffline(false)
    await amy.page.getByText('Back online', { exact: false }).first().waitFor()
    await amy.bubble('missed 2').waitFor()
    await amy.tick('written offline', 'sent')
    await amy.row('Otto').waitFor()
    assert.deepEqual(await amy.texts(), ['hello', 'missed 1', 'missed 2', 'written offline'])
    assert.deepEqual(
      (await member.messages()).map(({ content }) => JSON.parse(content).text).reverse(),
      await amy.texts(),
    )
  } finally {
    network.end()
  }
})

test('a network that swallows everything is noticed without a word from the browser', async () => {
  const member = it.member('Pia')
  await member.send('hello')
  const network = await Network.to(it.service)
  try {
    const amy = await it.agent({ origin: network.origin, open: false })
    amy.expect(...NETWORK)
    await amy.context.clock.install()
    await amy.open()
    await amy.openConversation('Pia')
    network.freeze()
    await member.send('missed')
    // A ping, no pong.
    await amy.page.clock.runFor(35_000)
    network.thaw()
    await amy.page.clock.runFor(5000)
    await amy.bubble('missed').waitFor()
  } finally {
    network.end()
  }
})

test('the client of a member heals as well', async () => {
  const member = it.member('Rea')
  await member.send('hello')
  await member.connect()
  const recovered = happened(member.client.socket, 'recovered')
  await it.service.kill()
  await it.service.run()
  await recovered
  assert.equal(member.client.socket.state, 'open')
})
