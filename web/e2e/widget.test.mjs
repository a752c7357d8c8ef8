import assert from 'node:assert/strict'
import { test } from 'node:test'
import { call, login, memberToken } from './support/people.mjs'
import { png } from './support/picture.mjs'
import { world } from './support/world.mjs'

const it = world()

/** The row of a conversation by what was last said in it. */
const rowOf = (agent, text) => agent.page.getByRole('option').filter({ hasText: text })

async function openRow(agent, text) {
  await rowOf(agent, text).click()
  await agent.log.waitFor()
}

test('a page costs one request until someone opens the widget, and the service one visitor only when one writes', async () => {
  const site = await it.site()
  const visitor = await it.visitor(site)
  await visitor.told('ready')
  await visitor.launcher.waitFor()
  const asked = () => visitor.requests.filter((url) => url.includes('-api/'))
  assert.equal(asked().length, 1)
  assert.match(asked()[0], /kefu-widget\/config/)
  await visitor.open()
  assert.equal(asked().length, 1, 'opening asks for nothing')
  assert.equal(visitor.sockets.length, 0)
  await visitor.kefu('close')
  await visitor.panel.waitFor({ state: 'detached' })
  const box = await visitor.page.locator('kefu-widget').boundingBox()
  assert.ok(!box || box.width * box.height === 0, 'the closed widget has no box')
  assert.equal(
    await visitor.page.evaluate(() =>
      localStorage.getItem(`kefu:${document.querySelector('script').dataset.key}:visitor`),
    ),
    null,
  )
})

test('from the page to a visitor, two agents, an answer, a login and the linked conversation', async () => {
  const site = await it.site()
  const [amy, bob] = [await it.agent(), await it.agent({ username: 'bob' })]
  const visitor = await it.visitor(site)
  await visitor.open()
  await visitor.send('do you have it in blue?')
  await visitor.tick('do you have it in blue?', 'sent')
  assert.equal(visitor.sockets.length, 1)
  await openRow(amy, 'do you have it in blue?')
  await rowOf(bob, 'do you have it in blue?').waitFor()
  await visitor.tick('do you have it in blue?', 'read')
  await amy.send('yes, since Monday')
  await visitor.sees('yes, since Monday')
  await amy.tick('yes, since Monday', 'read')
  await rowOf(bob, 'yes, since Monday').waitFor()
  await openRow(bob, 'yes, since Monday')
  await bob.send('I can set one aside')
  await visitor.sees('I can set one aside')

  await visitor.identify({ token: memberToken('u-7001', 'Mia') })
  await visitor.told('identified')
  const said = ['do you have it in blue?', 'yes, since Monday', 'I can set one aside']
  await visitor.sees('I can set one aside')
  assert.deepEqual(await visitor.texts(), said)
  await amy.row('Mia').waitFor()
  await visitor.send('it is me, Mia')
  await visitor.tick('it is me, Mia', 'sent')
  await amy.bubble('it is me, Mia').waitFor()
  await bob.bubble('it is me, Mia').waitFor()
  await bob.send('welcome, Mia')
  await visitor.sees('welcome, Mia')
  assert.deepEqual(await visitor.texts(), [...said, 'it is me, Mia', 'welcome, Mia'])
})

test('a member with a conversation keeps it, and finds what the visitor said above it', async () => {
  const site = await it.site()
  const member = it.member('Nora')
  await member.send('my order is late')
  const amy = await it.agent()
  const visitor = await it.visitor(site)
  await visitor.open()
  await visitor.send('a question first')
  await visitor.tick('a question first', 'sent')
  await visitor.identify({ token: member.token })
  await visitor.told('identified')
  await visitor.sees('my order is late')
  await visitor.sees('a question first')
  await visitor.log.getByText('Before you logged in').waitFor()
  assert.deepEqual(await visitor.texts(), ['a question first', 'my order is late'])
  await visitor.send('and now?')
  await visitor.tick('and now?', 'sent')
  await amy.openConversation('Nora')
  await amy.bubble('and now?').waitFor()
})

