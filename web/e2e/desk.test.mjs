// Rounds of service: waiting, taking, transferring, closing, duty, and the overview of a supervisor.
import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'
import { serious } from './support/axe.mjs'
import { call, login } from './support/people.mjs'
import { world } from './support/world.mjs'

const it = world()
const TASK = '/admin-api/promotion/kefu-task'

/** What the tenant sets of rounds of service. */
async function routing(settings) {
  const token = await login(it.service, 'amy')
  const body = { routing: settings }
  await call(it.service, token, 'PUT', '/admin-api/promotion/kefu-setting/update', { body })
}

let owner
beforeEach(async () => {
  await routing({ mode: 'manual', autoAccept: true, capacity: 5 })
  owner ??= await login(it.service, 'amy')
  // What the test before has left open.
  for (const { id } of await call(it.service, owner, 'GET', `${TASK}/list`, {
    query: { state: '0,1,3,4', limit: 200 },
  }))
    await call(it.service, owner, 'PUT', `${TASK}/close`, { body: { id } })
})

/** The words of a console, by their roles. */
function words({ page }) {
  const dialog = page.locator('.kefu-dialog')
  const bar = page.getByRole('region', { name: 'Service', exact: true })
  return {
    dialog,
    bar,
    tab: (name) => page.getByRole('tab', { name: new RegExp(`^${name} \\d`) }),
    button: (name) => bar.getByRole('button', { name, exact: true }),
    inDialog: (name) => dialog.getByRole('button', { name, exact: true }),
    waiting: (name) => page.getByRole('option').filter({ has: page.getByText(name, { exact: true }) }),
    refusal: () => bar.getByRole('alert'),
    duty: () => page.getByRole('button', { name: /^Duty: / }),
    history: () => page.locator('[data-test=round]'),
  }
}

/** What cannot be pressed in the bar of who serves, because something lies above it. */
async function covered(agent) {
  await agent.page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))))
  return words(agent)
    .bar.getByRole('button')
    .evaluateAll((buttons) =>
      buttons
        .filter((button) => {
          const { left, top, width, height } = button.getBoundingClientRect()
          return !button.contains(document.elementFromPoint(left + width / 2, top + height / 2))
        })
        .map((button) => button.textContent),
    )
}

/** A member who writes, and the agents' consoles that see it. */
async function writes(nickname, text = 'hello') {
  const member = it.member(nickname)
  await member.send(text)
  return member
}

/** Presses a key that is none of a text's. */
async function key(agent, name) {
  await agent.page.evaluate(() => document.activeElement?.blur())
  await agent.page.keyboard.press(name)
}

async function openWaiting(agent, name) {
  await words(agent).tab('Waiting').click()
  await words(agent).waiting(name).click()
  await agent.page.getByRole('heading', { name, exact: true, level: 1 }).waitFor()
}

