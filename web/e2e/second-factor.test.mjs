// The second factor: set up in the profile or because a role asks for it, logins with codes and recovery codes, switched off.
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { serious } from './support/axe.mjs'
import { call, login } from './support/people.mjs'
import { PASSWORD } from './support/service.mjs'
import { world } from './support/world.mjs'

const it = world({ KEFU_LIMITS__LOGIN_FAILURES_PER_ACCOUNT: '100' })

/** The code of an authenticator app (RFC 6238), so many steps of 30 seconds from now: the service takes each step once. */
function codeOf(secret, later = 0) {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
  const bits = [...secret].map((letter) => letters.indexOf(letter).toString(2).padStart(5, '0')).join('')
  const key = Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => parseInt(byte, 2)))
  const step = Buffer.alloc(8)
  step.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + later))
  const hash = createHmac('sha1', key).update(step).digest()
  const number = hash.readUInt32BE(hash.at(-1) & 15) & 0x7fffffff
  return String(number % 1_000_000).padStart(6, '0')
}

/** Another code than the one that counts now, or soon. */
function wrongCodeOf(secret) {
  const right = [-2, -1, 0, 1, 2].map((later) => codeOf(secret, later))
  return ['000000', '111111', '222222', '333333', '444444', '555555'].find((code) => !right.includes(code))
}

async function fillPassword(page, username, password = PASSWORD) {
  await page.locator('#username').fill(username)
  await page.locator('#password').fill(password)
  await page.locator('#password').press('Enter')
}

for (const [width, theme] of [
  [1440, 'light'],
  [390, 'dark'],
]) {
  test(`from the set-up to a login by a recovery code, and off again, at ${width} px`, async () => {
    const username = `bo${width}`
    await it.service.addAdmin(username, 'Bo')
    const bo = await it.agent({ username, width, theme })
    const { page } = bo
    await bo.context.grantPermissions(['clipboard-read', 'clipboard-write'])
    await page.goto(`${bo.origin}/console/profile`)
    const section = page.locator('#second-factor')
    const dialog = page.locator('.kefu-dialog').first()
    await section.getByText('Off', { exact: true }).waitFor()
    await section.getByRole('button', { name: 'Turn on' }).click()
    await dialog.getByRole('button', { name: 'Next' }).click()
    await dialog.getByText('Enter your password', { exact: true }).waitFor()
    await dialog.getByLabel('Password', { exact: true }).fill('not the password')
    await dialog.getByRole('button', { name: 'Next' }).click()
    await dialog.locator('.fault').waitFor()
    assert.equal(await dialog.getByLabel('Password', { exact: true }).inputValue(), 'not the password')
    assert.deepEqual(await serious(page), [])
    await dialog.getByLabel('Password', { exact: true }).fill(PASSWORD)
    await dialog.getByRole('button', { name: 'Next' }).click()
    await dialog.getByRole('img', { name: /^QR code/ }).waitFor()
    const secret = (await dialog.locator('code').innerText()).replaceAll(' ', '')
    assert.match(secret, /^[A-Z2-7]{16,}$/)
    assert.deepEqual(await serious(page), [])
    await dialog.getByLabel('Code', { exact: true }).fill(wrongCodeOf(secret))
    await dialog.getByText('This code is wrong or was used already').waitFor()
    await dialog.getByLabel('Code', { exact: true }).fill(codeOf(secret))
    await dialog.getByRole('heading', { name: 'Keep the recovery codes' }).waitFor()
    const codes = await dialog.getByRole('listitem').allInnerTexts()
    assert.equal(new Set(codes).size, 10)
    assert.deepEqual(await serious(page), [])
    await dialog.getByRole('button', { name: 'Copy' }).click()
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), codes.join('\n'))
    const [file] = await Promise.all([
      page.waitForEvent('download'),
      dialog.getByRole('button', { name: 'Download' }).click(),
    ])
    const text = readFileSync(await file.path(), 'utf8')
    assert.ok(codes.every((code) => text.includes(code)) && text.includes(username))
    // What is not kept is not lost without a question.
    await page.keyboard.press('Escape')
    await page.getByRole('dialog', { name: 'The recovery codes are not kept yet' }).waitFor()
    await page.getByRole('button', { name: 'Cancel' }).click()
    assert.equal(await dialog.getByRole('button', { name: 'Done' }).isDisabled(), true)
    await dialog.getByLabel('I keep the recovery codes in a safe place').check()
    await dialog.getByRole('button', { name: 'Done' }).click()
    await section.getByText('On', { exact: true }).waitFor()
    assert.deepEqual(await serious(page), [])

    const again = await it.agent({ username, width, theme, open: false })
    const second = await again.open('/console/profile', { log: false })
    await fillPassword(second, username)
    await second.getByRole('heading', { name: 'Enter your code' }).waitFor()
    await second.getByLabel('Code', { exact: true }).fill('12')
    await second.keyboard.press('Enter')
    await second.getByText('Enter the 6 digits').waitFor()
    await second.getByLabel('Code', { exact: true }).fill(wrongCodeOf(secret))
    await second.getByText('This code is wrong or was used already').waitFor()
    assert.deepEqual(await serious(second), [])
    await second.getByLabel('Code', { exact: true }).fill(codeOf(secret, 1))
    // Where the agent wanted to go.
    await second.waitForURL('**/console/profile')

    const third = await it.agent({ username, width, theme, open: false })
    const lost = await third.open('/console/', { log: false })
    await fillPassword(lost, username)
    await lost.getByRole('button', { name: 'No phone at hand? Use a recovery code' }).click()
    assert.deepEqual(await serious(lost), [])
    await lost.getByLabel('Recovery code').fill(codes[3])
    await lost.keyboard.press('Enter')
    await lost.getByRole('tablist').first().waitFor()

    const used = await it.agent({ username, width, theme, open: false })
    const refused = await used.open('/console/', { log: false })
    await fillPassword(refused, username)
    await refused.getByRole('button', { name: 'No phone at hand? Use a recovery code' }).click()
    await refused.getByLabel('Recovery code').fill(codes[3])
    await refused.keyboard.press('Enter')
    await refused.getByText('This recovery code is wrong or was used already').waitFor()

    await section.getByRole('button', { name: 'Turn off the second factor' }).click()
    await dialog.getByLabel('Password', { exact: true }).fill(PASSWORD)
    await dialog.getByLabel('Code or recovery code').fill(codes[3])
    await dialog.getByRole('button', { name: 'Turn off the second factor' }).click()
    await dialog.getByText('This code is wrong or was used already').waitFor()
    assert.deepEqual(await serious(page), [])
    await dialog.getByLabel('Code or recovery code').fill(codes[4])
    await dialog.getByRole('button', { name: 'Turn off the second factor' }).click()
    await section.getByText('Off', { exact: true }).waitFor()
    assert.ok(await login(it.service, username))
  })
}