test('another identity is never merged, and a logout leaves nothing behind', async () => {
  const site = await it.site()
  await it.agent()
  const visitor = await it.visitor(site)
  await visitor.open()
  await visitor.send('from a visitor')
  await visitor.tick('from a visitor', 'sent')
  await visitor.identify({ token: memberToken('u-1', 'One') })
  await visitor.told('identified')
  await visitor.sees('from a visitor')
  await visitor.composer.fill('a draft of One')
  await visitor.identify({ token: memberToken('u-2', 'Two') })
  await visitor.message('from a visitor').waitFor({ state: 'detached' })
  assert.equal(await visitor.composer.inputValue(), '')
  await visitor.send('from Two')
  await visitor.tick('from Two', 'sent')
  assert.deepEqual(await visitor.texts(), ['from Two'])
  await visitor.kefu('logout')
  await visitor.message('from Two').waitFor({ state: 'detached' })
  const kept = await visitor.page.evaluate(() =>
    [...Object.entries(localStorage), ...Object.entries(sessionStorage)].filter(([name]) => !name.endsWith(':open')),
  )
  assert.deepEqual(kept, [])
  await visitor.send('somebody new')
  await visitor.tick('somebody new', 'sent')
  assert.deepEqual(await visitor.texts(), ['somebody new'])
})

test('an answer that comes while the panel is closed is counted, shown and dismissed', async () => {
  const site = await it.site()
  const amy = await it.agent()
  const visitor = await it.visitor(site)
  await visitor.open()
  await visitor.send('are you there?')
  await visitor.tick('are you there?', 'sent')
  await visitor.composer.press('Escape')
  await visitor.panel.waitFor({ state: 'detached' })
  assert.ok(await visitor.launcher.evaluate((button) => button === button.getRootNode().activeElement), 'focus is back')
  await openRow(amy, 'are you there?')
  await amy.send('certainly')
  await visitor.preview.getByText('certainly').waitFor()
  assert.equal(await visitor.told('unread'), 1)
  assert.equal((await visitor.told('message')).content, '{"text":"certainly"}')
  await visitor.preview.getByRole('button', { name: 'Dismiss' }).click()
  await visitor.preview.waitFor({ state: 'detached' })
  // The next page still counts it, and does not show it again.
  await visitor.page.reload()
  await visitor.launcher.getByText('1').waitFor()
  await visitor.open()
  await visitor.sees('certainly')
  await amy.tick('certainly', 'read')
  assert.equal(await visitor.launcher.locator('.badge').innerText(), '')
})

test('whoever has scrolled up keeps the place and reads how many answers have come, also while a message cannot be sent', async () => {
  const site = await it.site()
  await it.agent()
  const visitor = await it.visitor(site)
  await visitor.open()
  await visitor.send('a long story?')
  await visitor.tick('a long story?', 'sent')
  const token = await login(it.service, 'amy')
  const list = await call(it.service, token, 'GET', '/admin-api/promotion/kefu-conversation/list')
  const { id } = list.find(({ lastMessageContent }) => lastMessageContent.includes('long story'))
  const answer = (text) => {
    const body = { conversationId: id, contentType: 1, content: JSON.stringify({ text }) }
    return call(it.service, token, 'POST', '/admin-api/promotion/kefu-message/send', { body })
  }
  for (let part = 1; part <= 20; part += 1) await answer(`part ${part}\nof it`)
  await visitor.log.getByText('part 20').waitFor()
  const send = '**/kefu-message/send'
  await visitor.page.route(send, (route) => {
    const headers = { 'access-control-allow-origin': '*', 'access-control-allow-headers': '*' }
    return route.fulfill({ headers, json: { code: 400, data: null, msg: 'no' } })
  })
  await visitor.send('hm')
  await visitor.tick('hm', 'failed')
  const top = () => visitor.log.evaluate((log) => log.scrollTop)
  await visitor.log.evaluate((log) => log.scrollTo(0, 200))
  assert.equal(await top(), 200)
  const newer = visitor.panel.locator('.newer')
  for (const number of [1, 2]) {
    await answer(`part ${20 + number}`)
    await newer.getByText(`${number} new`, { exact: true }).waitFor()
    assert.equal(await top(), 200, 'the reader is not moved')
  }
  await newer.click()
  await newer.waitFor({ state: 'detached' })
  assert.ok(await visitor.log.evaluate((log) => log.scrollHeight - log.scrollTop - log.clientHeight < 2))
  // At the end it follows.
  await answer('the end')
  await visitor.sees('the end')
  assert.ok(await visitor.log.evaluate((log) => log.scrollHeight - log.scrollTop - log.clientHeight < 2))
  assert.equal(await newer.count(), 0)
})

