import { beforeEach, describe, expect, test } from 'vitest'
import { Desk, isOpen, MISSED, OFFERED, SERVING, TAKEN, WAITING, type DeskChange } from '../src/desk.js'
import type { Task } from '../src/index.js'
import { type Call, FakeSocket, ok, refusal, settle, world, type World } from './fakes.js'

export function task(id: number, fields: Partial<Task> = {}): Task {
  return {
    id,
    conversationId: id,
    userId: 1000 + id,
    userNickname: `member ${id}`,
    state: WAITING,
    kind: 0,
    channel: null,
    groupId: null,
    agentId: null,
    agentNickname: null,
    firstSeq: 1,
    lastSeq: null,
    queuedAt: 1000 + id,
    assignedAt: null,
    acceptedAt: null,
    firstReplyAt: null,
    endedAt: null,
    endReason: null,
    transferReason: null,
    transfers: 0,
    version: 1,
    place: null,
    cursor: `${1000 + id}.${id}`,
    ...fields,
  }
}

let it: World
let desk: Desk
let changes: DeskChange[]

beforeEach(async () => {
  it = world()
  desk = new Desk(it.client)
  changes = []
  desk.subscribe((change) => changes.push(change))
  it.client.socket.start()
  await settle()
  FakeSocket.last.open()
})

const receive = (type: string, content: unknown) => FakeSocket.last.receive(type, content)
const states = () => [...desk.tasks.values()].map(({ id, state }) => [id, state])
const lists = () => it.service.calls.filter(({ path }) => path.endsWith('kefu-task/list'))

/** Answers the list of rounds as kefu does, page by page. */
function serve(all: readonly Task[]): void {
  it.service.respond = ({ path, query }: Call) => {
    if (!path.endsWith('kefu-task/list')) return undefined
    const cursor = query.get('cursor')
    const from = cursor === null ? 0 : all.findIndex((one) => one.cursor === cursor) + 1
    return ok(all.slice(from, from + Number(query.get('limit'))))
  }
}

describe('the open rounds', () => {
  test('are read in pages, up to a limit', async () => {
    serve(Array.from({ length: 450 }, (_, index) => task(index + 1)))
    await desk.load()
    expect([desk.tasks.size, desk.complete, lists().length]).toEqual([450, true, 3])
    expect(lists().map(({ query }) => [query.get('state'), query.get('cursor')])[1]).toEqual(['0,1,3,4', '1200.200'])
    serve(Array.from({ length: 1200 }, (_, index) => task(index + 1)))
    await desk.load()
    expect([desk.tasks.size, desk.complete]).toEqual([1000, false])
  })

  test('follow the frames, which cause no call', async () => {
    serve([task(1)])
    await desk.load()
    const calls = it.service.calls.length
    receive('kefu_task', task(2, { state: MISSED }))
    receive('kefu_task', task(1, { state: SERVING, agentId: 7, version: 2 }))
    // What is older, or known, changes nothing.
    receive('kefu_task', task(1))
    receive('kefu_task', task(1, { state: SERVING, agentId: 7, version: 2 }))
    expect(states()).toEqual([
      [1, SERVING],
      [2, MISSED],
    ])
    receive('kefu_task', task(1, { state: -1, version: 3 }))
    receive('kefu_task', task(1, { state: SERVING, agentId: 7, version: 2 }))
    expect(states()).toEqual([[2, MISSED]])
    receive('kefu_task', task(5, { conversationId: 1, firstSeq: 9 }))
    receive('kefu_task', task(1, { state: -1, version: 3 }))
    expect(states()).toEqual([
      [2, MISSED],
      [5, WAITING],
    ])
    const told = changes.flatMap((change) => (change.type === 'task' ? [[change.task.id, isOpen(change.task)]] : []))
    expect(told).toEqual([
      [2, true],
      [1, true],
      [1, false],
      [5, true],
    ])
    expect(it.service.calls).toHaveLength(calls)
  })

  test('a list that is older than the frames brings nothing back', async () => {
    const loading = desk.load()
    await settle()
    receive('kefu_task', task(1, { state: -1, version: 4 }))
    receive('kefu_task', task(3))
    await it.service.last.answer(ok([task(1, { state: SERVING, version: 3 }), task(2, { place: 1 })]))
    await loading
    expect(states()).toEqual([
      [2, WAITING],
      [3, WAITING],
    ])
    expect(changes.at(-1)).toEqual({ type: 'loaded' })
  })

  test('two who load at once share one reading', async () => {
    serve([])
    await Promise.all([desk.load(), desk.load()])
    expect(lists()).toHaveLength(1)
  })

  test('a list that fails leaves what is known, and can be read again', async () => {
    serve([task(1)])
    await desk.load()
    it.service.respond = () => refusal(500)
    await expect(desk.load()).rejects.toMatchObject({ code: 500 })
    expect(states()).toEqual([[1, WAITING]])
    serve([])
    await desk.load()
    expect(states()).toEqual([])
  })
})

test('an answer is taken at once, and the frame after it is no news', async () => {
  it.service.respond = () => ok(task(1, { state: SERVING, agentId: 7, version: 2 }))
  await desk.take(1)
  expect(it.service.last).toMatchObject({ method: 'POST', body: { conversationId: 1 } })
  receive('kefu_task', task(1, { state: SERVING, agentId: 7, version: 2 }))
  expect(changes).toHaveLength(1)
  it.service.respond = () => refusal(TAKEN, '会话已被接待')
  await expect(desk.take(2)).rejects.toMatchObject({ code: TAKEN })
  expect(states()).toEqual([[1, SERVING]])
})

test('what is asked of a round names the version that was seen', async () => {
  it.service.respond = ({ body }) => ok(task(1, { version: (body as Task).version + 1 }))
  let round = await desk.accept(task(1, { version: 4 }))
  round = await desk.transfer(round, { groupId: 3 }, '售后')
  round = await desk.assign(round, 8)
  round = await desk.refuse(round)
  await desk.close(round, '')
  expect(it.service.calls.map(({ path, body }) => [path.split('/').at(-1), body])).toEqual([
    ['accept', { id: 1, version: 4 }],
    ['transfer', { id: 1, version: 5, reason: '售后', groupId: 3 }],
    ['assign', { id: 1, version: 6, agentId: 8 }],
    ['refuse', { id: 1, version: 7 }],
    ['close', { id: 1, version: 8 }],
  ])
})

test('offers, duty and what cannot be seen any more are told', () => {
  const offered = task(1, { state: OFFERED, agentId: 7, version: 2 })
  receive('kefu_task', task(1))
  receive('kefu_task_offer', offered)
  receive('kefu_agent', { adminId: 7, duty: 2, load: 3 })
  receive('kefu_conversation_hidden', { conversationId: 1 })
  // Nor does a member's own view, which names no member, get among the rounds.
  receive('kefu_task', { id: 9, conversationId: 9, state: WAITING, version: 1 })
  expect(changes.slice(1)).toEqual([
    { type: 'task', task: offered, before: task(1) },
    { type: 'offer', task: offered },
    { type: 'agent', adminId: 7, duty: 2, load: 3 },
    { type: 'hidden', conversationId: 1 },
  ])
  expect(desk.tasks.size).toBe(0)
})

test('an agent says that they are on duty, a supervisor that another is', async () => {
  it.service.respond = () => ok(true)
  await desk.setDuty(1)
  await desk.setDuty(0, 8)
  expect(it.service.calls.map(({ body }) => body)).toEqual([{ duty: 1 }, { duty: 0, adminId: 8 }])
})
