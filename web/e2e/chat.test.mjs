import assert from 'node:assert/strict'
import { test } from 'node:test'
import { call, login } from './support/people.mjs'
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

test('Enter that ends a composition does not send', async () => {
  const member = it.member('Ines')
  await member.send('hello')
  const amy = await it.agent()
  await amy.openConversation('Ines')
  await amy.composer.focus()
  const protocol = await amy.context.newCDPSession(amy.page)
  await protocol.send('Input.imeSetComposition', { text: 'nihao', selectionStart: 5, selectionEnd: 5 })
  // What browsers send while a composition is open.
  for (const type of ['keyDown', 'keyUp']) {
    await protocol.send('Input.dispatchKeyEvent', { type, key: 'Process', code: 'Enter', windowsVirtualKeyCode: 229 })
  }
  await amy.composer.dispatchEvent('keydown', { key: 'Enter', code: 'Enter', keyCode: 229, bubbles: true })
  await amy.composer.dispatchEvent('keydown', { key: 'Enter', code: 'Enter', isComposing: true, bubbles: true })
  assert.equal(await amy.composer.inputValue(), 'nihao')
  await protocol.send('Input.insertText', { text: '你好' })
  assert.equal(await amy.composer.inputValue(), '你好')
  await amy.composer.press('Enter')
  await amy.tick('你好', 'sent')
  assert.deepEqual((await member.messages()).map(({ content }) => JSON.parse(content).text).reverse(), [
    'hello',
    '你好',
  ])
})

test('drafts stay with their conversation, over a switch and a reload', async () => {
  const [mia, nora] = [it.member('Mila'), it.member('Nele')]
  await mia.send('one')
  await nora.send('two')
  const amy = await it.agent()
  await amy.openConversation('Mila')
  await amy.composer.fill('for Mila')
  await amy.openConversation('Nele')
  assert.equal(await amy.composer.inputValue(), '')
  await amy.composer.fill('for Nele')
  await amy.row('Mila').getByText('for Mila').waitFor()
  await amy.openConversation('Mila')
  assert.equal(await amy.composer.inputValue(), 'for Mila')
  await amy.page.reload()
  await amy.log.waitFor()
  assert.equal(await amy.composer.inputValue(), 'for Mila')
  await amy.openConversation('Nele')
  assert.equal(await amy.composer.inputValue(), 'for Nele')
})

test('a refused message stays with its reason; it can be sent again or deleted', async () => {
  const member = it.member('Olga')
  await member.send('hello')
  const amy = await it.agent()
  await amy.openConversation('Olga')
  let refuse = true
  await amy.page.route('**/kefu-message/send', async (route) => {
    if (!refuse) return route.fallback()
    await route.fulfill({ json: { code: 400, msg: 'not today', data: null } })
  })
  await amy.send('first')
  await amy.tick('first', 'failed')
  await amy.message('first').getByText('not today').waitFor()
  await amy.send('second')
  await amy.tick('second', 'failed')
  await amy.message('second').getByRole('button', { name: 'Delete' }).click()
  await amy.message('second').waitFor({ state: 'detached' })
  refuse = false
  await amy.message('first').getByRole('button', { name: 'Retry' }).click()
  await amy.tick('first', 'sent')
  assert.deepEqual(await amy.texts(), ['hello', 'first'])
})

test('only what was seen counts as read', async () => {
  const member = it.member('Paul')
  const texts = Array.from({ length: 40 }, (_, index) => `line ${index}\n\n`)
  for (const text of texts) await member.send(text)
  const amy = await it.agent({ height: 700 })
  const token = await login(it.service, 'bob')
  const unread = async () => {
    const list = await call(it.service, token, 'GET', '/admin-api/promotion/kefu-conversation/list')
    return list.find(({ userNickname }) => userNickname === 'Paul').adminUnreadMessageCount
  }
  const read = () => amy.page.waitForResponse('**/kefu-message/update-read-status**')
  const first = read()
  await amy.openConversation('Paul')
  await first
  const some = await unread()
  assert.ok(some > 10 && some < 40, `${some} of 40 are unread after a look at the first screen`)
  await amy.page.getByText('40 unread messages').waitFor()
  const rest = read()
  await amy.log.focus()
  await amy.page.keyboard.press('End')
  await rest
  await amy.row('Paul').getByText(/^\d+$/).waitFor({ state: 'detached' })
  assert.equal(await unread(), 0)
})