test('two tabs share what was read, and one of them makes the sound', async () => {
  const site = await it.site()
  const amy = await it.agent()
  const visitor = await it.visitor(null)
  await visitor.context.addInitScript(() => {
    globalThis.sounds = 0
    const start = OscillatorNode.prototype.start
    OscillatorNode.prototype.start = function (...times) {
      // A sound has two notes.
      globalThis.sounds += 0.5
      return start.apply(this, times)
    }
  })
  const first = await visitor.visit(site.home)
  await visitor.open()
  await visitor.send('knock knock')
  await visitor.tick('knock knock', 'sent')
  await visitor.kefu('close')
  const second = await visitor.visit(site.home)
  await visitor.open()
  await visitor.sees('knock knock')
  await visitor.kefu('close')
  await openRow(amy, 'knock knock')
  await amy.send('who is there?')
  for (const page of [first, second]) await page.locator('kefu-widget .preview').getByText('who is there?').waitFor()
  const sounds = () => Promise.all([first, second].map((page) => page.evaluate(() => globalThis.sounds)))
  await second.waitForFunction(() => globalThis.told.some(([event, count]) => event === 'unread' && count === 1))
  await Promise.race([first, second].map((page) => page.waitForFunction(() => globalThis.sounds >= 1)))
  assert.deepEqual((await sounds()).sort(), [0, 1])
  await first.locator('kefu-widget .launcher').click()
  await second.waitForFunction(() => globalThis.told.at(-1)?.[0] === 'unread' && globalThis.told.at(-1)[1] === 0)
  await second.locator('kefu-widget .preview').waitFor({ state: 'detached' })
})

test('with nobody there a message is left, which is answered later', async () => {
  const site = await it.site()
  const visitor = await it.visitor(site)
  await visitor.open()
  await visitor.panel.getByText('We are away at the moment').waitFor()
  await visitor.panel.getByRole('button', { name: 'Send message' }).click()
  await visitor.panel.getByText('Please fill this in').waitFor()
  await visitor.panel.getByLabel('Phone or email').fill('ming@shop.example')
  await visitor.panel.getByLabel('Your question').fill('when do you open?')
  await visitor.panel.getByRole('button', { name: 'Send message' }).click()
  await visitor.log.getByText('when do you open?').waitFor()
  await visitor.log.getByText('Message left').waitFor()
  await visitor.tick('when do you open?', 'sent')
  await visitor.page.close()
  const amy = await it.agent()
  await openRow(amy, 'when do you open?')
  await amy.log.getByText('ming@shop.example').waitFor()
  await amy.send('at nine')
  await amy.tick('at nine', 'sent')
  await visitor.visit(site.home)
  await visitor.preview.getByText('at nine').waitFor()
  await visitor.open()
  await visitor.sees('at nine')
})

