import { page, launch, config, msg, TALK } from './shots.tmp.mjs'
const b = await launch()
const shot = async (n, o, f) => {
  try {
    const x = await page(b, o)
    await x.p.locator('kefu-widget .launcher').waitFor()
    await f?.(x)
    await x.p.waitForTimeout(350)
    await x.p.screenshot({ path: `/tmp/shots/${n}.png` })
    console.log(n, x.calls.join(' | '))
    await x.c.close()
  } catch (e) {
    console.log(n, 'FAILED', e.message.slice(0, 600))
  }
}
const open = async ({ p }) => {
  await p.locator('kefu-widget .launcher').click()
  await p.locator('kefu-widget .panel').waitFor()
}
const only = process.argv[2]
const all = {
  idle: [{}, null],
  first: [{}, open],
  talk: [{ messages: TALK }, open],
  'talk-dark': [{ messages: TALK, theme: 'dark' }, open],
  'talk-en': [{ messages: TALK, lang: 'en-US', width: 768 }, open],
  phone: [{ messages: TALK, width: 390, height: 800 }, open],
  'phone-dark': [{ messages: TALK, width: 390, height: 800, theme: 'dark', lang: 'en' }, open],
  leave: [{ cfg: config({ online: false }) }, open],
  'leave-en-dark': [
    { cfg: config({ online: false }), lang: 'en', theme: 'dark' },
    async (x) => {
      await open(x)
      await x.p.locator('kefu-widget .form .solid').click()
    },
  ],
  prechat: [
    {
      cfg: config({
        preChat: {
          enabled: true,
          fields: [
            { name: 'name', required: true },
            { name: 'email', required: true },
            { name: 'topic', required: false },
          ],
        },
      }),
    },
    open,
  ],
  preview: [
    {
      messages: [
        ...TALK.slice(0, 5),
        msg(6, false, '两只可以再减 10 元，需要我帮您改价吗？', 1, { readStatus: false }),
        msg(7, false, '今天 16:00 前下单当天发货', 1, { readStatus: false }),
      ],
    },
    async (x) => x.p.locator('kefu-widget .preview').waitFor(),
  ],
  typing: [
    { messages: TALK },
    async (x) => {
      await open(x)
      x.frame('kefu_typing', { conversationId: 1, userId: 2, userType: 2 })
    },
  ],
  blocked: [
    { sends: 'blocked', messages: TALK.slice(0, 4) },
    async (x) => {
      await open(x)
      await x.p.locator('kefu-widget textarea').fill('在吗')
      await x.p.keyboard.press('Enter')
    },
  ],
  limit: [
    { sends: 'limit', messages: TALK.slice(0, 4) },
    async (x) => {
      await open(x)
      await x.p.locator('kefu-widget textarea').fill('在吗')
      await x.p.keyboard.press('Enter')
    },
  ],
  fail: [
    { sends: 'fail', messages: TALK.slice(0, 4) },
    async (x) => {
      await open(x)
      await x.p.locator('kefu-widget textarea').fill('在吗')
      await x.p.keyboard.press('Enter')
      await x.p.locator('kefu-widget textarea').fill('第一行\n第二行\n第三行')
    },
  ],
  earlier: [{ messages: TALK.slice(0, 3), earlier: [msg(1, true, '你好，还没登录'), msg(2, false, '您好')] }, open],
  card: [
    {},
    async (x) => {
      await x.p.locator('[data-do=product]').first().click()
    },
  ],
  emoji: [
    {},
    async (x) => {
      await open(x)
      await x.p.locator('kefu-widget .line .plain').first().click()
    },
  ],
  upload: [
    { messages: TALK.slice(0, 2) },
    async (x) => {
      await open(x)
      await x.p.locator('kefu-widget input[type=file]').setInputFiles([
        { name: '很大的文件.mov', mimeType: 'video/mp4', buffer: Buffer.alloc(6000000) },
        { name: '空.txt', mimeType: 'text/plain', buffer: Buffer.alloc(0) },
      ])
    },
  ],
  rtl: [{ messages: TALK, rtl: true, lang: 'ar' }, open],
  yellow: [{ messages: TALK, cfg: config({ look: { color: '#FFD60A', position: 'left' } }) }, open],
  offline: [{ messages: TALK.slice(0, 4), ws: false }, open],
  bigpage: [{ width: 1440, height: 2300 }, null],
  send: [
    {},
    async (x) => {
      await open(x)
      await x.p.locator('kefu-widget textarea').fill('你好')
      await x.p.keyboard.press('Enter')
      await x.p.locator('kefu-widget [data-progress=sent]').waitFor()
    },
  ],
}
for (const [n, [o, f]] of Object.entries(all)) if (!only || only.split(',').includes(n)) await shot(n, o, f)
await b.close()