test('two agents see each other view and type', async () => {
  const member = it.member('Quinn')
  await member.send('hello')
  const [amy, bob] = [await it.agent(), await it.agent({ username: 'bob' })]
  await amy.openConversation('Quinn')
  await bob.openConversation('Quinn')
  // Frames name agents by id; their names are known from what they have written.
  await bob.send('mine')
  await amy.bubble('mine').waitFor()
  // Frames name agents by their ids; messages bring the names.
  await bob.send('I am on it')
  await amy.bubble('I am on it').waitFor()
  await bob.composer.pressSequentially('one moment')
  await amy.page.getByText('Bob is replying…').waitFor()
  await amy.page.getByRole('img', { name: /Also viewing: Bob/ }).waitFor()
  await bob.page.goto(`${bob.origin}/console/profile`)
  await amy.page.getByRole('img', { name: /Also viewing: Bob/ }).waitFor({ state: 'detached' })
})

test('the member types, and the list and the conversation say so', async () => {
  const [member, other] = [it.member('Rosa'), it.member('Sam')]
  await member.send('hello')
  await other.send('hi')
  await member.connect()
  const amy = await it.agent()
  await amy.openConversation('Rosa')
  member.client.socket.send({ type: 'kefu_typing' })
  await amy.page.getByRole('status').getByText('Rosa is typing…').waitFor()
  await amy.row('Rosa').getByText('typing…').waitFor()
})

test('tabs and search ask the service', async () => {
  const [tom, tina] = [it.member('Tom'), it.member('Tina')]
  await tom.send('hello')
  await tina.send('hello')
  const amy = await it.agent()
  await amy.openConversation('Tom')
  await amy.row('Tom').getByText(/^1$/).waitFor({ state: 'detached' })
  // The open conversation stays in the list.
  await amy.page.getByRole('tab', { name: /^Unread/ }).click()
  await amy.row('Tom').waitFor()
  await amy.page.goto(`${amy.origin}/console/`)
  await amy.page.getByRole('tab', { name: /^Unread/ }).click()
  await amy.row('Tina').waitFor()
  await amy.row('Tom').waitFor({ state: 'detached' })
  await amy.page.getByRole('tab', { name: /^All/ }).click()
  await amy.page.getByRole('textbox', { name: 'Search' }).fill('tina')
  await amy.row('Tom').waitFor({ state: 'detached' })
  await amy.row('Tina').waitFor()
  await amy.page.getByRole('button', { name: 'Clear the search' }).click()
  await amy.row('Tom').waitFor()
})

test('the list is live: new conversations, order, pin, mark as unread, remove', async () => {
  const uma = it.member('Uma')
  await uma.send('hello')
  const amy = await it.agent()
  await amy.row('Uma').waitFor()
  const first = () => amy.page.getByRole('option').first().innerText()
  const comesFirst = (name) =>
    amy.page.waitForFunction((start) => document.querySelector('[role=option]')?.textContent.includes(start), name)
  // The number of the tab comes with the row.
  const all = amy.page.getByRole('tab', { name: /^All \d/ })
  const before = Number((await all.innerText()).match(/\d+/)[0])
  const vera = it.member('Vera')
  await vera.send('I am new')
  await comesFirst('Vera')
  await amy.page.getByRole('tab', { name: new RegExp(`^All ${before + 1}\\b`) }).waitFor()
  await uma.send('me again')
  await comesFirst('Uma')
  await amy.row('Vera').click({ button: 'right' })
  await amy.page.getByRole('menuitem', { name: 'Pin' }).click()
  await comesFirst('Vera')
  await amy.openConversation('Uma')
  await amy.row('Uma').getByText(/^2$/).waitFor({ state: 'detached' })
  await amy.row('Uma').focus()
  await amy.page.keyboard.press('Shift+F10')
  await amy.page.getByRole('menuitem', { name: 'Mark as unread' }).click()
  await amy.page.getByRole('option', { name: /^Uma.*Marked as unread/ }).waitFor()
  await amy.row('Vera').click({ button: 'right' })
  await amy.page.getByRole('menuitem', { name: 'Remove from the list' }).click()
  await amy.page.getByRole('button', { name: 'Remove', exact: true }).click()
  await amy.row('Vera').waitFor({ state: 'detached' })
  await vera.send('still here')
  await comesFirst('Vera')
  assert.match(await first(), /still here/)
})