test('the form before the chat makes the visitor, with a name and facts that the agents see', async () => {
  const fields = [
    { name: 'name', required: true },
    { name: 'email', required: true },
    { name: 'topic', label: 'Order number', required: false },
  ]
  const site = await it.site({ preChat: { enabled: true, fields } })
  const amy = await it.agent()
  const visitor = await it.visitor(site)
  await visitor.open()
  await visitor.panel.getByLabel('Name').fill('Olga')
  await visitor.panel.getByLabel('Email').fill('nowhere')
  await visitor.panel.getByLabel('Order number').fill('A-17')
  await visitor.panel.getByRole('button', { name: 'Start the chat' }).click()
  await visitor.panel.getByText('This does not look right').waitFor()
  await visitor.panel.getByLabel('Email').fill('olga@shop.example')
  await visitor.panel.getByRole('button', { name: 'Start the chat' }).click()
  await visitor.log.waitFor()
  await visitor.kefu('setAttributes', { plan: 'gold' })
  await visitor.send('hello from the form')
  await visitor.tick('hello from the form', 'sent')
  await amy.openConversation('Olga')
  const token = await login(it.service, 'amy')
  const [{ userId }] = (await call(it.service, token, 'GET', '/admin-api/promotion/kefu-conversation/list')).filter(
    ({ userNickname }) => userNickname === 'Olga',
  )
  const card = await call(it.service, token, 'GET', '/admin-api/member/user/get', { query: { id: userId } })
  assert.deepEqual(card.attributes, { email: 'olga@shop.example', topic: 'A-17', plan: 'gold' })
  assert.equal(card.visitor.page.url, site.home)
  assert.equal(card.visitor.page.title, 'Mugs')
})

test('pictures, files and cards are sent, and what is too large is told', async () => {
  const site = await it.site()
  const amy = await it.agent()
  const visitor = await it.visitor(site)
  await visitor.open()
  const choose = (...files) => visitor.panel.locator('input[type=file]').setInputFiles(files)
  await choose({ name: 'mug.png', mimeType: 'image/png', buffer: png(60, 40, [90, 120, 160]) })
  await visitor.log.getByRole('img', { name: 'Picture' }).waitFor()
  await choose({ name: 'list.txt', mimeType: 'text/plain', buffer: Buffer.from('one, two') })
  await visitor.log.getByRole('link', { name: /list\.txt/ }).waitFor()
  await choose({ name: 'nothing.txt', mimeType: 'text/plain', buffer: Buffer.alloc(0) })
  await visitor.panel.getByText('"nothing.txt" is empty').waitFor()
  await visitor.panel.getByRole('button', { name: 'Cancel' }).click()
  await visitor.kefu('card', { product: { spuId: 5, spuName: 'Blue mug', price: 12900 } })
  await visitor.panel.getByText('¥129.00').waitFor()
  await visitor.panel.locator('.offered').getByRole('button', { name: 'Send' }).click()
  await visitor.log.getByText('Blue mug').waitFor()
  await visitor.kefu('send', 'do you ship abroad?')
  assert.equal(await visitor.composer.inputValue(), 'do you ship abroad?')
  await visitor.composer.press('Enter')
  await visitor.tick('do you ship abroad?', 'sent')
  await openRow(amy, 'do you ship abroad?')
  await amy.log.getByText('Blue mug').waitFor()
  await amy.log.getByText('list.txt').waitFor()
})

test('a service that is gone for a while loses nothing and sends nothing twice', async () => {
  const site = await it.site()
  await it.agent().then((amy) => amy.expect(/./))
  const visitor = await it.visitor(site)
  visitor.expect(/ERR_CONNECTION|ERR_EMPTY|WebSocket|Failed to load/)
  await visitor.open()
  await visitor.send('one')
  await visitor.tick('one', 'sent')
  await it.service.kill()
  await visitor.send('two')
  await visitor.tick('two', 'sending')
  await visitor.send('three')
  await it.service.run()
  await visitor.tick('three', 'sent')
  await visitor.page.reload()
  await visitor.sees('three')
  assert.deepEqual(await visitor.texts(), ['one', 'two', 'three'])
})

