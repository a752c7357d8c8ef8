// Data of the sizes that hurt: one of each by the API, and copies of its rows in the database of the stopped service.
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Member } from './people.mjs'

const CLONE = fileURLToPath(new URL('clone.py', import.meta.url))
const FIRST = 100_000

async function clone(service, ...words) {
  await service.kill()
  execFileSync(process.env.PYTHON ?? 'python3', [CLONE, join(service.folder, 'kefu.db'), ...words.map(String)])
  await service.run()
}

/** Makes so many conversations of one message each; answers some of their members, who are named M<id>. */
export async function manyConversations(service, count) {
  await new Member(service, FIRST, `M${FIRST}`).send('hello')
  await clone(service, 'conversations', count - 1, FIRST + 1)
  return [0, 0.2, 0.4, 0.6, 0.8, 0.9]
    .map((part) => FIRST + Math.floor(part * count))
    .map((id) => new Member(service, id, `M${id}`))
}

/** Writes the lines 1 to `count` into one conversation, in order. */
export async function longConversation(member, count) {
  await member.send('line 1')
  await clone(member.service, 'messages', count - 1)
}

/** Scrolls the list until all its rows are here. */
export async function allRows(agent, count) {
  const known = () => agent.list.getByRole('option').first().getAttribute('aria-setsize').then(Number)
  for (let rows = await known(); rows < count; rows = await known()) {
    await agent.page.waitForFunction((before) => {
      const list = document.querySelector('[role=listbox]')
      list.scrollTop = list.scrollHeight
      return Number(list.querySelector('[role=option]')?.getAttribute('aria-setsize')) > before
    }, rows)
  }
}
