// Web channels in the console, and what an agent sees of visitors: page, block, earlier conversations, left messages.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { serious } from './support/axe.mjs'
import { call, login } from './support/people.mjs'
import { world } from './support/world.mjs'

const it = world()

/** A call of a page of the service's own address. */
async function visit(method, path, token, body) {
  const answer = await fetch(`${it.service.origin}/app-api/promotion/${path}`, {
    method,
    headers: {
      'Content-Type': 'application/json',
      Origin: it.service.origin,
      ...(token && { Authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify(body),
  })
  const { code, msg, data } = await answer.json()
  if (code !== 0) throw Object.assign(new Error(`${path}: ${code} ${msg}`), { code })
  return data
}

async function makeChannel() {
  const token = await login(it.service, 'amy')
  const body = { name: 'Shop site', settings: { origins: ['self'] } }
  const id = await call(it.service, token, 'POST', '/admin-api/promotion/kefu-channel/create', { body })
  const channel = await call(it.service, token, 'GET', '/admin-api/promotion/kefu-channel/get', { query: { id } })
  return channel.key
}

async function visitor(key, nickname, text, more = {}) {
  const tokens = await visit('POST', 'kefu-visitor/token', null, { key, nickname })
  const content = JSON.stringify({ text, ...more })
  await visit('POST', 'kefu-message/send', tokens.accessToken, { contentType: 1, content })
  return tokens
}

for (const [width, theme] of [
  [1440, 'light'],
  [390, 'dark'],
]) {
  test(`a channel is made, changed and deleted at ${width} px`, async () => {
    const amy = await it.agent({ width, theme })
    const { page } = amy
    const button = (name) => page.getByRole('button', { name, exact: true })
    // The preview's panel is a dialog, too.
    const dialog = page.locator('.kefu-dialog')
    await amy.context.grantPermissions(['clipboard-read', 'clipboard-write'])
    await page.getByRole('link', { name: 'Web channels' }).click()
    await page.getByRole('link', { name: 'New channel' }).first().click()
    await button('New channel').click()
    await page.getByText('Enter a name', { exact: true }).waitFor()
    await page.getByLabel('Name of the channel').fill('My site')
    await button('Add an address').click()
    await page.keyboard.type('no site')
    await button('New channel').click()
    // The service's own words, at the field that they are about.
    await page.getByText(/^Enter the address of a site/).waitFor()
    assert.equal(await page.evaluate(() => document.activeElement?.dataset.field), 'origins.0')
    await page.locator('[data-field="origins.0"]').fill('Shop.Example/cart')
    await page.getByLabel('Greeting').fill('Hello from the preview')
    const preview = page.getByRole('group', { name: 'Preview of the chat window' })
    await preview.getByText('Hello from the preview').waitFor()
    assert.deepEqual(await serious(page), [])
    await button('New channel').click()
    await page.waitForURL(/channels\/\d+$/)
    await button('Copy the code').first().click()
    const code = await page.evaluate(() => navigator.clipboard.readText())
    assert.match(code, /^<script async src="http:\/\/[^"]+\/widget\/v1\.js" data-key="wk_\w{24}"><\/script>$/)
    assert.equal(await page.locator('[data-field="origins.0"]').inputValue(), 'https://shop.example')
    assert.equal(await page.getByLabel('Greeting').inputValue(), 'Hello from the preview')
    assert.deepEqual(await serious(page), [])

    // What is not saved is not lost without a question.
    await page.getByLabel('Greeting').fill('changed')
    await page.getByRole('link', { name: 'Back to the channels' }).click()
    await dialog.getByRole('button', { name: 'Cancel' }).click()
    await dialog.waitFor({ state: 'detached' })
    await button('Save changes').click()
    await page.getByText('Saved; your pages show it at once').waitFor()
    await button('Delete channel').click()
    await dialog.getByRole('button', { name: 'Delete channel' }).click()
    await page.waitForURL(/settings\/channels$/)
    await page.getByText('My site', { exact: true }).waitFor({ state: 'detached' })
    assert.deepEqual(await serious(page), [])
  })
}

test('an agent without the permission has no settings', async () => {
  const bob = await it.agent({ username: 'bob' })
  assert.equal(await bob.page.getByRole('link', { name: 'Web channels' }).count(), 0)
  await bob.page.goto(`${bob.origin}/console/settings/channels`)
  await bob.page.getByRole('heading', { name: 'You do not have this permission' }).waitFor()
})

test('a visitor: the left message, the page live, block and unblock, seen by both agents', async () => {
  const key = await makeChannel()
  const tokens = await visitor(key, 'Vic', 'is there a bigger one?', { left: true, contact: 'vic@shop.example' })
  const [amy, bob] = await Promise.all([it.agent(), it.agent({ username: 'bob' })])
  await amy.row('Vic').getByText('[Left] is there a bigger one?').waitFor()
  await Promise.all([amy.openConversation('Vic'), bob.openConversation('Vic')])
  await amy.log.getByText('Left while nobody was there').waitFor()
  await amy.log.getByText('vic@shop.example').waitFor()
  await visit('PUT', 'kefu-visitor/page', tokens.accessToken, { url: 'https://shop.example/cart', title: 'The cart' })
  const link = amy.page.getByRole('link', { name: /The cart/ })
  await link.waitFor()
  assert.deepEqual(await link.evaluate(({ href, target, rel }) => [href, target, rel]), [
    'https://shop.example/cart',
    '_blank',
    'noopener noreferrer',
  ])
  assert.equal(await bob.page.getByRole('button', { name: 'Block…' }).count(), 0)
  await amy.page.getByRole('button', { name: 'Block…' }).click()
  await amy.page.getByLabel('Reason (optional)').fill('advertising')
  assert.deepEqual(await serious(amy.page), [])
  await amy.page.getByRole('dialog').getByRole('button', { name: 'Block', exact: true }).click()
  await amy.row('Vic').getByText('Blocked').waitFor()
  await bob.page.getByText('advertising', { exact: true }).waitFor()
  const send = () =>
    visit('POST', 'kefu-message/send', tokens.accessToken, { contentType: 1, content: '{"text":"again"}' })
  await assert.rejects(send(), { code: 1013022000 })
  await amy.page.getByRole('button', { name: 'Unblock' }).click()
  await amy.page.getByRole('dialog').getByRole('button', { name: 'Unblock' }).click()
  await bob.page.getByText('advertising', { exact: true }).waitFor({ state: 'detached' })
  await send()
  await amy.bubble('again').waitFor()
})

test('a visitor who logs in: the conversation changes its member in place, a second one is read as an earlier one', async () => {
  const key = await makeChannel()
  const first = await visitor(key, 'Nora', 'before the login')
  const amy = await it.agent()
  await amy.openConversation('Nora')
  await amy.bubble('before the login').waitFor()
  await amy.composer.fill('a draft')
  const address = amy.page.url()
  const member = it.member('Nora Berg')
  const link = (tokens) => visit('POST', 'kefu-visitor/link', member.token, { visitorToken: tokens.refreshToken })
  assert.equal((await link(first)).merged, true)
  await amy.page.getByRole('heading', { name: 'Nora Berg', level: 1 }).waitFor()
  assert.equal(amy.page.url(), address)
  assert.equal(await amy.composer.inputValue(), 'a draft')
  assert.deepEqual(await amy.texts(), ['before the login'])
  await member.send('after it')
  await amy.bubble('after it').waitFor()

  const second = await visitor(key, 'Guest', 'on another device')
  await amy.row('Guest').waitFor()
  assert.equal((await link(second)).merged, false)
  await amy.row('Guest').waitFor({ state: 'detached' })
  await amy.page.getByRole('button', { name: /^As a visitor/ }).click()
  await amy.bubble('on another device').waitFor()
  await amy.page.getByText('It can only be read.', { exact: false }).waitFor()
  assert.equal(await amy.composer.count(), 0)
  assert.deepEqual(await serious(amy.page), [])
  await amy.page.getByRole('button', { name: "Open the member's conversation" }).click()
  await amy.bubble('after it').waitFor()
  assert.equal(amy.page.url(), address)
})
