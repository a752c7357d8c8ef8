import { readFileSync, existsSync } from 'node:fs'
import { chromium } from 'playwright-core'
const DIST = '/tmp/wt/webwidget/web/dist/widget'
const O = 'http://shop.test'
const types = { js: 'text/javascript', css: 'text/css', html: 'text/html', png: 'image/png' }
export const config = (over = {}) => ({
  key: 'wk_demo',
  name: 'demo',
  locale: 'auto',
  look: {
    color: '#4F5BD5',
    position: 'right',
    side: 20,
    bottom: 20,
    zIndex: 1000,
    theme: 'auto',
    avatar: null,
    ...over.look,
  },
  texts: {
    title: null,
    greeting: '你好！想了解尺寸、发货还是售后？',
    reply: '通常 1 分钟内回复',
    away: null,
    placeholder: null,
    ...over.texts,
  },
  preChat: over.preChat ?? { enabled: false, fields: [] },
  online: over.online ?? true,
  uploadBytes: 5242880,
})
const T = Date.now() - 600000
let id = 100
export const msg = (seq, own, content, type = 1, extra = {}) => ({
  id: ++id,
  conversationId: 1,
  senderId: own ? 7 : 2,
  senderAvatar: null,
  senderNickname: own ? '访客 7' : '小艾',
  senderType: own ? 1 : 2,
  receiverId: null,
  receiverType: null,
  contentType: type,
  content: JSON.stringify(type === 1 && typeof content === 'string' ? { text: content } : content),
  readStatus: true,
  createTime: T + seq * 20000,
  seq,
  clientMessageId: null,
  ...extra,
})
export async function page(
  browser,
  {
    width = 1440,
    height = 900,
    theme = 'light',
    lang = 'zh-CN',
    cfg = config(),
    messages = null,
    earlier = [],
    sends = 'ok',
    rtl = false,
    visitor = messages !== null,
    ws = true,
  } = {},
) {
  const c = await browser.newContext({
    viewport: { width, height },
    colorScheme: theme,
    locale: lang,
    deviceScaleFactor: 1,
    reducedMotion: 'reduce',
    hasTouch: width < 500,
  })
  const p = await c.newPage()
  p.on('console', (m) => console.log('  console', m.type(), m.text()))
  p.on('pageerror', (e) => console.log('  ERROR', e.stack))
  const calls = []
  let stored = [...(messages ?? [])]
  const ok = (data) => ({ json: { code: 0, msg: '', data } })
  await p.route('**/*', async (r) => {
    const u = new URL(r.request().url())
    if (u.protocol === 'data:') return r.continue()
    if (u.pathname.startsWith('/widget/')) {
      let f = DIST + u.pathname.slice(7)
      if (u.pathname === '/widget/demo') f = DIST + '/demo.html'
      if (!existsSync(f)) return r.fulfill({ status: 404 })
      let b = readFileSync(f)
      if (f.endsWith('html'))
        b = b
          .toString()
          .replaceAll('__KEFU_KEY__', 'wk_demo')
          .replace('lang="zh-CN"', `lang="${lang}"${rtl ? ' dir="rtl"' : ''}`)
      return r.fulfill({ body: b, contentType: types[f.split('.').pop()] })
    }
    calls.push(r.request().method() + ' ' + u.pathname + u.search)
    if (u.pathname.endsWith('kefu-widget/config')) return r.fulfill(ok(cfg))
    if (u.pathname.endsWith('kefu-visitor/token'))
      return r.fulfill(ok({ userId: 7, accessToken: 'a', refreshToken: 'r', expiresTime: T + 9e6 }))
    if (u.pathname.endsWith('kefu-conversation/get'))
      return r.fulfill(
        ok(
          stored.length
            ? { id: 1, userId: 7, ...(earlier.length && { earlier: [{ id: 9, lastMessageTime: T }] }) }
            : null,
        ),
      )
    if (u.pathname.endsWith('kefu-message/list'))
      return r.fulfill(
        ok(
          u.searchParams.get('conversationId') === '9'
            ? [...earlier].reverse()
            : u.searchParams.get('beforeSeq')
              ? []
              : [...stored].reverse(),
        ),
      )
    if (u.pathname.endsWith('kefu-message/send')) {
      if (sends === 'blocked') return r.fulfill({ json: { code: 1013022000, msg: '您已被限制使用客服', data: null } })
      if (sends === 'limit')
        return r.fulfill({
          status: 429,
          headers: { 'Retry-After': '12' },
          json: { code: 429, msg: '请求过于频繁，请稍后重试', data: null },
        })
      if (sends === 'fail') return r.fulfill({ json: { code: 400, msg: '消息内容过长', data: null } })
      const b = r.request().postDataJSON()
      const m = msg(stored.length + 1, true, JSON.parse(b.content), b.contentType, {
        clientMessageId: b.clientMessageId,
        content: b.content,
        readStatus: false,
        createTime: Date.now(),
      })
      stored.push(m)
      socket?.send(JSON.stringify({ type: 'kefu_message_type', content: JSON.stringify(m) }))
      return r.fulfill(ok(m.id))
    }
    if (u.pathname.startsWith('/pic'))
      return r.fulfill({
        body: `<svg xmlns="http://www.w3.org/2000/svg" width="300" height="200"><rect width="300" height="200" fill="#f0b48a"/></svg>`,
        contentType: 'image/svg+xml',
      })
    return r.fulfill(ok(true))
  })
  let socket
  await p.routeWebSocket(/infra\/ws/, (s) => {
    if (!ws) {
      s.close({ code: 1006 })
      return
    }
    socket = s
    s.onMessage((d) => {
      if (d === 'ping') s.send('pong')
    })
    s.send(JSON.stringify({ type: 'kefu_resync_done', content: '{"restoredAt":null}' }))
  })
  if (visitor)
    await c.addInitScript(() =>
      localStorage.setItem('kefu:wk_demo:visitor', JSON.stringify({ userId: 7, accessToken: 'a', refreshToken: 'r' })),
    )
  await p.goto(O + '/widget/demo')
  return {
    p,
    c,
    calls,
    push: (m) => {
      stored.push(m)
      socket.send(JSON.stringify({ type: 'kefu_message_type', content: JSON.stringify(m) }))
    },
    frame: (t, x) => socket.send(JSON.stringify({ type: t, content: JSON.stringify(x) })),
  }
}
export const launch = () =>
  chromium.launch({
    executablePath: '/usr/bin/chromium',
    headless: true,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
export const TALK = [
  msg(1, true, { spuId: 1, spuName: '北欧陶瓷马克杯 500ml 磨砂白', price: 12900, picUrl: '/pic/1.png' }, 10),
  msg(2, true, '有没有 700ml 的?'),
  msg(3, false, '有的，700ml 现在也有白色，今天下单今天发 😊'),
  msg(4, false, '详情看这里 https://shop.test/mugs/700?color=white。'),
  msg(5, true, '好的，那我要两只', 1, { readStatus: true }),
  msg(6, false, { picUrl: '/pic/2.png', width: 300, height: 200 }, 2),
  msg(7, true, { text: '报价单.pdf', file: { url: '/files/a.pdf', name: '报价单.pdf', size: 231000 } }, 1, {
    readStatus: false,
  }),
]
