import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PASSWORD } from './support/service.mjs'
import { world } from './support/world.mjs'

const it = world({ KEFU_LIMITS__LOGIN_FAILURES_PER_ACCOUNT: '3' })

test('a login leads to where the agent wanted to go, and a wrong password is named', async () => {
  const member = it.member('Mia')
  await member.send('hello')
  const amy = await it.agent({ open: false })
  await amy.open('/console/profile', { log: false })
  await amy.page.waitForURL(/\/console\/login/)
  await amy.page.locator('#username').fill('amy')
  await amy.page.locator('#password').fill('wrong')
  await amy.page.getByRole('button', { name: 'Log in' }).click()
  await amy.page.getByRole('alert').getByText('Wrong user name or password').waitFor()
  await amy.page.locator('#password').fill(PASSWORD)
  await amy.page.locator('#password').press('Enter')
  await amy.page.waitForURL('**/console/profile')
})

test('empty fields are named, and nothing is asked', async () => {
  const amy = await it.agent({ open: false })
  const page = await amy.open('/console/', { log: false })
  let calls = 0
  page.on('request', (request) => (calls += Number(request.url().includes('/auth/login'))))
  await page.getByRole('button', { name: 'Log in' }).click()
  await page.getByText('Enter your user name').waitFor()
  await page.locator('#username').fill('amy')
  await page.getByRole('button', { name: 'Log in' }).click()
  await page.getByText('Enter your password').waitFor()
  assert.equal(calls, 0)
})

test('too many failures lock, with the seconds', async () => {
  await it.service.addAdmin('carl', 'Carl')
  const carl = await it.agent({ open: false, username: 'carl' })
  const page = await carl.open('/console/login', { log: false })
  await page.locator('#username').fill('carl')
  for (let tries = 0; tries < 4; tries++) {
    const answer = page.waitForResponse('**/auth/login')
    await page.locator('#password').fill(`wrong ${tries}`)
    await page.locator('#password').press('Enter')
    await answer
  }
  await page
    .getByRole('alert')
    .getByText(/Try again in \d+ s/)
    .waitFor()
})

test('a disabled account is named', async () => {
  await it.service.addAdmin('dora', 'Dora')
  await it.service.command(['admin', 'disable', '--username', 'dora'])
  const dora = await it.agent({ open: false, username: 'dora' })
  const page = await dora.open('/console/login', { log: false })
  await page.locator('#username').fill('dora')
  await page.locator('#password').fill(PASSWORD)
  await page.locator('#password').press('Enter')
  await page.getByRole('alert').getByText('This account is disabled').waitFor()
})

test('a reload keeps the login in its tab; "keep me logged in" keeps it for new ones', async () => {
  const amy = await it.agent({ open: false })
  await amy.open()
  await amy.page.reload()
  await amy.list.or(amy.page.getByText('No conversations yet')).first().waitFor()
  const other = await amy.context.newPage()
  await other.goto(`${amy.origin}/console/`)
  await other.locator('#username').waitFor()

  await other.locator('#username').fill('amy')
  await other.locator('#password').fill(PASSWORD)
  await other.getByRole('checkbox', { name: 'Keep me logged in' }).check()
  await other.getByRole('button', { name: 'Log in' }).click()
  await other.getByRole('tablist').first().waitFor()
  const third = await amy.context.newPage()
  await third.goto(`${amy.origin}/console/`)
  await third.getByRole('tablist').first().waitFor()
})

test('a login that ends elsewhere is named, and the draft is kept', async () => {
  const member = it.member('Nora')
  await member.send('hello')
  await it.service.addAdmin('emil', 'Emil')
  const emil = await it.agent({ username: 'emil' })
  await emil.openConversation('Nora')
  await emil.composer.fill('half a sentence')
  await it.service.command(['admin', 'password', '--username', 'emil'], 'another password\n')
  await emil.page
    .getByText(/your password|password changed/i)
    .first()
    .waitFor()
  await emil.page.getByRole('button', { name: 'Log in again' }).click()
  await emil.page.locator('#password').fill('another password')
  await emil.page.locator('#username').fill('emil')
  await emil.page.locator('button[type=submit]').click()
  await emil.page.getByRole('heading', { name: 'Nora', exact: true, level: 1 }).waitFor()
  assert.equal(await emil.composer.inputValue(), 'half a sentence')
})
