// Data of the sizes that hurt.
import { inParallel, Member } from './people.mjs'

/** Makes so many conversations of one message each; their members are named M<id>. */
export async function manyConversations(service, count, first = 100_000) {
  const members = Array.from({ length: count }, (_, index) => new Member(service, first + index, `M${first + index}`))
  await inParallel(64, members, (member) => member.send('hello'))
  return members
}

/** Writes the lines 1 to `count` into one conversation, in order. */
export async function longConversation(member, count) {
  for (let index = 1; index <= count; index++) await member.send(`line ${index}`)
}

/** Scrolls the list until all its rows are here. */
export async function allRows(agent, count) {
  const known = () => agent.list.getByRole('option').first().getAttribute('aria-setsize').then(Number)
  for (let rows = await known(); rows < count; rows = await known()) {
    await agent.page.evaluate(() => {
      const list = document.querySelector('[role=listbox]')
      list.scrollTop = list.scrollHeight
    })
    await agent.page.waitForFunction(
      (before) => Number(document.querySelector('[role=option]')?.getAttribute('aria-setsize')) > before,
      rows,
    )
  }
}
