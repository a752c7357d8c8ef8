// The team in the console: roles, accounts, groups and settings, and what somebody sees who holds only some of it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { serious } from './support/axe.mjs'
import { world } from './support/world.mjs'

const it = world()
const HAN = /\p{Script=Han}/u

/** The words of a page, by their roles. */
function words(page) {
  const dialog = page.locator('.kefu-dialog')
  return {
    dialog,
    button: (name) => page.getByRole('button', { name, exact: true }),
    inDialog: (name) => dialog.getByRole('button', { name, exact: true }),
    link: (name) => page.getByRole('link', { name, exact: true }),
    field: (name) => page.getByLabel(name, { exact: true }),
    entries: () => page.getByRole('navigation', { name: 'Team' }).getByRole('link').locator('.name').allInnerTexts(),
  }
}

async function toTeam(agent, name) {
  const { link } = words(agent.page)
  await link('Team').click()
  await agent.page.getByRole('navigation', { name: 'Team' }).getByRole('link', { name }).click()
  await agent.page.getByRole('heading', { name, level: 1 }).waitFor()
}

/** Makes a role with these permissions, as their labels. */
async function makeRole(agent, name, permissions) {
  const { page } = agent
  const { button, field, link } = words(page)
  await toTeam(agent, 'Roles')
  await link('New role').click()
  await field('Name').fill(name)
  for (const permission of permissions) await field(permission).check()
  await button('New role').click()
  await page.waitForURL(/roles\/\d+$/)
  await page.getByRole('heading', { name, level: 1 }).waitFor()
}

/** Makes an account with a password that the console makes up, and answers the password. */
async function makeAccount(agent, username, nickname, role) {
  const { page } = agent
  const { button, field, link, dialog, inDialog } = words(page)
  await toTeam(agent, 'People')
  await link('New account').click()
  await field('User name').fill(username)
  await field('Nickname').fill(nickname)
  await button('Make one up').click()
  await field(role).check()
  await button('New account').click()
  await dialog.getByText(username, { exact: true }).waitFor()
  const password = await dialog.locator('dd').last().innerText()
  await inDialog('Done').click()
  await page.waitForURL(/people\/\d+$/)
  await page.getByRole('heading', { name: nickname, level: 1 }).waitFor()
  return password
}

/** Opens the console as an account that was made in it. */
async function agentOf(username, password, options = {}) {
  const agent = await it.agent({ username, open: false, ...options })
  await agent.open('/console/', { log: false })
  await agent.login(password)
  return agent
}

test('a role and an account are made; the account sees exactly what its role holds', async () => {
  const mia = it.member('Mia')
  await mia.send('is somebody there?')
  const amy = await it.agent()
  const { page } = amy
  const { button, field } = words(page)
  await makeRole(amy, 'Returns', ['Answer members', 'Read the audit'])
  // What answering needs was given with it.
  for (const needed of ['Read messages', 'See conversations']) assert.equal(await field(needed).isChecked(), true)
  assert.equal(await field('Take conversations out of the list').isChecked(), false)
  const password = await makeAccount(amy, 'zoe', 'Zoe', 'Returns')

  const zoe = await agentOf('zoe', password)
  assert.equal(await zoe.page.getByRole('link', { name: 'Web channels' }).count(), 0)
  await zoe.openConversation('Mia')
  await zoe.send('yes, I am')
  await zoe.tick('yes, I am', 'sent')
  await words(zoe.page).link('Team').click()
  await zoe.page.getByRole('heading', { name: 'Audit', level: 1 }).waitFor()
  assert.deepEqual(await words(zoe.page).entries(), ['Audit'])
  for (const path of ['people', 'people/1', 'roles', 'groups', 'members', 'keys', 'settings']) {
    await zoe.page.goto(`${zoe.origin}/console/team/${path}`)
    await zoe.page.getByRole('heading', { name: 'You do not have this permission' }).waitFor()
  }

  // Without the role there is nothing left but the own account.
  await toTeam(amy, 'People')
  await page.getByPlaceholder('Name or user name').fill('zo')
  await page.getByRole('link', { name: /Bob/ }).waitFor({ state: 'detached' })
  await page.getByRole('link', { name: /Zoe/ }).click()
  await field('Returns').uncheck()
  await button('Save changes').click()
  await page.getByText('Saved', { exact: true }).waitFor()
  await page.getByText('Without a role the account can log in', { exact: false }).waitFor()
  zoe.expect(/403/)
  await zoe.page.goto(`${zoe.origin}/console/team/audit`)
  await zoe.page.getByRole('heading', { name: 'You do not have this permission' }).waitFor()
  assert.equal(await zoe.page.getByRole('link', { name: 'Team' }).count(), 0)
})

