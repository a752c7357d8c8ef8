import assert from 'node:assert/strict'
import { test } from 'node:test'
import { png } from './support/picture.mjs'
import { allRows, longConversation, manyConversations } from './support/seed.mjs'
import { world } from './support/world.mjs'

const it = world()
const ROWS = 10_000

test('ten thousand conversations are a few nodes, and all of them can be reached', async () => {
  const last = (await manyConversations(it.service, ROWS)).at(-1)
  const amy = await it.agent()
  await amy.page.getByRole('option').first().waitFor()
  const nodes = () => amy.page.evaluate(() => document.querySelectorAll('*').length)
  assert.ok((await nodes()) < 2000, `${await nodes()} nodes at first`)
  await allRows(amy, ROWS)
  assert.ok((await nodes()) < 2000, `${await nodes()} nodes with all rows`)
  await amy.page.evaluate(() => (document.querySelector('[role=listbox]').scrollTop = 0))
  await last.send('to the top')
  await amy.page.waitForFunction(() => document.querySelector('[role=option]')?.textContent.includes('to the top'))
  assert.ok((await nodes()) < 2000, `${await nodes()} nodes after a row has moved`)
})

test('a conversation of two thousand messages opens with its newest, and goes up to its first', async () => {
  const member = it.member('Mia')
  await longConversation(member, 2000)
  const amy = await it.agent()
  await amy.page.getByRole('textbox', { name: 'Search' }).fill('Mia')
  await amy.openConversation('Mia')
  await amy.log.getByRole('article').first().waitFor()
  const articles = () => amy.log.getByRole('article').count()
  assert.ok((await articles()) <= 100, `${await articles()} messages at first`)
  await amy.log.focus()
  await amy.page.keyboard.press('End')
  await amy.bubble('line 2000').waitFor()
  while (!(await amy.bubble('line 1').count())) {
    const before = await amy.log.locator('[data-seq]').first().getAttribute('data-seq')
    // A reader who goes on scrolling: one jump may fall into the frame in which the page holds its place.
    await amy.page.waitForFunction((seq) => {
      const log = document.querySelector('[role=log]')
      if (Number(log.querySelector('[data-seq]')?.dataset.seq) < Number(seq)) return true
      log.scrollTop = 0
      return false
    }, before)
    assert.ok((await articles()) <= 450, `${await articles()} messages are in the page`)
  }
  await amy.page.getByRole('button', { name: 'To the newest message' }).click()
  await amy.bubble('line 2000').waitFor()
})

test('older messages and their late pictures do not move what is being read', async () => {
  const member = it.member('Nora')
  const url = await member.upload(png(300, 400, [80, 90, 200]))
  for (let index = 1; index <= 120; index++) {
    if (index % 5 === 0 && index <= 70) await member.sendContent(2, JSON.stringify({ picUrl: url }))
    else await member.send(`line ${index}`)
  }
  const amy = await it.agent()
  // Pictures wait until the test lets them go.
  let letGo
  const gate = new Promise((resolve) => (letGo = resolve))
  await amy.page.route('**/infra/file/**', async (route) => {
    await gate
    await route.fallback()
  })
  await amy.page.getByRole('textbox', { name: 'Search' }).fill('Nora')
  await amy.openConversation('Nora')
  await amy.log.getByRole('article').first().waitFor()
  await amy.log.focus()
  await amy.page.keyboard.press('End')
  await amy.bubble('line 120').waitFor()
  const firstSeq = () => amy.log.locator('[data-seq]').first().getAttribute('data-seq').then(Number)
  const oldest = await firstSeq()

  // Something in the middle of what is read, watched frame by frame from now on.
  await amy.page.evaluate(() => {
    const log = document.querySelector('[role=log]')
    log.scrollTop = 200
    requestAnimationFrame(() => {
      const top = log.getBoundingClientRect().top
      const anchor = [...log.querySelectorAll('[data-seq]')].find((row) => row.getBoundingClientRect().top >= top)
      globalThis.anchor = { seq: anchor.dataset.seq, at: anchor.getBoundingClientRect().top, worst: 0 }
      // What is painted counts: observers of sizes correct the scroll after the callbacks of a frame and before its painting.
      const painted = new MessageChannel()
      painted.port1.onmessage = () => {
        const row = log.querySelector(`[data-seq="${globalThis.anchor.seq}"]`)
        const moved = row ? Math.abs(row.getBoundingClientRect().top - globalThis.anchor.at) : Infinity
        globalThis.anchor.worst = Math.max(globalThis.anchor.worst, moved)
        globalThis.anchor.last = moved
      }
      const watch = () => {
        painted.port2.postMessage(null)
        requestAnimationFrame(watch)
      }
      watch()
    })
  })
  await amy.page.waitForFunction(
    (seq) => Number(document.querySelector('[role=log] [data-seq]')?.dataset.seq) < seq,
    oldest,
  )
  letGo()
  await amy.page.waitForFunction(() => {
    const pictures = [...document.querySelectorAll('[role=log] img')].filter((image) =>
      image.currentSrc.includes('/infra/file/'),
    )
    return pictures.length > 0 && pictures.every((image) => image.complete && image.naturalWidth > 0)
  })
  await amy.page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))))
  const { worst, last } = await amy.page.evaluate(() => globalThis.anchor)
  assert.ok(worst <= 1, `what was read has moved by ${worst} px, at last by ${last} px`)
})
