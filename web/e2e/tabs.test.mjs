import assert from 'node:assert/strict'
import { test } from 'node:test'
import { world } from './support/world.mjs'

const it = world()

/** Counts the sounds that a page plays. */
function countSounds() {
  globalThis.sounds = 0
  const start = OscillatorNode.prototype.start
  let last = -1
  OscillatorNode.prototype.start = function (...times) {
    // The notes of one sound are started together.
    const now = Math.floor(performance.now())
    if (now - last > 20) globalThis.sounds += 1
    last = now
    return start.apply(this, times)
  }
}

test('of two tabs one plays the sound, and the next one does when it is closed', async () => {
  const [member, other] = [it.member('Mia'), it.member('Nora')]
  await member.send('hello')
  await other.send('hello')
  const amy = await it.agent({ open: false })
  await amy.context.addInitScript(countSounds)
  await amy.open()
  const first = amy.page
  await amy.openConversation('Nora')
  const second = await amy.open()
  await amy.openConversation('Nora')
  const tabs = [first, second]
  const sounds = () => Promise.all(tabs.map((page) => page.evaluate(() => globalThis.sounds)))
  const arrives = async (text) => {
    await member.send(text)
    for (const page of tabs) {
      await page.getByRole('option').filter({ hasText: 'Mia' }).getByText(text).waitFor()
      await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))))
    }
  }
  // The click in the second tab has taken the lead, and the first one waits for it again.
  await second.waitForFunction(async () => {
    const { held, pending } = await navigator.locks.query()
    return held.length === 1 && pending.length === 1
  })
  await arrives('one')
  await first.waitForFunction(() => document.title.startsWith('('))
  const heard = await sounds()
  assert.equal(heard[0] + heard[1], 1, `both together: ${heard}`)
  assert.match(await second.title(), /^\(\d+\) /)
  const leader = heard[0] ? 0 : 1
  await tabs.splice(leader, 1)[0].close()
  const [left] = tabs
  await left.bringToFront()
  await left.getByRole('log').click()
  await arrives('two')
  await left.waitForFunction(() => globalThis.sounds === 1)
})
