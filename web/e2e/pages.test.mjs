// Every page, filled, with its dialogs and menus, in both themes and languages: accessible, in one language, at home in the
// Content-Security-Policy.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { serious } from './support/axe.mjs'
import { png } from './support/picture.mjs'
import { world } from './support/world.mjs'

const it = world()
const HAN = /\p{Script=Han}/u
/** What is left where a text was not filled in. */
const UNFINISHED = /\bundefined\b|\bNaN\b|\{\w+\}/

async function inspect(agent, what, language) {
  const words = await agent.page.evaluate(() => {
    const texts = [document.title, document.body.innerText]
    for (const element of document.querySelectorAll('[aria-label], [title], [placeholder], [alt]')) {
      for (const name of ['aria-label', 'title', 'placeholder', 'alt']) texts.push(element.getAttribute(name) ?? '')
    }
    return texts
  })
  // The names of the languages are written in themselves.
  const foreign = words
    .map((text) => text.replaceAll('中文', ''))
    .filter((text) => UNFINISHED.test(text) || (language === 'en' && HAN.test(text)))
  const faults = [
    ...(await serious(agent.page)),
    ...foreign.map((text) => `not for readers of ${language}: ${text.slice(0, 200)}`),
  ]
  return faults.map((fault) => `${what}: ${fault}`)
}

const WORDS = {
  en: {
    begin: 'New conversation',
    profile: 'Profile',
    close: 'Close',
    emoji: 'Emoji',
    transcript: 'Transcript',
    panel: 'Member details',
    hide: 'Remove from the list',
    cancel: 'Cancel',
    unread: /^Unread/,
    view: 'View picture',
  },
  zh: {
    begin: '发起会话',
    profile: '个人中心',
    close: '关闭',
    emoji: '表情',
    transcript: '会话记录',
    panel: '会员资料',
    hide: '移出列表',
    cancel: '取消',
    unread: /^未读/,
    view: '查看图片',
  },
}

async function seed() {
  const mia = it.member('Mia')
  const url = await mia.upload(png(320, 200, [90, 140, 220]))
  await mia.send('hello, see https://kefu.example/help?a=1 [笑掉牙]'.replace('[笑掉牙]', '[smile]'))
  await mia.sendContent(2, JSON.stringify({ picUrl: url, width: 320, height: 200 }))
  await mia.sendContent(
    10,
    JSON.stringify({ spuId: 633, spuName: 'A cup', picUrl: url, price: 12_900, stock: 77, salesCount: 3 }),
  )
  await mia.sendContent(
    11,
    JSON.stringify({
      id: 9001,
      no: 'o2026',
      status: 10,
      productCount: 1,
      payPrice: 12_900,
      items: [
        {
          id: 1,
          spuId: 633,
          spuName: 'A cup',
          picUrl: url,
          count: 1,
          price: 12_900,
          properties: [{ valueName: 'white' }],
        },
      ],
    }),
  )
  await mia.sendContent(
    1,
    JSON.stringify({ text: 'a file', file: { url, name: 'a.png', size: 2048, contentType: 'image/png' } }),
  )
  for (let index = 0; index < 12; index++) await it.member(`Member ${index}`).send(`message ${index}`)
}

let seeded
for (const language of ['en', 'zh']) {
  for (const theme of ['light', 'dark']) {
    test(`pages, dialogs and menus: ${language}, ${theme}`, async () => {
      await (seeded ??= seed())
      const faults = []
      const words = WORDS[language]
      const amy = await it.agent({ open: false, language, theme })
      const look = async (what) => faults.push(...(await inspect(amy, what, language)))
      const button = (name) => amy.page.getByRole('button', { name, exact: typeof name === 'string' }).first()

      const page = await amy.open('/console/', { log: false })
      await page.locator('#username').waitFor()
      await look('login')
      await amy.login()
      await amy.row('Mia').waitFor()
      await look('workbench without a conversation')
      await page.keyboard.press('Control+k')
      await page.getByRole('combobox').waitFor()
      await look('palette')
      await page.keyboard.press('Escape')
      await page.keyboard.press('Shift+Slash')
      await page.getByRole('dialog').waitFor()
      await look('shortcuts')
      await page.keyboard.press('Escape')
      await button(words.begin).click()
      await page.getByRole('dialog').waitFor()
      await look('begin a conversation')
      await page.keyboard.press('Escape')

      await amy.openConversation('Mia')
      await amy.log.getByRole('article').first().waitFor()
      const conversation = page.url()
      await look('conversation')
      await button(words.emoji).click()
      await page.getByRole('dialog').waitFor()
      await look('emoji')
      await page.keyboard.press('Escape')
      await button(words.view).click()
      await page.getByRole('dialog').waitFor()
      await look('picture')
      await page.keyboard.press('Escape')
      await page.getByRole('dialog').waitFor({ state: 'detached' })
      await amy.row('Mia').click({ button: 'right' })
      await page.getByRole('menu').waitFor()
      await look('menu of a row')
      await page.getByRole('menuitem', { name: words.hide }).click()
      await button(words.cancel).waitFor()
      await look('confirmation')
      // Esc closes it, and does nothing to the conversation below.
      await page.keyboard.press('Escape')
      await page.getByRole('dialog').waitFor({ state: 'detached' })
      assert.equal(page.url(), conversation)
      await button(words.transcript).click()
      await page.getByRole('dialog').waitFor()
      await look('transcript')
      await page.keyboard.press('Escape')

      await page.getByRole('tab', { name: words.unread }).click()
      await look('unread')
      await page.goto(`${amy.origin}/console/profile`)
      await page.getByRole('heading', { level: 1 }).or(page.getByRole('heading')).first().waitFor()
      await look('profile')
      await page.goto(`${amy.origin}/console/no/such/page`)
      await page.getByRole('main').or(page.getByRole('heading')).first().waitFor()
      await look('no such page')
      await page.setViewportSize({ width: 390, height: 800 })
      await page.goto(conversation)
      await amy.log.getByRole('article').first().waitFor()
      await look('conversation on a phone')
      assert.deepEqual(faults, [])
    })
  }
}

test('under the colours of the system one sees what is on, and what is chosen', async () => {
  const amy = await it.agent()
  const { page } = amy
  await page.goto(`${amy.origin}/console/team/roles/new`)
  await page.emulateMedia({ forcedColors: 'active' })
  const picture = async (locator) => (await locator.screenshot()).toString('base64')
  const control = page.getByRole('switch').first()
  const on = await picture(control)
  await control.uncheck()
  await page.mouse.move(0, 0)
  await control.blur()
  assert.notEqual(await picture(control), on)

  // A group's box is off, partly on and on.
  const group = page.locator('fieldset').filter({ hasText: 'See conversations' }).getByRole('checkbox').first()
  const seen = [await picture(group)]
  await page.getByLabel('See conversations', { exact: true }).check()
  await page.mouse.move(0, 0)
  seen.push(await picture(group))
  await group.check()
  await page.mouse.move(0, 0)
  await group.blur()
  seen.push(await picture(group))
  assert.equal(new Set(seen).size, 3)

  const team = page.getByRole('navigation', { name: 'Team' })
  const roles = team.getByRole('link', { name: 'Roles', exact: true })
  const chosen = await picture(roles)
  await roles.focus()
  await page.keyboard.press('Shift+Tab')
  await page.keyboard.press('Tab')
  assert.notEqual(await picture(roles), chosen)
  await roles.blur()
  await roles.evaluate((link) => link.removeAttribute('aria-current'))
  assert.notEqual(await picture(roles), chosen)
})
