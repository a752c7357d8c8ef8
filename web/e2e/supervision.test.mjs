// Members, API keys and the audit, as those see them who look after the others.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { serious } from './support/axe.mjs'
import { world } from './support/world.mjs'

const it = world()

for (const [width, theme] of [
  [1440, 'light'],
  [390, 'dark'],
]) {
  test(`members are found, blocked and unblocked, and written to, at ${width} px`, async () => {
    const nickname = `Mia${width}`
    const mia = it.member(nickname)
    await mia.send('hello')
    await it.member('Noah').send('hi')
    const amy = await it.agent({ width, theme })
    const { page } = amy
    await page.goto(`${amy.origin}/console/team/members`)
    const dialog = page.locator('.kefu-dialog')
    const button = (name) => page.getByRole('button', { name, exact: true })
    await page.getByRole('link', { name: /Noah/ }).first().waitFor()
    await page.getByLabel('Find by nickname, id or external id').fill('zzz')
    await page.getByText('Nothing found for "zzz"').waitFor()
    assert.deepEqual(await serious(page), [])
    await page.getByLabel('Find by nickname, id or external id').fill(nickname)
    await page.getByRole('link', { name: new RegExp(nickname) }).click()
    await page.getByRole('heading', { name: nickname, level: 2 }).waitFor()
    assert.deepEqual(await serious(page), [])

    await button('Block…').click()
    await dialog.getByLabel('Reason (optional)').fill('advertising')
    assert.deepEqual(await serious(page), [])
    await dialog.getByRole('button', { name: 'Block', exact: true }).click()
    await page.getByRole('note').getByText('advertising').waitFor()
    await assert.rejects(mia.send('again'), /1013022000/)
    await button('Unblock').click()
    await dialog.getByRole('button', { name: 'Unblock' }).click()
    await page.getByRole('note').waitFor({ state: 'detached' })
    await mia.send('again')

    if (width < 768) {
      await page.getByRole('link', { name: 'Back to the members' }).click()
      await page.getByRole('link', { name: new RegExp(nickname) }).click()
    }
    await button('Open the conversation').click()
    await page.waitForURL(/\/console\/c\/\d+$/)
    await amy.bubble('again').waitFor()
  })

  test(`a key is made, used and deleted at ${width} px`, async () => {
    const name = `Orders ${width}`
    const amy = await it.agent({ width, theme })
    const { page } = amy
    await page.goto(`${amy.origin}/console/team/keys`)
    const dialog = page.locator('.kefu-dialog')
    await amy.context.grantPermissions(['clipboard-read', 'clipboard-write'])
    await page.getByRole('button', { name: 'New key' }).click()
    await dialog.getByRole('button', { name: 'Create' }).click()
    await dialog.getByText('Enter a name').waitFor()
    await dialog.getByText('Choose at least one').waitFor()
    await dialog.getByRole('textbox', { name: 'Name' }).fill(name)
    await dialog.getByRole('checkbox', { name: 'Members', exact: true }).check()
    await dialog.getByRole('checkbox', { name: 'Messages', exact: true }).check()
    assert.deepEqual(await serious(page), [])
    await dialog.getByRole('button', { name: 'Create' }).click()
    await dialog.getByRole('heading', { name: 'The key is made' }).waitFor()
    assert.deepEqual(await serious(page), [])
    // A secret that is not kept is not lost without a question.
    await page.keyboard.press('Escape')
    const question = page.getByRole('dialog', { name: 'The key is not copied yet' })
    await question.getByRole('button', { name: 'Cancel' }).click()
    await question.waitFor({ state: 'detached' })
    await dialog.getByRole('button', { name: 'Copy: Key' }).click()
    const secret = await page.evaluate(() => navigator.clipboard.readText())
    assert.match(secret, /^kk_[\w-]{40,}$/)
    await dialog.getByRole('button', { name: 'I have kept it' }).click()
    const row = page.getByRole('listitem').filter({ hasText: name })
    await row.getByText('Never used').waitFor()
    assert.equal(await page.getByText(secret).count(), 0)
    assert.deepEqual(await serious(page), [])

    const put = () =>
      fetch(`${it.service.origin}/open-api/members/shop%2F${width}`, {
        method: 'PUT',
        headers: { Authorization: `Bearer ${secret}`, 'Content-Type': 'application/json' },
        body: JSON.stringify({ nickname: `Ida${width}`, attributes: { level: 'gold' } }),
      })
    assert.equal((await put()).status, 200)
    await page.reload()
    await row.getByText(/^Last used/).waitFor()
    await page.goto(`${amy.origin}/console/team/members?q=Ida${width}`)
    await page.getByRole('link', { name: new RegExp(`Ida${width}`) }).click()
    await page.getByText(`shop/${width}`, { exact: true }).last().waitFor()
    await page.getByText('gold', { exact: true }).waitFor()

    await page.goto(`${amy.origin}/console/team/keys`)
    await page.getByRole('button', { name: `Delete the key "${name}"` }).click()
    await dialog.getByRole('button', { name: 'Delete key' }).click()
    await row.waitFor({ state: 'detached' })
    assert.equal((await put()).status, 401)
  })

  test(`the audit shows what was done, by whom, and what it was before, at ${width} px`, async () => {
    const nickname = `Nora${width}`
    await it.member(nickname).send('hello')
    const amy = await it.agent({ width, theme })
    const { page } = amy
    await page.goto(`${amy.origin}/console/team/members?q=${nickname}`)
    await page
      .getByRole('link', { name: new RegExp(nickname) })
      .first()
      .click()
    await page.getByRole('button', { name: 'Block…' }).click()
    await page.getByLabel('Reason (optional)').fill(`advertising ${width}`)
    await page.getByRole('dialog').getByRole('button', { name: 'Block', exact: true }).click()
    await page.getByRole('note').waitFor()
    await it.service.command(['admin', 'disable', '--username', 'bob'])
    await it.service.command(['admin', 'enable', '--username', 'bob'])

    await page.goto(`${amy.origin}/console/team/audit`)
    const entries = page.getByRole('button', { expanded: false }).filter({ has: page.locator('strong') })
    const entry = entries.filter({ hasText: 'Amy blocked the member' }).first()
    await entry.click()
    await page.getByRole('row').filter({ hasText: 'Reason' }).getByText(`advertising ${width}`).waitFor()
    assert.deepEqual(await serious(page), [])
    await page.getByLabel('By whom').selectOption({ label: 'Command line, shop' })
    await page
      .getByText(/^Amy blocked/)
      .first()
      .waitFor({ state: 'detached' })
    assert.ok((await entries.allInnerTexts()).every((text) => text.startsWith('Command line')))
    await entries.first().click()
    await page.getByRole('button', { name: 'All entries of this object' }).click()
    await page.getByRole('button', { name: /^Account \d+/ }).waitFor()
    assert.deepEqual(await serious(page), [])
    // The address keeps the filters.
    await page.reload()
    await page.getByRole('button', { name: /^Account \d+/ }).waitFor()
    await page.getByRole('button', { name: 'Clear the filters' }).click()
    await page.getByLabel('Object').selectOption({ label: 'Group' })
    await page.getByText('No entry matches').waitFor()
    assert.deepEqual(await serious(page), [])
    await page.getByRole('button', { name: 'Clear the filters' }).first().click()
    await page.getByLabel('Time').selectOption({ label: 'Today' })
    await entry.waitFor()
    const [file] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Export CSV' }).click(),
    ])
    assert.match(file.suggestedFilename(), /^kefu-audit-\d{4}-\d\d-\d\d\.csv$/)
    const table = readFileSync(await file.path(), 'utf8')
    assert.ok(table.startsWith('\uFEFF') && table.includes(`advertising ${width}`))
  })
}

test('all sessions of a member are ended, from the list of members and beside the conversation', async () => {
  const mia = it.member('Mia')
  await mia.send('hello')
  const amy = await it.agent()
  const { page } = amy
  const dialog = page.locator('.kefu-dialog')
  const button = (name) => page.getByRole('button', { name, exact: true })
  await amy.openConversation('Mia')
  await button('End all sessions').click()
  assert.deepEqual(await serious(page), [])
  await dialog.getByRole('button', { name: 'Cancel' }).click()
  await dialog.waitFor({ state: 'detached' })
  await mia.send('still here')
  await page.goto(`${amy.origin}/console/team/members?member=${mia.id}`)
  await button('End all sessions').click()
  await dialog.getByRole('button', { name: 'End all sessions' }).click()
  await page.getByText('All sessions of "Mia" have ended').waitFor()
  await assert.rejects(mia.send('with the old token'), /401/)
})

test('who may not look after members, keys and the audit does not see them', async () => {
  const bob = await it.agent({ username: 'bob' })
  for (const page of ['members', 'keys', 'audit']) {
    await bob.page.goto(`${bob.origin}/console/team/${page}`)
    await bob.page.getByRole('heading', { name: 'You do not have this permission' }).waitFor()
  }
})
