// Makes the pictures of the docs, docs/pictures/*.png: a morning at a shop's desk, and a visitor of its site.
import { mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { launch, openAgent } from './support/browser.mjs'
import { Member } from './support/people.mjs'
import { png } from './support/picture.mjs'
import { Service } from './support/service.mjs'
import { Visitor } from './support/visitor.mjs'

const FOLDER = fileURLToPath(new URL('../../docs/pictures', import.meta.url))
const LIMIT = 200 * 1024
mkdirSync(FOLDER, { recursive: true })

const TALKS = [
  ['陈晓彤', ['你好，请问订单什么时候发货？']],
  ['李明轩', ['发票抬头可以修改吗？', '谢谢！']],
  ['周雨晴', ['优惠券怎么用不了']],
  ['赵子涵', ['收到货了，包装很好 👍']],
  ['孙佳怡', ['尺码偏大还是偏小？']],
  ['吴宇航', ['可以开增值税专票吗']],
  ['王诗涵', ['好的，明白了']],
]

async function seed(service) {
  let id = 2000
  for (const [name, texts] of TALKS) {
    const member = new Member(service, ++id, name)
    for (const text of texts) await member.send(text)
  }
  const lin = new Member(service, 2048, '林晓梅')
  const url = await lin.upload(png(480, 480, [126, 148, 190]), 'cup.png')
  await lin.send('你好，上周买的保温杯，盖子有点漏水')
  await lin.sendContent(
    10,
    JSON.stringify({
      spuId: 633,
      spuName: '真空保温杯 480 ml 雾蓝',
      picUrl: url,
      price: 12_900,
      stock: 77,
      salesCount: 312,
    }),
  )
  return lin
}

function kept(path) {
  const { size } = statSync(path)
  console.log(`${path}: ${Math.ceil(size / 1024)} KiB`)
  if (size > LIMIT) throw new Error(`${path} is bigger than ${LIMIT / 1024} KiB`)
}

/** A visitor on the demo page, whom an agent answers. */
async function widget(browser, service) {
  const amy = await openAgent(browser, service, { language: 'zh' })
  await amy.open()
  const visitor = await Visitor.open(browser, { language: 'zh', width: 1440, height: 900 })
  await visitor.visit(`${service.origin}/widget/demo`)
  await visitor.open()
  await visitor.send('你好，这只蓝色的杯子有大一点的吗？')
  await visitor.tick('你好，这只蓝色的杯子有大一点的吗？', 'sent')
  await amy.page.getByRole('option').filter({ hasText: '这只蓝色的杯子' }).click()
  await amy.bubble('你好，这只蓝色的杯子有大一点的吗？').waitFor()
  for (const text of ['您好！有 500 毫升的，釉色一样。', '现在下单，今天就能发出 😊']) {
    await amy.send(text)
    await visitor.sees(text)
  }
  await visitor.send('太好了，那我要两只')
  await visitor.tick('太好了，那我要两只', 'read')
  await visitor.page.waitForLoadState('networkidle')
  const path = join(FOLDER, 'widget.png')
  await visitor.page.screenshot({ path })
  kept(path)
  await Promise.all([amy.context.close(), visitor.context.close()])
}

const [service, browser] = await Promise.all([Service.start(), launch()])
try {
  await service.command(['admin', 'rename', '--username', 'amy', '--nickname', '小艾'])
  await service.command(['admin', 'rename', '--username', 'bob', '--nickname', '阿博'])
  const lin = await seed(service)
  const shoot = async (name, options) => {
    const amy = await openAgent(browser, service, { language: 'zh', ...options })
    await amy.open()
    await amy.openConversation('林晓梅')
    await amy.log.getByRole('article').first().waitFor()
    return [
      amy,
      async () => {
        await amy.page.waitForLoadState('networkidle')
        await amy.page.mouse.move(720, 600)
        const path = join(FOLDER, `${name}.png`)
        await amy.page.screenshot({ path })
        await amy.context.close()
        kept(path)
      },
    ]
  }

  await lin.connect()
  const [amy, finish] = await shoot('console-light', { width: 1440, height: 900 })
  await amy.send('您好，非常抱歉给您带来不便。请问漏水是拧紧之后，还是倒置的时候出现的呢？')
  await lin.sees('您好，非常抱歉给您带来不便。请问漏水是拧紧之后，还是倒置的时候出现的呢？')
  await lin.send('拧紧之后，放包里就会漏一点')
  await lin.client.http.call('put', '/app-api/promotion/kefu-message/update-read-status', {
    query: { conversationId: lin.conversationId },
  })
  await amy.bubble('拧紧之后，放包里就会漏一点').waitFor()
  await amy.send('明白了，应该是密封圈的问题。我给您补发一个密封圈，今天下午发出，可以吗？')
  await amy.tick('明白了，应该是密封圈的问题。我给您补发一个密封圈，今天下午发出，可以吗？', 'sent')
  await lin.send('可以的，谢谢 😊')
  await amy.bubble('可以的，谢谢 😊').waitFor()
  await amy.row('林晓梅').getByText(/^\d+$/).waitFor({ state: 'detached' })
  await amy.composer.fill('不客气，祝您生活愉快')
  await finish()
  for (const [name, options] of [
    ['console-dark', { theme: 'dark', width: 1440, height: 900 }],
    ['console-phone', { width: 390, height: 800 }],
  ]) {
    const [agent, done] = await shoot(name, options)
    await agent.bubble('可以的，谢谢 😊').waitFor()
    await done()
  }
  lin.client.dispose()
  await widget(browser, service)
} finally {
  await browser.close()
  await service.end()
}
// Whatever failed above leaves no member behind who connects for ever.
process.exit()