test('a draft and the open panel survive a reload; a blocked visitor is told so', async () => {
  const site = await it.site()
  const amy = await it.agent()
  const visitor = await it.visitor(site)
  await visitor.open()
  await visitor.send('buy my watches')
  await visitor.tick('buy my watches', 'sent')
  await visitor.composer.fill('half a sent')
  await visitor.page.reload()
  await visitor.sees('buy my watches')
  assert.equal(await visitor.composer.inputValue(), 'half a sent')
  assert.ok(await visitor.page.evaluate(() => document.activeElement === document.body), 'no focus is taken')
  await rowOf(amy, 'buy my watches').waitFor()
  const token = await login(it.service, 'amy')
  const list = await call(it.service, token, 'GET', '/admin-api/promotion/kefu-conversation/list')
  const { userId } = list.find(({ lastMessageContent }) => lastMessageContent.includes('watches'))
  const body = { userId, blocked: true }
  await call(it.service, token, 'PUT', '/admin-api/promotion/kefu-member/block', { body })
  await visitor.panel.getByText('You cannot use this chat at the moment.').waitFor()
  assert.ok(await visitor.composer.isDisabled())
})

test('a page out of sight for five minutes closes its socket, and comes back with what was missed', async () => {
  const site = await it.site()
  const amy = await it.agent()
  const visitor = await it.visitor(null)
  await visitor.context.clock.install()
  await visitor.visit(site.home)
  await visitor.open()
  await visitor.send('I will be back')
  await visitor.tick('I will be back', 'sent')
  await openRow(amy, 'I will be back')
  await visitor.tick('I will be back', 'read')
  const hide = (hidden) =>
    visitor.page.evaluate((hidden) => {
      Object.defineProperty(document, 'hidden', { configurable: true, get: () => hidden })
      document.dispatchEvent(new Event('visibilitychange'))
    }, hidden)
  await hide(true)
  // The socket is tested every 20 seconds, and the answer comes in the world's own time.
  const [socket] = visitor.sockets
  for (let seconds = 0; seconds < 280; seconds += 20) {
    const answered = socket.waitForEvent('framereceived')
    await visitor.context.clock.runFor(20_000)
    await answered
  }
  assert.ok(!socket.isClosed(), 'looking away for a moment closes nothing')
  const closed = socket.waitForEvent('close')
  await visitor.context.clock.runFor(25_000)
  await closed
  for (const text of ['are you there?', 'never mind']) {
    await amy.send(text)
    await amy.tick(text, 'sent')
  }
  await visitor.context.clock.runFor(60_000)
  assert.equal(visitor.sockets.length, 1, 'no socket while nobody looks')
  await hide(false)
  await visitor.sees('never mind')
  assert.equal(visitor.sockets.length, 2)
  assert.deepEqual(await visitor.texts(), ['I will be back', 'are you there?', 'never mind'])
  await amy.tick('never mind', 'read')
})

for (const [when, served] of [
  ['before the service has linked', false],
  ['after the service has linked, before the page knows', true],
]) {
  test(`a message written ${when} is neither lost nor doubled`, async () => {
    const site = await it.site()
    const amy = await it.agent()
    const visitor = await it.visitor(site)
    visitor.expect(/401/)
    await visitor.open()
    await visitor.send('before')
    await visitor.tick('before', 'sent')
    let letGo
    const gate = new Promise((resolve) => (letGo = resolve))
    await visitor.page.route('**/kefu-visitor/link', async (route) => {
      if (!served) {
        await gate
        return route.continue()
      }
      const response = await route.fetch()
      await gate
      return route.fulfill({ response })
    })
    const called = visitor.page.waitForRequest('**/kefu-visitor/link')
    await visitor.identify({ token: memberToken(served ? 'u-7301' : 'u-7302', served ? 'Pia' : 'Paul') })
    await called
    if (served) await amy.row('Pia').waitFor()
    await visitor.send('while linking')
    await visitor.send('and again')
    if (!served) await visitor.tick('and again', 'sent')
    letGo()
    await visitor.told('identified')
    await visitor.tick('and again', 'sent')
    await visitor.send('after')
    await visitor.tick('after', 'sent')
    const said = ['before', 'while linking', 'and again', 'after']
    assert.deepEqual(await visitor.texts(), said)
    await amy.openConversation(served ? 'Pia' : 'Paul')
    await amy.bubble('after').waitFor()
    assert.deepEqual(await amy.texts(), said)
  })
}
