// @vitest-environment node
import type { Client, Conversation, Message } from '@kefu/client'
import { expect, test } from 'vitest'
import { shallowRef } from 'vue'
import type { History } from '../messages'
import { Visit } from './visit'

const message = (seq: number, readStatus: boolean, senderType: 1 | 2 = 1) =>
  ({ seq, readStatus, senderType }) as Message

/** A visit to a conversation that shows `messages`, the last of which is its last one unless `newer` follow. */
function begin(messages: Message[], { unread = 0, newer = 0, markedUnread = false, may = true } = {}) {
  const sent: number[] = []
  const last = messages.at(-1)?.seq ?? 0
  const conversation = { id: 1, lastSeq: last + newer, adminUnreadMessageCount: unread, markedUnread } as Conversation
  const shown = shallowRef<readonly Message[]>(messages)
  const history = {
    conversationId: 1,
    shown,
    newerThan: (seq: number) => Math.max(0, last + newer - Math.max(last, seq)),
  } as unknown as History
  const client = {
    store: { conversations: new Map([[1, conversation]]) },
    http: {
      call: (_method: string, _path: string, { query }: { query: { seq: number } }) => {
        sent.push(query.seq)
        return Promise.resolve(true)
      },
    },
  } as unknown as Client
  const visit = new Visit(client, history, () => may)
  visit.begin(conversation)
  return { visit, sent, shown }
}

test('the line stands above the first unread message and counts those that are not loaded, too', () => {
  const { visit } = begin([message(1, true), message(2, false), message(3, false)], { unread: 40, newer: 38 })
  expect(visit.divider.value).toEqual({ seq: 2, count: 40 })
  expect(visit.unseen.value).toBe(40)
})

test('without anything unread there is no line, nothing to mark, and nothing new below', () => {
  const { visit, sent } = begin([message(1, true), message(2, false, 2)], { newer: 100 })
  visit.look(2, 'gone')
  expect([visit.divider.value, visit.missed.value, visit.unseen.value, sent]).toEqual([undefined, false, 0, []])
})

test('what is in view is marked up to there, and only that', () => {
  const { visit, sent } = begin([message(1, true), message(2, false), message(3, false)], { unread: 2 })
  visit.look(1, 'below')
  expect(sent).toEqual([])
  visit.look(2, 'in')
  expect([sent, visit.unseen.value]).toEqual([[2], 1])
})

test('nothing is marked without the permission, or after the agent has marked the conversation as unread', () => {
  const without = begin([message(1, false)], { unread: 1, may: false })
  without.visit.look(1, 'in')
  const paused = begin([message(1, false)], { unread: 1 })
  paused.visit.pause()
  paused.visit.look(1, 'in')
  expect([without.sent, paused.sent]).toEqual([[], []])
})

test('a conversation marked as unread, and a count that has drifted, end with a look', () => {
  const marked = begin([message(1, true)], { markedUnread: true })
  marked.visit.look(1, 'gone')
  const drifted = begin([message(1, true)], { unread: 3 })
  drifted.visit.look(1, 'gone')
  expect([marked.sent, drifted.sent]).toEqual([[1], [1]])
})

test('the line is missed while it is above the view, until it was seen', () => {
  const { visit } = begin([message(1, true), message(2, false)], { unread: 1 })
  visit.look(2, 'above')
  expect(visit.missed.value).toBe(true)
  visit.look(2, 'in')
  visit.look(2, 'above')
  expect(visit.missed.value).toBe(false)
})

test('the line stays during the visit, and moves to what came while the page was hidden', () => {
  const { visit, shown } = begin([message(1, true), message(2, false)], { unread: 1 })
  visit.look(2, 'in')
  expect(visit.divider.value).toEqual({ seq: 2, count: 1 })
  shown.value = [message(1, true), message(2, true), message(3, true, 2), message(4, false)]
  expect(visit.missedWhileHidden([message(3, true, 2)])).toBe(false)
  expect(visit.missedWhileHidden([message(4, false)])).toBe(true)
  expect(visit.missedWhileHidden([message(5, false), message(6, false)])).toBe(false)
  expect(visit.divider.value).toEqual({ seq: 4, count: 3 })
})
