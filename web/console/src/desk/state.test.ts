import type { Task } from '@kefu/client'
import { MISSED, OFFERED, SERVING, WAITING } from '@kefu/client/desk'
import { beforeEach, describe, expect, it } from 'vitest'
import { loadTexts, setLanguage } from '@/locales'
import { presenceOf } from './colleagues'
import { byQueue, movesOf, PERMISSION, reasonText, stateText, waitLevel, waitText } from './state'

const OWN = 7
const OTHER = 8

const task = (state: number, agentId: number | null = null, fields: Partial<Task> = {}) =>
  ({ id: 1, queuedAt: 1, state, agentId, agentNickname: agentId === null ? null : 'Bob', ...fields }) as Task

const held =
  (...names: (keyof typeof PERMISSION)[]) =>
  (permission: string) =>
    names.some((name) => PERMISSION[name] === permission)
const agent = held('query', 'take', 'transfer', 'close')
const owner = () => true
const viewer = held('query')

describe('what may be done', () => {
  const moves = (round: Task | undefined, may: (permission: string) => boolean) => [...movesOf(round, OWN, may)].sort()

  it('by an agent, in each state', () => {
    expect(moves(undefined, agent)).toEqual(['take'])
    expect(moves(task(-1, OWN), agent)).toEqual(['take'])
    expect(moves(task(WAITING), agent)).toEqual(['take'])
    expect(moves(task(MISSED), agent)).toEqual(['take'])
    expect(moves(task(OFFERED, OWN), agent)).toEqual(['accept', 'close', 'refuse', 'transfer'])
    expect(moves(task(SERVING, OWN), agent)).toEqual(['close', 'transfer'])
    expect(moves(task(OFFERED, OTHER), agent)).toEqual([])
    expect(moves(task(SERVING, OTHER), agent)).toEqual([])
  })

  it('by a supervisor, with what another agent has', () => {
    expect(moves(task(WAITING), owner)).toEqual(['assign', 'close', 'take'])
    expect(moves(task(SERVING, OTHER), owner)).toEqual(['close', 'takeOver', 'transfer'])
    expect(moves(task(OFFERED, OTHER), owner)).toEqual(['close', 'takeOver', 'transfer'])
  })

  it('by nobody who only looks', () => {
    for (const round of [undefined, task(WAITING), task(OFFERED, OWN), task(SERVING, OTHER)])
      expect(moves(round, viewer)).toEqual([])
  })
})

describe('words', () => {
  beforeEach(async () => {
    await setLanguage('en')
    await loadTexts('desk')
  })

  it('say where a round stands', () => {
    const states: [Task | undefined, string][] = [
      [undefined, 'Nobody is serving'],
      [task(WAITING), 'Waiting'],
      [task(MISSED), 'Nobody on duty'],
      [task(OFFERED, OWN), 'Waits for you to accept'],
      [task(OFFERED, OTHER), 'Waits for Bob to accept'],
      [task(SERVING, OWN), 'You are serving'],
      [task(SERVING, OTHER), 'Bob is serving'],
      [task(-1, OTHER), 'Closed'],
      [task(-3), 'Closed, nobody served it'],
      [task(-4), 'Closed by a supervisor'],
    ]
    for (const [round, text] of states) expect(stateText(round, OWN)).toBe(text)
  })

  it("are the service's own reasons, and what agents have written", () => {
    expect(reasonText('member_left')).toBe('The member left')
    expect(reasonText('solved')).toBe('solved')
  })

  it('tick while somebody waits, and are short after an hour', () => {
    expect([0, 59_999, 125_000, 3_599_000].map(waitText)).toEqual(['0:00', '0:59', '2:05', '59:59'])
    expect([3_600_000, 86_400_000].map(waitText)).toEqual(['1 h 0 min', '1 d 0 h'])
    expect(waitText(-5)).toBe('0:00')
  })
})

it('a wait is amber after two minutes, and red after five', () => {
  expect([0, 120_000, 120_001, 300_000, 300_001].map(waitLevel)).toEqual(['fresh', 'fresh', 'slow', 'slow', 'late'])
})

it('who came first waits first', () => {
  const rounds = [task(WAITING, null, { id: 3, queuedAt: 5 }), task(WAITING, null, { id: 2, queuedAt: 5 })]
  const first = task(MISSED, null, { id: 9, queuedAt: 4 })
  expect([...rounds, first].sort(byQueue).map(({ id }) => id)).toEqual([9, 2, 3])
})

it("an agent's duty is called by what is so, not by what was said", () => {
  const now = (duty: 0 | 1 | 2 | null, online: boolean, onDuty: boolean) => presenceOf({ duty, online, onDuty }, online)
  expect([now(1, true, true), now(null, true, true)]).toEqual(['on', 'on'])
  // Said so, and away for longer than the grace.
  expect(now(1, false, false)).toBe('offline')
  expect([now(2, true, false), now(0, true, false), now(null, false, false)]).toEqual(['paused', 'off', 'offline'])
  expect([presenceOf(undefined, true), presenceOf(undefined, false)]).toEqual(['online', 'offline'])
})