test('a group gets its agents, with level and lead', async () => {
  const amy = await it.agent()
  const { page } = amy
  const { button, field, link } = words(page)
  await toTeam(amy, 'Groups')
  await link('New group').click()
  await field('Name').fill('Returns team')
  await field('Conversations at once').fill('4')
  await page.getByLabel('Add an agent').selectOption({ label: 'Bob (bob)' })
  await field('Level of Bob').selectOption('3')
  // The box is drawn by the style sheet, so that it must show the tick, too.
  const drawn = () => field('Bob leads').evaluate((box) => getComputedStyle(box, '::after').content)
  assert.equal(await drawn(), 'none')
  await field('Bob leads').check()
  assert.notEqual(await drawn(), 'none')
  await button('New group').click()
  await page.waitForURL(/groups\/\d+$/)
  assert.equal(await field('Level of Bob').inputValue(), '3')
  await link('Back to the groups').click()
  await page
    .getByRole('link', { name: /Returns team/ })
    .getByText('1 agent')
    .waitFor()
  await page.getByText('Agents', { exact: true }).click()
  await page.getByText('Returns team · Lead · Level 3').waitFor()
  await page.getByRole('button', { name: /Bob/ }).click()
  const { dialog, inDialog } = words(page)
  await dialog.getByLabel('Conversations at once', { exact: true }).fill('7')
  await inDialog('Save').click()
  await dialog.waitFor({ state: 'detached' })
  await page.getByText('7 at once').waitFor()
  await toTeam(amy, 'Groups')
  await page.getByRole('link', { name: /Returns team/ }).click()
  assert.equal(await button('Delete group').isDisabled(), true)
  await button('Take Bob out').click()
  await button('Save changes').click()
  await page.getByText('Only a group without agents can be deleted.').waitFor()
  await button('Delete group').click()
  await inDialog('Delete group').click()
  await page.getByText('No groups yet').waitFor()
})

test('what is refused is said where it was typed, and nothing that was typed is lost', async () => {
  const amy = await it.agent()
  const { page } = amy
  const { button, field, link, dialog, inDialog } = words(page)
  await toTeam(amy, 'People')
  await link('New account').click()
  await button('New account').click()
  await page.getByText('Enter a user name').waitFor()
  assert.equal(await page.evaluate(() => document.activeElement?.dataset.field), 'username')
  await field('User name').fill('bob')
  await field('Nickname').fill('Bob the Second')
  await field('Password').fill('a password of bob two')
  await field('Email').fill('bob@shop.example')
  await button('New account').click()
  // The service's own words, at the field that they are about.
  const fault = page.locator('.field', { has: page.locator('[data-field=username]') }).getByRole('alert')
  await fault.waitFor()
  assert.equal(await page.evaluate(() => document.activeElement?.dataset.field), 'username')
  assert.equal(await field('Email').inputValue(), 'bob@shop.example')
  await field('User name').fill('bob2')
  await field('Password').fill('12345678')
  await button('New account').click()
  await page
    .locator('.field', { has: page.locator('[data-field=password]') })
    .getByRole('alert')
    .waitFor()
  assert.deepEqual(await serious(page), [])

  // What is not saved is not lost without a question.
  await link('Back to the people').click()
  await inDialog('Cancel').click()
  await dialog.waitFor({ state: 'detached' })
  assert.equal(await field('Nickname').inputValue(), 'Bob the Second')
  await link('Back to the people').click()
  await inDialog('Discard').click()
  await page.getByRole('heading', { name: 'People', level: 1 }).waitFor()

  // Of two owners one can be disabled; the other one cannot give the role away.
  await page
    .getByRole('link', { name: /^.*admin/ })
    .first()
    .click()
  await button('Disable').click()
  await inDialog('Disable').click()
  await button('Enable').waitFor()
  await toTeam(amy, 'People')
  await page.getByRole('link', { name: /Amy/ }).click()
  await page.getByText('This is your own account', { exact: false }).waitFor()
  assert.equal(await button('Delete account').count(), 0)
  await field('Owner').uncheck()
  await button('Save changes').click()
  await page.locator('.notice.bad').waitFor()
  await page.reload()
  assert.equal(await field('Owner').isChecked(), true)
})

