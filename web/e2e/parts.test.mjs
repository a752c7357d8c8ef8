// What the widget loads when it is needed, and cannot: a network that fails, and a service that was upgraded meanwhile.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { memberToken } from './support/people.mjs'
import { world } from './support/world.mjs'

const it = world()
const FILE = { name: 'list.txt', mimeType: 'text/plain', buffer: Buffer.from('one mug') }

/** A network that fails for the files with such names; what comes back ends that. */
async function failing(visitor, names) {
  visitor.expect(/ERR_FAILED/, /Failed to (fetch|load)/)
  const files = new RegExp(`/assets/(${names})-[^/]*\\.js`)
  await visitor.context.route(files, (route) => route.abort())
  return () => visitor.context.unroute(files)
}

/**
 * A page from before an upgrade: its loader knows files of another build, of which only those with such names are still kept by
 * the browser.
 */
async function before(visitor, kept = 'none') {
  visitor.expect(/404/)
  const script = await (await fetch(`${it.service.origin}/widget/v1.js`)).text()
  const [, build] = /"([\w-]{8})"\}\.js/.exec(script)
  const headers = { 'Access-Control-Allow-Origin': '*' }
  const answer = (route, body) => route.fulfill({ body, headers, contentType: 'text/javascript' })
  await visitor.context.route('**/widget/v1.js', (route) => answer(route, script.replaceAll(build, 'earlier-')))
  await visitor.context.route(new RegExp(`/assets/(${kept})-earlier-\\.js`), async (route) => {
    const now = await fetch(route.request().url().replace('earlier-', build))
    await answer(route, await now.text())
  })
}

test('a panel that cannot be loaded is told beside the launcher, which tries again', async () => {
  const site = await it.site()
  await it.agent()
  const visitor = await it.visitor(null)
  const mend = await failing(visitor, 'panel|en')
  await visitor.visit(site.home)
  const fault = visitor.page.locator('kefu-widget').getByRole('alert')
  for (let tries = 0; tries < 2; tries++) {
    await visitor.launcher.click()
    await fault.getByText('This could not be loaded. Click to try again.').waitFor()
  }
  assert.equal((await visitor.told('error')).code, 0)
  await mend()
  await fault.click()
  await visitor.panel.waitFor()
  await fault.waitFor({ state: 'detached' })
  await visitor.send('through at last')
  await visitor.tick('through at last', 'sent')
})

test('a form and extras that cannot be loaded say so, and go on where they were', async () => {
  const site = await it.site()
  const visitor = await it.visitor(null)
  let mend = await failing(visitor, 'form|extras')
  await visitor.visit(site.home)
  await visitor.open()
  await visitor.panel.getByText('This could not be loaded.').waitFor()
  await visitor.panel.getByRole('button', { name: 'Try again' }).click()
  await visitor.panel.getByText('This could not be loaded.').waitFor()
  await mend()
  await visitor.panel.getByRole('button', { name: 'Try again' }).click()
  await visitor.panel.getByLabel('Your question').fill('when do you open?')
  await visitor.panel.getByRole('button', { name: 'Send message' }).click()
  await visitor.tick('when do you open?', 'sent')
  mend = await failing(visitor, 'extras')
  await visitor.panel.locator('input[type=file]').setInputFiles([FILE])
  await visitor.panel.getByText('This could not be loaded.').waitFor()
  await mend()
  await visitor.panel.getByRole('button', { name: 'Try again' }).click()
  await visitor.log.getByText('list.txt').waitFor()
  await visitor.tick('list.txt', 'sent')
})

test('a page that was open across an upgrade opens the panel and chats', async () => {
  const site = await it.site()
  const amy = await it.agent()
  const visitor = await it.visitor(null)
  await before(visitor)
  await visitor.visit(site.home)
  await visitor.launcher.waitFor()
  await visitor.page.evaluate(() => {
    globalThis.held = globalThis.kefu
    globalThis.kefu('setAttributes', { plan: 'gold' })
  })
  await visitor.launcher.click()
  await visitor.panel.waitFor()
  await visitor.send('from an old page')
  await visitor.tick('from an old page', 'sent')
  await amy.page.getByRole('option').filter({ hasText: 'from an old page' }).click()
  await amy.page.getByText('gold', { exact: true }).first().waitFor()
  await amy.send('welcome')
  await visitor.sees('welcome')
  assert.equal((await visitor.told('message')).content, '{"text":"welcome"}')
  assert.equal(await visitor.page.locator('kefu-widget').count(), 1)
  // What the page holds of the loader before works on.
  await visitor.page.evaluate(() => globalThis.held('close'))
  await visitor.panel.waitFor({ state: 'detached' })
})

test('an upgrade in the middle of a chat: the draft, the file, the login and what was said stay', async () => {
  const site = await it.site()
  await it.agent()
  const visitor = await it.visitor(null)
  await before(visitor, 'panel|en')
  await visitor.visit(site.home)
  await visitor.open()
  await visitor.send('one')
  await visitor.tick('one', 'sent')
  await visitor.composer.fill('half a sent')
  await visitor.panel.locator('input[type=file]').setInputFiles([FILE])
  await visitor.log.getByText('list.txt').waitFor()
  await visitor.tick('list.txt', 'sent')
  assert.equal(await visitor.composer.inputValue(), 'half a sent')
  await visitor.message('one').waitFor()
  assert.equal(await visitor.log.getByRole('article').count(), 2)
  assert.equal(await visitor.page.locator('kefu-widget').count(), 1)
  await visitor.identify({ token: memberToken('u-9100', 'Ida') })
  assert.ok((await visitor.told('identified')).userId)
  await visitor.sees('one')
})

test('a member who logs in after an upgrade is known', async () => {
  const site = await it.site()
  await it.agent()
  const visitor = await it.visitor(null)
  await before(visitor, 'panel|en')
  await visitor.visit(site.home)
  await visitor.open()
  await visitor.send('who am I?')
  await visitor.tick('who am I?', 'sent')
  await visitor.identify({ token: memberToken('u-9101', 'Ivo') })
  assert.ok((await visitor.told('identified')).userId)
  await visitor.sees('who am I?')
  assert.deepEqual(await visitor.texts(), ['who am I?'])
})