test('a member waits, is taken, transferred with a reason, and closed; the history tells it', async () => {
  const [amy, bob] = [await it.agent(), await it.agent({ username: 'bob' })]
  await writes('Mia', 'where is my order?')
  for (const agent of [amy, bob]) {
    await words(agent).tab('Waiting').click()
    await words(agent).waiting('Mia').getByText('no. 1', { exact: false }).waitFor()
  }
  assert.deepEqual(await serious(bob.page), [])

  // Bob takes Mia from the list; where Amy looks, it is said who serves.
  await words(amy).waiting('Mia').click()
  await words(amy).bar.getByText('Waiting', { exact: true }).waitFor()
  await words(bob).waiting('Mia').hover()
  await words(bob).waiting('Mia').getByText('Take', { exact: true }).click()
  await words(bob).bar.getByText('You are serving').waitFor()
  await words(bob).tab('Mine').getByText('1').waitFor()
  await words(amy).bar.getByText('Bob is serving').waitFor()
  await amy.page.getByText('Bob is serving. Your reply is sent, and they go on serving.').waitFor()
  await words(amy).tab('Waiting').getByText('0').waitFor()

  // An answer of Amy is a helper's.
  await amy.send('I look after it')
  await bob.bubble('I look after it').waitFor()
  await words(bob).bar.getByText('You are serving').waitFor()

  // Bob gives it to Amy; a reason is required.
  await key(bob, 't')
  const { dialog, inDialog } = words(bob)
  await dialog.getByRole('heading', { name: 'Transfer the conversation with Mia' }).waitFor()
  await inDialog('Transfer').click()
  await dialog.getByText('Choose who gets it').waitFor()
  await dialog.getByRole('radio', { name: /Amy/ }).check({ force: true })
  await inDialog('Transfer').click()
  await dialog.getByText('Say why').waitFor()
  await dialog.getByLabel('Reason').fill('knows the order')
  assert.deepEqual(await serious(bob.page), [])
  await inDialog('Transfer').click()
  await dialog.waitFor({ state: 'detached' })
  await words(bob).bar.getByText('Amy is serving').waitFor()
  await words(amy).bar.getByText('You are serving').waitFor()
  await words(amy).bar.getByText('Transferred: knows the order', { exact: false }).waitFor()

  // Amy ends it; the member's next message begins another round.
  await key(amy, 'e')
  await words(amy).dialog.getByLabel('Reason (optional)').fill('delivered')
  assert.deepEqual(await serious(amy.page), [])
  await words(amy).inDialog('Close service').click()
  await words(amy).bar.getByText('Nobody is serving').waitFor()
  const [first] = await words(amy).history().all()
  assert.match(
    await first.innerText(),
    /^Amy\n.*\nClosed · transferred once\nTransferred: knows the order\nReason: delivered$/,
  )
  await words(bob).bar.getByText('Nobody is serving').waitFor()
  assert.deepEqual(await serious(amy.page), [])
})

test('of two who take, the second is told in words who was faster', async () => {
  const [amy, bob] = [await it.agent(), await it.agent({ username: 'bob' })]
  await it.service.addAdmin('cleo', 'Cleo')
  const cleo = await it.agent({ username: 'cleo' })
  await writes('Nora')
  await openWaiting(bob, 'Nora')
  await openWaiting(cleo, 'Nora')
  // Bob's take is on its way while Cleo's is answered.
  let arrived
  const [arrival, hold] = [new Promise((resolve) => (arrived = resolve)), {}]
  const released = new Promise((resolve) => (hold.release = resolve))
  await bob.page.route('**/kefu-task/take', async (route) => {
    arrived()
    await released
    await route.continue()
  })
  await words(bob).button('Take').click()
  await arrival
  await words(cleo).button('Take').click()
  await words(cleo).bar.getByText('You are serving').waitFor()
  hold.release()
  await words(bob).refusal().getByText('Cleo is serving this conversation already').waitFor()
  await words(bob).bar.getByText('Cleo is serving', { exact: true }).waitFor()
  assert.deepEqual(await serious(bob.page), [])
  // An agent may not take it over, an owner may.
  assert.equal(await words(bob).button('Take over').count(), 0)
  await openConversation(amy, 'Nora')
  await words(amy).button('Take over').click()
  await words(amy).bar.getByText('You are serving').waitFor()
  await words(cleo).bar.getByText('Amy is serving', { exact: true }).waitFor()
})

async function openConversation(agent, name) {
  await words(agent).tab('All').click()
  await agent.openConversation(name)
}

test('who has no room left is told so, at the conversation and in the transfer', async () => {
  await routing({ capacity: 1 })
  const [amy, bob] = [await it.agent(), await it.agent({ username: 'bob' })]
  for (const name of ['Otto', 'Olga']) await writes(name)
  await openWaiting(bob, 'Otto')
  await words(bob).button('Take').click()
  await words(bob).bar.getByText('You are serving').waitFor()
  await openWaiting(bob, 'Olga')
  await words(bob).button('Take').click()
  await words(bob).refusal().getByText('You have no room left', { exact: false }).waitFor()
  await words(bob).bar.getByText('Waiting', { exact: true }).waitFor()
  await openWaiting(amy, 'Olga')
  await key(amy, 'a')
  await words(amy).bar.getByText('You are serving').waitFor()
  await routing({ capacity: 1 })
  const roles = { userId: await idOf('amy') }
  assert.ok(roles.userId > 0)
  await words(bob).tab('Mine').click()
  await bob.openConversation('Otto')
  await words(bob).button('Transfer').click()
  const { dialog, inDialog } = words(bob)
  await dialog.getByRole('radio', { name: /Amy/ }).check({ force: true })
  await dialog.getByLabel('Reason').fill('lunch')
  await inDialog('Transfer').click()
  await dialog.getByText('Amy has no room left').waitFor()
  await inDialog('Cancel').click()
})

