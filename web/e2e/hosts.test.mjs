// The widget on pages that are hostile or careless.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { serious } from './support/axe.mjs'
import { png } from './support/picture.mjs'
import { pageWith } from './support/site.mjs'
import { world } from './support/world.mjs'

const it = world()

/** A visitor says something and an agent answers. */
async function chat(visitor, amy, text) {
  await visitor.open()
  await visitor.send(text)
  await visitor.tick(text, 'sent')
  await amy.page.getByRole('option').filter({ hasText: text }).click()
  await amy.bubble(text).waitFor()
  await amy.send(`re: ${text}`)
  await visitor.sees(`re: ${text}`)
}

/** How the widget looks: places, sizes and colours of its parts. */
const look = (visitor) =>
  visitor.page.evaluate(() => {
    const root = document.querySelector('kefu-widget').shadowRoot
    const parts = ['.launcher', '.panel', '.header', '.title', '.own .bubble', '.theirs .bubble', 'textarea', '.send']
    return parts.map((part) => {
      const element = root.querySelector(part)
      const { x, y, width, height } = element.getBoundingClientRect()
      const { color, backgroundColor, fontSize, fontFamily, textAlign, cursor } = getComputedStyle(element)
      return { part, x, y, width, height, color, backgroundColor, fontSize, fontFamily, textAlign, cursor }
    })
  })

test('style sheets of the page change nothing of the widget', async () => {
  const amy = await it.agent()
  const styles = `<style>
    * { all: unset; font-size: 40px !important; color: red; letter-spacing: 1em; text-transform: uppercase; line-height: 3; }
    html { font-size: 62.5%; } button { display: none !important; } div { float: left; transform: rotate(3deg); }
    div:empty, :empty { display: none; } textarea { visibility: hidden !important; }
  </style>`
  const looks = []
  for (const head of ['', styles]) {
    const site = await it.site({}, { head })
    const visitor = await it.visitor(site)
    await chat(visitor, amy, head ? 'hostile' : 'friendly')
    looks.push(await look(visitor))
  }
  // The two texts differ in their lengths.
  const withoutWidths = (list) =>
    list.map(({ part, x, width, ...rest }) =>
      part.includes('bubble') ? { part, ...rest } : { part, x, width, ...rest },
    )
  assert.deepEqual(withoutWidths(looks[1]), withoutWidths(looks[0]))
})

