import { createClient, type Conversation, type ServerFrame, type Task } from '@kefu/client'
import { CHANGED, FULL, OFFERED, SERVING, TAKEN, WAITING } from '@kefu/client/desk'
import { createPinia, setActivePinia } from 'pinia'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { shallowReactive } from 'vue'

interface Login {
  client: unknown
  routing: { mode: string; autoDuty: boolean; duty: 0 | 1 | 2 | null; capacity: number } | undefined
  renewed: number
}
const held = vi.hoisted(() => ({ login: undefined as unknown as Login }))
vi.mock('@/app/session', () => ({
  useSession: () => ({
    client: () => held.login.client,
    user: { id: 7 },
    may: () => true,
    remembers: () => false,
    renew: async () => void (held.login.renewed += 1),
    get routing() {
      return held.login.routing
    },
  }),
}))
const { loadTexts, setLanguage } = await import('@/locales')
const { useConversations } = await import('@/workbench/conversations')
const { useDesk } = await import('./desk')

function task(id: number, fields: Partial<Task> = {}): Task {
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

const row = (id: number): Partial<Conversation> => ({
  id,
  userId: 1000 + id,
  userNickname: `member ${id}`,
  lastMessageTime: id,
  lastSeq: 1,
})

class TestSocket {
  static last: TestSocket
  readyState = 0
  onopen: ((event: never) => void) | null = null
  onmessage: ((event: { data: unknown }) => void) | null = null
  onclose: ((event: { code: number; reason: string }) => void) | null = null
  onerror: ((event: never) => void) | null = null
  send = () => undefined
  close = () => undefined

  constructor() {
    TestSocket.last = this
  }

  open(): void {
    this.readyState = 1
    this.onopen?.(undefined as never)
  }

  receive(type: string, content: unknown): void {
    this.onmessage?.({ data: JSON.stringify({ type, content: JSON.stringify(content) }) })
  }
}

const settle = async () => {
  for (let turn = 0; turn < 80; turn++) await Promise.resolve()
}

describe('the desk', () => {
  let calls: string[]
  let answers: Record<string, () => unknown>
  let refused: Record<string, number>

  beforeEach(async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date'] })
    await setLanguage('en')
    await loadTexts('desk')
    setActivePinia(createPinia())
    calls = []
    refused = {}
    answers = {
      'kefu-task/list': () => [],
      'kefu-conversation/list': () => [],
      'kefu-conversation/counts': () => ({ all: 0, unread: 0 }),
    }
    const client = createClient({
      baseUrl: 'http://kefu.test',
      userType: 'admin',
      tokens: { get: () => ({ accessToken: 'a', refreshToken: 'r' }), set: () => undefined },
      WebSocket: TestSocket,
      fetch: async (url) => {
        const { pathname, searchParams } = new URL(url)
        const name = pathname.replace(/.*\/(kefu-\w+\/[\w-]+).*/, '$1')
        calls.push(name)
        const id = Number(searchParams.get('id'))
        const data = name === 'kefu-conversation/get' ? row(id) : (answers[name]?.() ?? [])
        const code = refused[name] ?? 0
        return { status: 200, headers: { get: () => null }, json: async () => ({ code, msg: 'no', data }) }
      },
    })
    held.login = shallowReactive({
      client,
      routing: { mode: 'manual', autoDuty: true, duty: null, capacity: 2 },
      renewed: 0,
    }) as Login
  })

  /** The desk of a page whose socket is open. */
  async function start(...rounds: Task[]) {
    answers['kefu-task/list'] = () => rounds
    const [desk, conversations] = [useDesk(), useConversations()]
    void conversations.start()
    await settle()
    TestSocket.last.open()
    await settle()
    return { desk, conversations }
  }
  const receive = (type: ServerFrame['type'], content: unknown) => TestSocket.last.receive(type, content)
  const rounds = () => calls.filter((name) => name === 'kefu-task/list').length

  it('asks nothing where the tenant has no rounds, until a frame tells of one', async () => {
    held.login.routing = undefined
    const { desk } = await start()
    expect([desk.on, rounds()]).toEqual([false, 0])
    answers['kefu-task/list'] = () => [task(1)]
    receive('kefu_task', task(1))
    await settle()
    expect([desk.on, rounds(), held.login.renewed]).toEqual([true, 1, 1])
    expect(desk.waiting.map(({ id }) => id)).toEqual([1])
    receive('kefu_task', task(1, { state: -4, version: 2, endReason: 'routing_off' }))
    await settle()
    expect([desk.on, desk.tasks.size]).toEqual([false, 0])
  })

  it('knows who waits, what is its own, and how much that is, by frames alone', async () => {
    const { desk, conversations } = await start(task(2), task(1), task(3, { state: SERVING, agentId: 8 }))
    expect(desk.waiting.map(({ id }) => id)).toEqual([1, 2])
    const before = rounds()
    receive('kefu_task', task(1, { state: SERVING, agentId: 7, version: 2 }))
    receive('kefu_task', task(4, { state: OFFERED, agentId: 7 }))
    await settle()
    expect([desk.load, desk.capacity, desk.offers.length]).toEqual([2, 2, 1])
    conversations.show('waiting', '')
    expect(conversations.ids).toEqual([2])
    receive('kefu_task', task(2, { state: -1, version: 2 }))
    await settle()
    expect([conversations.ids, rounds()]).toEqual([[], before])
  })

  it('does not bring back among those who wait whom it took, when that conversation is left', async () => {
    answers['kefu-conversation/list'] = () => [row(1)]
    const { conversations } = await start(task(1), task(2))
    conversations.show('waiting', '')
    conversations.setOpen(1)
    receive('kefu_task', task(1, { state: SERVING, agentId: 7, version: 2 }))
    await settle()
    expect([conversations.ids, conversations.rows.has(1)]).toEqual([[2], true])
    conversations.setOpen(null)
    expect(conversations.ids).toEqual([2])
  })

  it('shows its own conversations, which are fetched when they are not known', async () => {
    const { conversations } = await start(task(1, { state: SERVING, agentId: 7 }))
    conversations.show('mine', '')
    await vi.advanceTimersByTimeAsync(100)
    expect(conversations.ids).toEqual([1])
    conversations.show('mine', 'nobody')
    expect(conversations.ids).toEqual([])
    conversations.show('mine', 'mem')
    expect(conversations.ids).toEqual([1])
  })

  it('says why it was refused, and what stands there now', async () => {
    const { desk } = await start(task(1))
    const taken = task(1, { state: SERVING, agentId: 8, agentNickname: 'Bob', version: 2 })
    refused = { 'kefu-task/take': TAKEN }
    answers['kefu-task/history'] = () => [taken]
    expect(await desk.take(1)).toBe(false)
    expect(desk.refusals.get(1)).toBe('Bob is serving this conversation already')
    expect(desk.tasks.get(1)?.agentId).toBe(8)
    // The frame that says the same is no news; the next change is.
    receive('kefu_task', taken)
    expect(desk.refusals.size).toBe(1)
    receive('kefu_task', { ...taken, version: 3 })
    expect(desk.refusals.size).toBe(0)

    refused = { 'kefu-task/close': CHANGED, 'kefu-task/transfer': FULL, 'kefu-task/take': FULL }
    answers['kefu-task/history'] = () => [{ ...taken, state: -1, version: 4 }]
    expect(await desk.close(taken, '')).toBe('This has just changed: Nobody is serving')
    expect(await desk.transfer(taken, { agentId: 9 }, 'lunch', 'Cleo')).toBe('Cleo has no room left')
    await desk.take(2)
    expect(desk.refusals.get(2)).toMatch(/no room left \(0\/2\)/)
  })

  it('reads the rounds again when the socket is back', async () => {
    const { desk } = await start(task(1))
    answers['kefu-task/list'] = () => [task(2)]
    TestSocket.last.onclose?.({ code: 1006, reason: '' })
    await vi.advanceTimersByTimeAsync(5000)
    TestSocket.last.open()
    await settle()
    expect([...desk.tasks.keys()]).toEqual([2])
  })

  it('forgets what may not be seen any more', async () => {
    const { desk, conversations } = await start(task(1, { state: SERVING, agentId: 7 }))
    await vi.advanceTimersByTimeAsync(100)
    conversations.setOpen(1)
    receive('kefu_conversation_hidden', { conversationId: 1 })
    expect([desk.tasks.size, conversations.rows.has(1), conversations.lost]).toEqual([0, false, 1])
  })

  it('follows what is said of duty, here and elsewhere', async () => {
    const { desk } = await start()
    expect(desk.duty).toBe(null)
    receive('kefu_agent', { adminId: 7, duty: 2, load: 0 })
    receive('kefu_agent', { adminId: 8, duty: 0, load: 3 })
    receive('kefu_agent', { adminId: 9, duty: null, load: 1 })
    expect([desk.duty, desk.duties.get(8), desk.duties.has(9)]).toEqual([2, 0, false])
    expect([8, 9].map((agent) => desk.loads.get(agent))).toEqual([3, 1])
  })
})
