// Prints how long the console takes with much in it, in milliseconds: the median of a few runs, and the worst.
import { performance } from 'node:perf_hooks'
import { launch, openAgent } from './support/browser.mjs'
import { Member } from './support/people.mjs'
import { allRows, longConversation, manyConversations } from './support/seed.mjs'
import { Service } from './support/service.mjs'

const ROWS = 10_000
const MESSAGES = 2000
const RUNS = 5

/** Notes when a frame arrives, before the page's own listener does. */
function watchFrames() {
  const Native = globalThis.WebSocket
  globalThis.WebSocket = class extends Native {
    constructor(...words) {
      super(...words)
      this.addEventListener('message', () => (globalThis.frameAt = performance.now()))
    }
  }
}

const report = (what, times) => {
  const sorted = [...times].sort((a, b) => a - b)
  const [median, worst] = [sorted[Math.floor(sorted.length / 2)], sorted.at(-1)]
  console.log(`${what.padEnd(48)} ${median.toFixed(1).padStart(8)} ${worst.toFixed(1).padStart(8)}`)
}

const [service, browser] = await Promise.all([Service.start(), launch()])
try {
  const started = performance.now()
  const members = await manyConversations(service, ROWS)
  const mia = new Member(service, 7, 'Mia')
  await longConversation(mia, MESSAGES)
  console.log(
    `seeded ${ROWS} conversations and ${MESSAGES} messages in ${((performance.now() - started) / 1000).toFixed(0)} s`,
  )
  const amy = await openAgent(browser, service)
  await amy.context.addInitScript(watchFrames)
  await amy.open()
  console.log(`${''.padEnd(48)} ${'median'.padStart(8)} ${'worst'.padStart(8)}`)

  const paint = []
  for (let run = 0; run < RUNS; run++) {
    await amy.page.reload({ waitUntil: 'commit' })
    paint.push(
      await amy.page.evaluate(
        () =>
          new Promise((resolve) => {
            const look = () =>
              document.querySelector('[role=option]')
                ? requestAnimationFrame(() => resolve(performance.now()))
                : requestAnimationFrame(look)
            look()
          }),
      ),
    )
  }
  report(`from navigation to the first rows of ${ROWS}, ms`, paint)

  await allRows(amy, ROWS)
  await amy.page.evaluate(() => (document.querySelector('[role=listbox]').scrollTop = 0))
  const move = []
  for (let run = 0; run < RUNS; run++) {
    const moved = amy.page.evaluate(
      (text) =>
        new Promise((resolve) => {
          const observer = new MutationObserver(() => {
            if (!document.querySelector('[role=option]')?.textContent.includes(text)) return
            observer.disconnect()
            resolve(performance.now() - globalThis.frameAt)
          })
          observer.observe(document.querySelector('[role=listbox]'), {
            childList: true,
            subtree: true,
            characterData: true,
          })
        }),
      `to the top ${run}`,
    )
    await members[run].send(`to the top ${run}`)
    move.push(await moved)
  }
  report(`from a frame to its row at the top of ${ROWS}, ms`, move)

  await mia.send('here')
  const open = []
  for (let run = 0; run < RUNS; run++) {
    await amy.row(members[run].nickname).click()
    await amy.log.getByRole('article').first().waitFor()
    await amy.row('Mia').waitFor()
    open.push(
      await amy.page.evaluate(
        () =>
          new Promise((resolve) => {
            const row = [...document.querySelectorAll('[role=option]')].find((option) =>
              option.textContent.includes('Mia'),
            )
            const began = performance.now()
            row.click()
            const look = () =>
              document.querySelectorAll('[role=log] article').length > 5
                ? requestAnimationFrame(() => resolve(performance.now() - began))
                : requestAnimationFrame(look)
            look()
          }),
      ),
    )
  }
  report(`from a click to the newest of ${MESSAGES} messages, ms`, open)
  await amy.context.close()
} finally {
  await browser.close()
  await service.end()
}