test('a role that asks for it lets nothing be done before it is set up', async () => {
  await it.service.addAdmin('vera', 'Vera', 'viewer')
  const owner = await login(it.service, 'amy')
  const roles = await call(it.service, owner, 'GET', '/admin-api/system/role/page')
  const { id } = roles.list.find(({ code }) => code === 'viewer')
  await call(it.service, owner, 'PUT', '/admin-api/system/role/update', { body: { id, secondFactor: true } })
  const vera = await it.agent({ username: 'vera', open: false })
  const page = await vera.open('/console/profile', { log: false })
  await fillPassword(page, 'vera')
  await page.getByRole('heading', { name: 'Set up your second factor first' }).waitFor()
  // The password that was typed just now is not asked for again; after a reload it is.
  await page.getByRole('img', { name: /^QR code/ }).waitFor()
  assert.deepEqual(await serious(page), [])
  await page.goto(`${vera.origin}/console/`)
  await page.waitForURL(/\/console\/second-factor/)
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD)
  await page.getByRole('button', { name: 'Next' }).click()
  await page.getByRole('img', { name: /^QR code/ }).waitFor()
  const secret = (await page.locator('code').innerText()).replaceAll(' ', '')
  await page.getByLabel('Code', { exact: true }).fill(codeOf(secret))
  await page.getByLabel('I keep the recovery codes in a safe place').check()
  assert.deepEqual(await serious(page), [])
  await page.getByRole('button', { name: 'Go to the workbench' }).click()
  await page.getByRole('tablist').first().waitFor()
  await page.goto(`${vera.origin}/console/profile`)
  await page.locator('#second-factor').getByText('Your role asks for it, so that it cannot be turned off.').waitFor()
  assert.equal(await page.getByRole('button', { name: 'Turn off the second factor' }).count(), 0)
})
