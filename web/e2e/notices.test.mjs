// What tells the agent of something without being asked: the sound that repeats, the bar of a new version.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { world } from './support/world.mjs'

const it = world()

test('the sound repeats every 30 seconds while a message is unread, if the agent wants that', async () => {
  const member = it.member('Mia')
  await member.send('hello')
  const amy = await it.agent({ open: false })
  await amy.context.addInitScript(() => {
    globalThis.notes = 0
    const start = OscillatorNode.prototype.start
    OscillatorNode.prototype.start = function (...times) {
      globalThis.notes += 1
      return start.apply(this, times)
    }
  })
  // A page that is left has a socket that opens.
  amy.expect(/WebSocket is closed before/)
  await amy.context.clock.install()
  await amy.open()
  await amy.page.goto(`${it.service.origin}/console/profile`)
  await amy.page.getByRole('switch', { name: /repeat/i }).check()
  await amy.page
    .getByRole('link', { name: /conversations/i })
    .first()
    .click()
  await amy.row('Mia').waitFor()
  const notes = () => amy.page.evaluate(() => globalThis.notes)
  // Each turn is a period of the repeat.
  const turn = () => amy.context.clock.runFor(31_000)
  // The tab may have to become the one that sounds first, which takes the browser's own time.
  const ready = Date.now() + 20_000
  while ((await notes()) === 0) {
    assert.ok(Date.now() < ready, 'it sounds')
    await turn()
  }
  const first = await notes()
  for (let turns = 0; turns < 5 && (await notes()) === first; turns++) await turn()
  assert.ok((await notes()) > first, 'it sounds again')
  await amy.openConversation('Mia')
  await amy.row('Mia').getByText('1', { exact: true }).waitFor({ state: 'detached' })
  // The page asks for the counts after some seconds of its clock; the answer comes in its own time.
  const patience = Date.now() + 20_000
  while ((await amy.page.title()).startsWith('(')) {
    assert.ok(Date.now() < patience, 'the title says that nothing is unread')
    await amy.context.clock.runFor(1_000)
  }
  const read = await notes()
  await amy.context.clock.runFor(61_000)
  assert.equal(await notes(), read, 'nothing is unread any more')
})

test('the bar of a new version appears after a break, when the service names another build', async () => {
  const amy = await it.agent()
  amy.expect(/net::ERR_/, /WebSocket/)
  await amy.page.getByRole('listbox').first().waitFor()
  // The page knows its own build by then.
  const isKnown = () =>
    performance.getEntriesByType('resource').some((one) => one.name.endsWith('/version.json') && one.responseEnd > 0)
  await amy.page.waitForFunction(isKnown)
  // Nor is a part of it still being loaded, which would fail in the break.
  await amy.page.waitForLoadState('networkidle')
  await amy.page.route('**/console/version.json', (route) => route.fulfill({ json: { build: 'a later one' } }))
  const bar = amy.page.getByText('A new version is available')
  assert.equal(await bar.count(), 0)
  await it.service.kill()
  await it.service.run()
  // The next try may be half a minute away.
  await bar.waitFor({ timeout: 60_000 })
})