test('the strictest Content-Security-Policy with the lines of the documentation, Trusted Types and COEP', async () => {
  const amy = await it.agent()
  const origin = it.service.origin
  const policy = [
    "default-src 'none'",
    `script-src ${origin}`,
    `connect-src ${origin} ${origin.replace('http', 'ws')}`,
    `img-src ${origin}`,
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; ')
  const headers = {
    'Content-Security-Policy': policy,
    'Cross-Origin-Embedder-Policy': 'require-corp',
    'Cross-Origin-Opener-Policy': 'same-origin',
  }
  const site = await it.site({}, { headers })
  const visitor = await it.visitor(site, { reducedMotion: 'no-preference' })
  await chat(visitor, amy, 'behind a policy')
  await visitor.panel
    .locator('input[type=file]')
    .setInputFiles([{ name: 'mug.png', mimeType: 'image/png', buffer: png(40, 30, [10, 120, 90]) }])
  const picture = visitor.log.getByRole('img', { name: 'Picture' })
  await picture.waitFor()
  await picture.evaluate((image) => image.decode())
})

test("the page's keys are the page's, and what is typed in the widget is not", async () => {
  const site = await it.site()
  await it.agent()
  const visitor = await it.visitor(site)
  await visitor.page.evaluate(() => {
    globalThis.pressed = []
    for (const type of ['keydown', 'keypress', 'keyup'])
      for (const target of [document, window]) target.addEventListener(type, ({ key }) => globalThis.pressed.push(key))
  })
  await visitor.page.keyboard.press('s')
  assert.equal(await visitor.page.evaluate(() => globalThis.pressed.length), 6)
  await visitor.open()
  await visitor.composer.pressSequentially('s/k?')
  await visitor.composer.press('Enter')
  await visitor.sees('s/k?')
  await visitor.composer.press('Escape')
  await visitor.panel.waitFor({ state: 'detached' })
  assert.equal(await visitor.page.evaluate(() => globalThis.pressed.length), 6)
})

test('a right-to-left page, a script without a body, and a script that comes twice', async () => {
  const amy = await it.agent()
  const site = await it.site({}, { html: 'lang="ar" dir="rtl"' })
  // Not `async`: it runs before there is a body.
  const script = `<script src="${it.service.origin}/widget/v1.js" data-key="${site.key}"></script>`
  site.home = site.put(
    '/',
    pageWith(it.service, null, { html: 'lang="ar" dir="rtl"', head: script + script, body: script }),
  )
  const visitor = await it.visitor(site)
  await chat(visitor, amy, 'from the right')
  assert.equal(await visitor.page.locator('kefu-widget').count(), 1)
  assert.equal(visitor.requests.filter((url) => url.includes('kefu-widget/config')).length, 1)
  const [own, theirs] = await Promise.all([
    visitor.message('from the right').locator('.bubble').boundingBox(),
    visitor.message('re: from the right').locator('.bubble').boundingBox(),
  ])
  assert.ok(own.x < theirs.x, 'own messages are on the left of a right-to-left conversation')
  const wide = await visitor.page.evaluate(() => document.documentElement.scrollWidth > innerWidth)
  assert.equal(wide, false)
})

test('an application that destroys and boots it, in any order', async () => {
  const site = await it.site()
  await it.agent()
  site.home = site.put(
    '/',
    pageWith(it.service, null, { head: `<script async src="${it.service.origin}/widget/v1.js"></script>` }),
  )
  const visitor = await it.visitor(site)
  // Before the script is there, and while everything is under way.
  await visitor.page.evaluate((key) => {
    globalThis.kefu('boot', { key })
    globalThis.kefu('open')
    globalThis.kefu('destroy')
    globalThis.kefu('boot', { key, hidden: true })
    globalThis.kefu('destroy')
    globalThis.kefu('boot', { key })
  }, site.key)
  await visitor.launcher.waitFor()
  await visitor.open()
  await visitor.send('still here')
  await visitor.tick('still here', 'sent')
  const [socket] = visitor.sockets
  const closed = socket.waitForEvent('close')
  await visitor.kefu('destroy')
  await closed
  assert.equal(await visitor.page.locator('kefu-widget').count(), 0)
  await visitor.page.evaluate(() => history.pushState({}, '', '/cart'))
  await visitor.kefu('boot', { key: site.key, locale: 'zh' })
  await visitor.launcher.waitFor()
  await visitor.kefu('open')
  await visitor.sees('still here')
  assert.equal(await visitor.page.locator('kefu-widget').count(), 1)
  await visitor.panel.getByRole('heading', { name: '在线客服' }).waitFor()
})

test('a browser that denies storage: everything works until the page is left, and that is said', async () => {
  const site = await it.site()
  const amy = await it.agent()
  const visitor = await it.visitor(null)
  await visitor.context.addInitScript(() => {
    for (const area of ['localStorage', 'sessionStorage'])
      Object.defineProperty(window, area, {
        get() {
          throw new DOMException('denied', 'SecurityError')
        },
      })
  })
  await visitor.visit(site.home)
  await chat(visitor, amy, 'nothing is kept')
  await visitor.panel.getByText('Your browser keeps nothing').waitFor()
})

test('a phone: the whole screen above the keyboard, the page locked and restored, closed by the back button', async () => {
  const site = await it.site({}, { body: '<div style="height: 3000px">Mugs</div>' })
  await it.agent()
  const visitor = await it.visitor(site, { width: 390, height: 760 })
  await visitor.page.evaluate(() => scrollTo(0, 500))
  await visitor.launcher.tap()
  await visitor.panel.waitFor()
  assert.deepEqual(await visitor.panel.boundingBox(), { x: 0, y: 0, width: 390, height: 760 })
  assert.equal(await visitor.composer.evaluate((field) => getComputedStyle(field).fontSize), '16px')
  assert.equal(await visitor.page.evaluate(() => getComputedStyle(document.documentElement).overflow), 'hidden')
  assert.ok(await visitor.launcher.isHidden())
  // A keyboard takes half of what is seen.
  await visitor.page.evaluate(() => {
    Object.defineProperty(visualViewport, 'height', { get: () => 400 })
    visualViewport.dispatchEvent(new Event('resize'))
  })
  assert.equal((await visitor.panel.boundingBox()).height, 400)
  const field = await visitor.composer.boundingBox()
  assert.ok(field.y + field.height <= 400, 'the composer is above the keyboard')
  const address = visitor.page.url()
  await visitor.page.goBack()
  await visitor.panel.waitFor({ state: 'detached' })
  assert.equal(visitor.page.url(), address)
  assert.equal(await visitor.page.evaluate(() => scrollY), 500)
  assert.equal(await visitor.page.evaluate(() => document.documentElement.style.overflow), '')
  // Closed by its own button it leaves no entry behind.
  const entries = await visitor.page.evaluate(() => history.length)
  await visitor.launcher.tap()
  await visitor.panel.getByRole('button', { name: 'Close' }).tap()
  await visitor.panel.waitFor({ state: 'detached' })
  await visitor.page.waitForFunction(() => !history.state?.kefu)
  assert.equal(await visitor.page.evaluate(() => history.length), entries)
})

test('an origin that the channel does not list gets no widget and is told why', async () => {
  const site = await it.site({ origins: ['https://shop.example'] })
  const visitor = await it.visitor(null)
  visitor.expect(/403/, /CORS/, /ERR_FAILED/)
  await visitor.visit(site.home)
  const { code } = await visitor.told('error')
  assert.ok([0, 403].includes(code), `code ${code}`)
  assert.ok(await visitor.launcher.isHidden())
})

test('axe finds nothing serious, closed and open, in both themes, languages and directions', async () => {
  const amy = await it.agent()
  for (const [theme, language, html, color] of [
    ['light', 'en', 'lang="en"', '#4F5BD5'],
    ['dark', 'zh', 'lang="zh"', '#FFD60A'],
    ['light', 'en', 'lang="ar" dir="rtl"', '#12B886'],
  ]) {
    const site = await it.site({ look: { color } }, { html, body: '<main><h1>Mugs</h1></main>' })
    const visitor = await it.visitor(site, { theme, language })
    const check = async (what) => {
      assert.deepEqual(await serious(visitor.page), [], `${what}, ${theme}, ${html}, ${color}`)
    }
    await visitor.launcher.waitFor()
    await check('closed')
    await chat(visitor, amy, `look ${theme} ${html.length}`)
    await visitor.panel.locator('.line .plain').first().click()
    await check('open')
    await visitor.panel.locator('.header .shut').click()
    await amy.send('one more')
    await visitor.preview.waitFor()
    await check('preview')
  }
})