test('nobody gives what they do not hold: it is disabled, with the reason', async () => {
  const amy = await it.agent()
  await makeRole(amy, 'Lead', [
    'Answer members',
    'Change, disable, reset passwords',
    'Rename roles, ask for a second factor',
    'Give roles and permissions',
  ])
  const password = await makeAccount(amy, 'lee', 'Lee', 'Lead')
  await toTeam(amy, 'Roles')
  await amy.page.getByRole('link', { name: /^Lead/ }).click()
  await amy.page.getByText('1 person holds it. Take it from them first.').waitFor()
  assert.equal(await words(amy.page).button('Delete role').isDisabled(), true)

  const lee = await agentOf('lee', password)
  const { button, field } = words(lee.page)
  await toTeam(lee, 'People')
  assert.deepEqual(await words(lee.page).entries(), ['People', 'Roles'])
  assert.equal(await lee.page.getByRole('link', { name: 'New account' }).count(), 0)
  await lee.page.getByRole('link', { name: /Amy/ }).click()
  await lee.page.getByText('Amy holds permissions that you do not hold', { exact: false }).waitFor()
  for (const name of ['Disable', 'Set a new password']) assert.equal(await button(name).isDisabled(), true)
  await toTeam(lee, 'People')
  await lee.page.getByRole('link', { name: /Lee/ }).click()
  assert.equal(await field('Owner').isDisabled(), true)
  await lee.page
    .getByText(/You cannot give it: you do not hold ".+" and \d+ more/)
    .first()
    .waitFor()
  await toTeam(lee, 'Roles')
  await lee.page.getByRole('link', { name: /^Lead/ }).click()
  await lee.page.getByText('What bears a lock you do not hold yourself', { exact: false }).waitFor()
  assert.equal(await field('Manage web channels').isDisabled(), true)
  assert.equal(await field('Manage API keys').isDisabled(), true)
  assert.equal(await field('Answer members').isDisabled(), false)
  assert.deepEqual(await serious(lee.page), [])
})

test('somebody is logged out by a new password, and their logins are listed and ended', async () => {
  const amy = await it.agent()
  const { page } = amy
  const { button, dialog, inDialog } = words(page)
  const bob = await it.agent({ username: 'bob' })
  await toTeam(amy, 'People')
  await page.getByRole('link', { name: /Bob/ }).first().click()
  await page.getByRole('heading', { name: 'Logins' }).waitFor()
  await page
    .getByRole('button', { name: /^End: / })
    .first()
    .waitFor()
  await button('Set a new password').click()
  await inDialog('Set the password').click()
  await dialog.getByText('At least 8 characters', { exact: true }).waitFor()
  await inDialog('Make one up').click()
  bob.expect(/401/)
  await inDialog('Set the password').click()
  await dialog.getByText('Password set').waitFor()
  const password = await dialog.locator('dd').last().innerText()
  await inDialog('Done').click()
  await page.getByText('Not logged in anywhere').waitFor()
  await bob.page.getByRole('heading', { name: 'You are logged out' }).waitFor()
  const again = await agentOf('bob', password)
  again.expect(/401/)
  await page.reload()
  await page.getByRole('button', { name: /^End: / }).click()
  await inDialog('End').click()
  await again.page.getByRole('heading', { name: 'You are logged out' }).waitFor()
})

test('the settings of the team are changed', async () => {
  const amy = await it.agent()
  const { page } = amy
  const { button, field } = words(page)
  await toTeam(amy, 'Settings')
  await field('Members see when an agent types').uncheck()
  await field('End logins after a time').check()
  await field('Log in again after').fill('0.01')
  await button('Save changes').click()
  await page.getByRole('alert').getByText('From 5 minutes to 10 years').waitFor()
  await field('Log in again after').fill('8')
  await field('Unit').selectOption({ label: 'hours' })
  await button('Save changes').click()
  await page.getByText('Saved; it holds at once').waitFor()
  await page.reload()
  await field('Log in again after').waitFor()
  assert.equal(await field('Log in again after').inputValue(), '8')
  assert.equal(await field('Members see when an agent types').isChecked(), false)
  await field('End logins after a time').uncheck()
  await field('Members see when an agent types').check()
  await button('Save changes').click()
  await page.getByText('Saved; it holds at once').waitFor()
})

for (const [width, theme, language] of [
  [1440, 'light', 'en'],
  [1440, 'dark', 'zh'],
  [390, 'dark', 'en'],
  [390, 'light', 'zh'],
]) {
  test(`every page of the team: ${width} px, ${theme}, ${language}`, async () => {
    // The first admin has a Chinese name.
    await it.service.command(['admin', 'rename', '--username', 'admin', '--nickname', 'First'])
    const amy = await it.agent({ width, theme, language })
    const { page } = amy
    const faults = []
    const paths = [
      '',
      'people',
      'people/new',
      'people/2',
      'roles',
      'roles/new',
      'roles/1',
      'groups',
      'groups?show=agents',
    ]
    for (const path of [...paths, 'groups/new', 'members', 'keys', 'settings', 'people/999999']) {
      await page.goto(`${amy.origin}/console/team/${path}`)
      await page.getByRole('heading', { level: 1 }).waitFor()
      await page.locator('.skeleton').first().waitFor({ state: 'detached' })
      faults.push(...(await serious(page)).map((fault) => `${path}: ${fault}`))
      const wide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth)
      if (wide) faults.push(`${path}: wider than the window`)
      const text = await page.evaluate(() => document.body.innerText)
      if (language === 'en' && HAN.test(text))
        faults.push(`${path}: Han in English: ${text.match(/.*\p{Script=Han}.*/u)}`)
    }
    assert.deepEqual(faults, [])
  })
}