async function idOf(username) {
  const agents = await call(it.service, owner, 'GET', '/admin-api/promotion/kefu-agent/list')
  return agents.find((agent) => agent.username === username).adminId
}

test('what is offered is accepted or declined, wherever the agent is', async () => {
  await routing({ autoAccept: false, offerTimeout: 0 })
  const [amy, bob] = [await it.agent(), await it.agent({ username: 'bob' })]
  await writes('Pia')
  await openWaiting(amy, 'Pia')
  await words(amy).button('Take').click()
  const bobsId = await idOf('bob')
  const offer = async (reason) => {
    const [{ id }] = await call(it.service, owner, 'GET', `${TASK}/list`, { query: { state: '0,1', limit: 1 } })
    await call(it.service, owner, 'PUT', `${TASK}/transfer`, { body: { id, agentId: bobsId, reason } })
  }
  await offer('speaks Danish')
  await words(amy).bar.getByText('Waits for Bob to accept').waitFor()
  const card = bob.page.locator('[data-test=offer]')
  await card.getByText('Reason: speaks Danish').waitFor()
  assert.deepEqual(await serious(bob.page), [])
  await card.getByRole('button', { name: 'Decline' }).click()
  await card.waitFor({ state: 'detached' })
  await words(amy).bar.getByText('Waiting', { exact: true }).waitFor()

  await words(amy).button('Take').click()
  await words(amy).bar.getByText('You are serving').waitFor()
  await offer('once more')
  await card.getByRole('button', { name: 'Accept' }).click()
  await bob.page.getByRole('heading', { name: 'Pia', level: 1 }).waitFor()
  await words(bob).bar.getByText('You are serving').waitFor()
  await words(amy).bar.getByText('Bob is serving', { exact: true }).waitFor()

  // In the open conversation the bar asks.
  const token = await login(it.service, 'bob')
  const [{ id }] = await call(it.service, token, 'GET', `${TASK}/list`, { query: { state: '1', limit: 1 } })
  await call(it.service, owner, 'PUT', `${TASK}/assign`, { body: { id, agentId: await idOf('amy') } })
  await words(amy).bar.getByText('Waits for you to accept').waitFor()
  await words(amy).button('Accept').click()
  await words(amy).bar.getByText('You are serving').waitFor()
})

test('an agent goes off duty and on again; while nobody is, those who come are marked', async () => {
  const [amy, bob] = [await it.agent(), await it.agent({ username: 'bob' })]
  // Who has been there in the tests before counts as on duty for a while.
  for (const { adminId, username } of await call(it.service, owner, 'GET', '/admin-api/promotion/kefu-agent/list'))
    if (!['amy', 'bob'].includes(username))
      await call(it.service, owner, 'PUT', '/admin-api/promotion/kefu-agent/duty', { body: { adminId, duty: 0 } })
  await writes('Quinn')
  const set = async (agent, name) => {
    await words(agent).duty().click()
    await agent.page.getByRole('menuitemradio', { name, exact: true }).click()
  }
  await words(bob).duty().getByText('Auto duty').waitFor()
  await words(bob).duty().click()
  await bob.page.getByText('Not set by you: on duty while you are connected').waitFor()
  assert.deepEqual(await serious(bob.page), [])
  await bob.page.keyboard.press('Escape')
  await set(bob, 'Paused')
  await words(bob).duty().getByText('Paused').waitFor()
  await set(amy, 'Off duty')
  await words(amy).duty().getByText('Off duty').waitFor()
  await words(bob).tab('Waiting').click()
  await bob.page.getByText('1 member came, and nobody is on duty').waitFor()
  // What is said above the rows is not said in each again.
  assert.equal(await words(bob).waiting('Quinn').getByText('Nobody on duty', { exact: false }).count(), 0)
  assert.deepEqual(await serious(bob.page), [])
  await bob.page.getByRole('button', { name: 'Go on duty' }).click()
  await words(bob).duty().getByText('On duty', { exact: true }).waitFor()
  await bob.page.getByText('1 member came, and nobody is on duty').waitFor({ state: 'detached' })
  await words(bob).waiting('Quinn').getByText('no. 1', { exact: false }).waitFor()
  await set(amy, 'On duty')
  await words(amy).duty().getByText('On duty', { exact: true }).waitFor()
})

