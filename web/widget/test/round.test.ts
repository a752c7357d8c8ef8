import type { Message, OwnTask } from '@kefu/client'
import { expect, test } from 'vitest'
import { agentOf, lineOf, say } from '../src/panel/rounds/round.js'

const task = (state: number, fields: Partial<OwnTask> = {}): OwnTask => ({
  id: 5,
  conversationId: 1,
  state,
  agentNickname: '小艾',
  agentAvatar: null,
  place: null,
  waiting: null,
  firstSeq: 1,
  lastSeq: null,
  version: 1,
  ...fields,
})
const message = (senderType: 1 | 2, taskId?: number, contentType = 1) =>
  ({ senderType, contentType, ...(taskId && { taskId }) }) as Message
const ours = [message(1, 5)]

test('what stands below the messages is where the round stands', () => {
  const cases: [number, string][] = [
    [3, 'waiting'],
    [4, 'missed'],
    [0, 'offered'],
    [1, 'serving'],
    [-1, 'ended'],
    [-2, 'ended'],
    [-4, 'ended'],
  ]
  for (const [state, line] of cases) expect([state, lineOf({ task: task(state) }, ours)]).toEqual([state, line])
  expect(lineOf({ task: task(3), place: 2 }, ours)).toBe('place')
})

test('nothing stands there where the messages say it', () => {
  // The agent has answered, and speaks from here on.
  expect(lineOf({ task: task(1) }, [...ours, message(2, 5)])).toBeUndefined()
  // An answer in the round before was another's.
  expect(lineOf({ task: task(1) }, [message(2, 4), ...ours])).toBe('serving')
  // The service has written it into the conversation.
  expect(lineOf({ task: task(-1) }, [...ours, message(2, 5, 5)])).toBeUndefined()
  expect(lineOf({ task: null }, [])).toBeUndefined()
})

test('a round that is over is one of which there is no open one', () => {
  expect(lineOf({ task: null }, ours)).toBe('ended')
  // The round of the newest message has not been told yet.
  expect(lineOf({ task: task(-1) }, [...ours, message(1, 6)])).toBeUndefined()
})

test('only who serves is named in the head', () => {
  expect([0, 1, 3, -1].map((state) => agentOf({ task: task(state) }))).toEqual(['', '小艾', '', ''])
  expect(agentOf({ task: null })).toBe('')
})

test('the words are those of the language of the panel', () => {
  expect(say('zh-CN', 'place', 3)).toBe('您排在第 3 位')
  expect(say('en-GB', 'serving', 'Amy')).toBe('Amy is here for you')
  expect(say('de', 'ended')).toBe('This chat has ended')
})