test('a supervisor sees what goes on, assigns, closes, and sets the duty of another', async () => {
  const [amy, bob] = [await it.agent(), await it.agent({ username: 'bob' })]
  await writes('Rosa')
  await words(amy).tab('Waiting').getByText('1').waitFor()
  await amy.page.getByRole('link', { name: 'Live overview' }).click()
  const { page } = amy
  const number = (name, value) => page.locator(`[data-test=${name}]`).getByText(value, { exact: true })
  await number('waiting', '1').waitFor()
  const row = (kind, name) => page.locator(`[data-test=${kind}-row]`).filter({ hasText: name })
  // Live: another comes, and one is taken.
  await writes('Sven')
  await number('waiting', '2').waitFor()
  await openWaiting(bob, 'Sven')
  await words(bob).button('Take').click()
  await number('waiting', '1').waitFor()
  await number('open', '1').waitFor()
  await row('agent', 'Bob').getByText('1/5').waitFor()
  assert.deepEqual(await serious(page), [])

  await row('waiting', 'Rosa').getByRole('button', { name: 'Assign' }).click()
  await words(amy).dialog.getByRole('radio', { name: /Bob/ }).check({ force: true })
  await words(amy).inDialog('Assign').click()
  await row('serving', 'Rosa').getByText('Bob').waitFor()
  await row('agent', 'Bob').getByText('2/5').waitFor()
  await row('serving', 'Sven').getByRole('button', { name: 'Close' }).click()
  await words(amy).dialog.getByText('Bob is serving. You close it as a supervisor.').waitFor()
  await words(amy).inDialog('Close service').click()
  await row('serving', 'Sven').waitFor({ state: 'detached' })
  await words(bob).bar.getByText('Nobody is serving').waitFor()

  await page.getByLabel('Duty of Bob').selectOption('Paused')
  await words(bob).duty().getByText('Paused').waitFor()
  await row('agent', 'Bob').getByText('Paused').first().waitFor()
  await page.getByLabel('Duty of Bob').selectOption('On duty')
  await words(bob).duty().getByText('On duty', { exact: true }).waitFor()
  // An agent has no such page.
  assert.equal(await bob.page.getByRole('link', { name: 'Live overview' }).count(), 0)
})

test('the desk is there from the login on, and after a break of the connection', async () => {
  await writes('Tom')
  const amy = await it.agent()
  await words(amy).tab('Waiting').getByText('1').waitFor()
  await words(amy).duty().getByText('0/5').waitFor()
  await openWaiting(amy, 'Tom')
  await words(amy).button('Take').click()
  await words(amy).bar.getByText('You are serving').waitFor()
  await amy.page.reload()
  await words(amy).bar.getByText('You are serving').waitFor()
  await words(amy).duty().getByText('1/5').waitFor()
  // What happens while the socket is away is read when it is back.
  amy.expect(/ERR_INTERNET_DISCONNECTED|ERR_CONNECTION|WebSocket|ERR_FAILED/)
  await amy.context.setOffline(true)
  await it.service.kill()
  // What is said of the connection hides nothing of who serves.
  await amy.page.locator('[data-test=connection]').waitFor()
  for (const width of [390, 1024, 1440]) {
    await amy.page.setViewportSize({ width, height: 900 })
    assert.deepEqual(await covered(amy), [], `${width} px`)
  }
  await it.service.run()
  owner = await login(it.service, 'amy')
  const [{ id }] = await call(it.service, owner, 'GET', `${TASK}/list`, { query: { state: '1', limit: 1 } })
  await call(it.service, owner, 'PUT', `${TASK}/close`, { body: { id } })
  await amy.context.setOffline(false)
  await words(amy).bar.getByText('Nobody is serving').waitFor()
  await words(amy).tab('Mine').getByText('0').waitFor()
})

test('without rounds the console is as it was, and asks nothing of them', async () => {
  await routing({ mode: 'off' })
  const asked = []
  const bob = await it.agent({ username: 'bob', open: false })
  bob.context.on('request', (request) => {
    if (/kefu-(task|agent|group)\//.test(request.url())) asked.push(request.url())
  })
  await bob.open()
  await writes('Uma')
  await bob.openConversation('Uma')
  await bob.send('hi')
  await bob.tick('hi', 'sent')
  assert.deepEqual(
    await bob.page
      .getByRole('tab')
      .allInnerTexts()
      .then((all) => all.map((text) => text.split(' ')[0])),
    ['All', 'Unread'],
  )
  assert.equal(await words(bob).bar.count(), 0)
  assert.equal(await words(bob).duty().count(), 0)
  assert.deepEqual(asked, [])
})

for (const [width, theme, language] of [
  [1280, 'light', 'en'],
  [390, 'dark', 'zh'],
]) {
  test(`the widget says who serves, the place, that nobody is on duty, and the end: ${width} px, ${language}`, async () => {
    const said = {
      en: {
        place: 'You are no. 1 in line',
        serving: 'Bob is here for you',
        ended: 'This chat has ended',
        missed: 'Nobody is on duty. We answer soon.',
        offline: 'Nobody is online right now',
      },
      zh: {
        place: '您排在第 1 位',
        serving: 'Bob 正在为您服务',
        ended: '本次服务已结束',
        missed: '当前没有客服当值，我们会尽快回复您',
        offline: '当前无人在线',
      },
    }[language]
    const bob = await it.agent({ username: 'bob' })
    const bobs = await login(it.service, 'bob')
    const duty = (value, token = bobs) =>
      call(it.service, token, 'PUT', '/admin-api/promotion/kefu-agent/duty', { body: { duty: value } })
    await duty(1)
    const visitor = await it.visitor(await it.site({}, { html: `lang="${language}"` }), {
      width,
      theme,
      language,
      height: 800,
    })
    await visitor.open()
    await visitor.send('one mug, please')
    const line = (name) => visitor.panel.locator(`[data-line=${name}]`)
    await line('place').getByText(said.place).waitFor()
    const header = visitor.panel.locator('.header')
    const [task] = await call(it.service, owner, 'GET', `${TASK}/list`, { query: { state: '3', limit: 1 } })
    await call(it.service, bobs, 'POST', `${TASK}/take`, { body: { conversationId: task.conversationId } })
    await line('serving').getByText(said.serving).waitFor()
    await header.getByText(said.serving).waitFor()
    await bob.page.goto(`${bob.origin}/console/c/${task.conversationId}`)
    await bob.send('here it is')
    await visitor.sees('here it is')
    await line('serving').waitFor({ state: 'detached' })
    await header.getByText(said.serving).waitFor()
    // It is there again after a reload.
    await visitor.page.reload()
    if (width < 668) await visitor.open()
    await header.getByText(said.serving).waitFor()
    await call(it.service, bobs, 'PUT', `${TASK}/close`, { body: { id: task.id, reason: 'sold' } })
    await line('ended').getByText(said.ended).waitFor()
    await header.getByText(said.serving).waitFor({ state: 'detached' })

    for (const { adminId } of await call(it.service, owner, 'GET', '/admin-api/promotion/kefu-agent/list'))
      await call(it.service, owner, 'PUT', '/admin-api/promotion/kefu-agent/duty', { body: { adminId, duty: 2 } })
    await visitor.send('and a bowl')
    await line('missed').getByText(said.missed).waitFor()
    await line('ended').waitFor({ state: 'detached' })
    await header.getByText(said.offline).waitFor()
    await duty(1)
    await header.getByText(said.offline).waitFor({ state: 'detached' })
    await line('missed').waitFor({ state: 'detached' })
    await visitor.panel.locator('[data-line=place], [data-line=waiting]').waitFor()
  })
}

test('without rounds the widget loads and asks nothing of them', async () => {
  await routing({ mode: 'off' })
  await it.agent({ username: 'bob' })
  const visitor = await it.visitor(await it.site())
  await visitor.open()
  await visitor.send('hello')
  await visitor.tick('hello', 'sent')
  assert.deepEqual(
    visitor.requests.filter((address) => /kefu-task|rounds/.test(address)),
    [],
  )
})
