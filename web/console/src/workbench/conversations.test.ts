import { createClient, MEMBER, type Conversation, type Message, type ServerFrame } from '@kefu/client'
import { createPinia, setActivePinia } from 'pinia'
import { beforeEach, describe, expect, it, vi } from 'vitest'

const held = vi.hoisted(() => ({ client: undefined as unknown }))
vi.mock('@/app/session', () => ({
  useSession: () => ({ client: () => held.client, user: { id: 7 }, may: () => true, remembers: () => false }),
}))
const { useConversations } = await import('./conversations')

/** A service with conversations, which answers lists as kefu does and counts the calls. */
class Service {
  rows: Conversation[] = []
  calls: string[] = []
  /** Holds answers back until it is called. */
  release: (() => void) | null = null
  held = false

  fetch = async (url: string) => {
    const { pathname, searchParams } = new URL(url)
    const name = pathname.replace(/.*\/(kefu-\w+\/[\w-]+).*/, '$1')
    this.calls.push(name)
    if (this.held) await new Promise<void>((resolve) => (this.release = resolve))
    const data = this.answer(name, searchParams)
    return { status: 200, headers: { get: () => null }, json: async () => ({ code: 0, msg: '', data }) }
  }

  private answer(name: string, query: URLSearchParams): unknown {
    switch (name) {
      case 'kefu-conversation/list': {
        const q = query.get('q')
        const sorted = this.rows
          .filter((row) => !q || row.userNickname.startsWith(q))
          .filter((row) => query.get('unread') !== 'true' || row.adminUnreadMessageCount > 0 || row.markedUnread)
          .sort(
            (a, b) =>
              Number(b.adminPinned) - Number(a.adminPinned) || b.lastMessageTime - a.lastMessageTime || b.id - a.id,
          )
        const from = query.get('cursor') ? sorted.findIndex((row) => row.cursor === query.get('cursor')) + 1 : 0
        return sorted.slice(from, from + Number(query.get('limit') ?? sorted.length))
      }
      case 'kefu-conversation/get':
        return this.rows.find((row) => row.id === Number(query.get('id'))) ?? null
      case 'kefu-conversation/counts':
        return { all: this.rows.length, unread: this.rows.filter((row) => row.adminUnreadMessageCount > 0).length }
      default:
        return []
    }
  }
}

class SilentSocket {
  readyState = 0
  onopen = null
  onmessage = null
  onclose = null
  onerror = null
  send = () => undefined
  close = () => undefined
}

function row(id: number, fields: Partial<Conversation> = {}): Conversation {
  const lastMessageTime = fields.lastMessageTime ?? 1000 + id
  return {
    id,
    userId: 1000 + id,
    userNickname: `member ${id}`,
    userAvatar: null,
    lastMessageTime,
    lastMessageContent: '{"text":"hello"}',
    lastMessageContentType: 1,
    adminPinned: false,
    userDeleted: false,
    adminDeleted: false,
    adminUnreadMessageCount: 0,
    memberUnreadMessageCount: 0,
    lastSeq: 1,
    createTime: 1,
    cursor: `0.${lastMessageTime}.${id}`,
    ...fields,
  }
}

function message(conversationId: number, seq: number, createTime: number): ServerFrame {
  const content: Message = {
    id: conversationId * 100 + seq,
    conversationId,
    senderId: 1000 + conversationId,
    senderType: MEMBER,
    senderAvatar: null,
    senderNickname: 'member',
    receiverId: null,
    receiverType: null,
    contentType: 1,
    content: '{"text":"new"}',
    readStatus: false,
    createTime,
    seq,
    clientMessageId: null,
  }
  return { type: 'kefu_message_type', content }
}

const many = (count: number) => Array.from({ length: count }, (_, index) => row(index + 1))
const settle = async () => {
  for (let turn = 0; turn < 60; turn++) await Promise.resolve()
}

describe('the list of conversations', () => {
  let service: Service
  let apply: (frame: ServerFrame) => void

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date'] })
    sessionStorage.clear()
    setActivePinia(createPinia())
    service = new Service()
    const client = createClient({
      baseUrl: 'http://kefu.test',
      userType: 'admin',
      tokens: { get: () => ({ accessToken: 'a', refreshToken: 'r' }), set: () => undefined },
      fetch: service.fetch,
      WebSocket: SilentSocket as never,
    })
    held.client = client
    apply = (frame) => client.store.apply(frame)
  })

  async function started(rows: Conversation[]) {
    service.rows = rows
    const list = useConversations()
    await list.start()
    await vi.advanceTimersByTimeAsync(1)
    service.calls = []
    return list
  }

  it('loads pages from the top, and shows nothing below the last page', async () => {
    const list = await started(many(250))
    expect(list.ids.length).toBe(100)
    expect([list.ids[0], list.ids[99]]).toEqual([250, 151])
    // A row from far below, e.g. of a link, is known but does not stand at a wrong place.
    await list.ensure(5)
    expect(list.rows.has(5)).toBe(true)
    expect(list.ids).not.toContain(5)
    await list.loadMore()
    await list.loadMore()
    expect(list.ids).toEqual(many(250).map(({ id }) => 251 - id))
    expect(list.more).toBe('end')
    await list.loadMore()
    expect(service.calls.filter((name) => name === 'kefu-conversation/list')).toHaveLength(2)
  })

  it('moves a row to the top by its frame, without any call', async () => {
    const list = await started(many(30))
    for (let at = 0; at < 50; at++) apply(message((at % 10) + 1, 2 + Math.floor(at / 10), 5000 + at))
    expect(list.ids.slice(0, 3)).toEqual([10, 9, 8])
    expect(list.rows.get(10)?.adminUnreadMessageCount).toBe(5)
    expect(service.calls).toEqual([])
    expect(new Set(list.ids).size).toBe(30)
    await vi.advanceTimersByTimeAsync(10_000)
    expect(service.calls.sort()).toEqual(['kefu-conversation/counts', 'kefu-presence/list'])
  })

  it('fetches a conversation that a frame names and nobody knows, once', async () => {
    const list = await started(many(3))
    service.rows.push(row(9, { lastMessageTime: 6000, lastSeq: 2, adminUnreadMessageCount: 2 }))
    apply({ type: 'kefu_conversation_created', content: { conversationId: 9, userId: 1009 } })
    apply(message(9, 1, 5999))
    apply(message(9, 2, 6000))
    await vi.advanceTimersByTimeAsync(100)
    expect(list.ids[0]).toBe(9)
    expect(service.calls.filter((name) => name === 'kefu-conversation/get')).toHaveLength(1)
  })

  it('lets only unread ones into the unread view, and keeps the open one until it is left', async () => {
    const list = await started([row(1), row(2, { adminUnreadMessageCount: 1 }), row(3, { markedUnread: true })])
    list.show('unread', '')
    await settle()
    expect(list.ids).toEqual([3, 2])
    apply(message(1, 2, 5000))
    expect(list.ids).toEqual([1, 3, 2])
    list.setOpen(2)
    apply({ type: 'kefu_message_read_status_change', content: { conversationId: 2, readerType: 2, seq: 1 } })
    expect(list.ids).toEqual([1, 3, 2])
    list.setOpen(1)
    expect(list.ids).toEqual([1, 3])
  })

  it('shows what a search finds and nothing that comes meanwhile', async () => {
    const list = await started([row(1, { userNickname: 'anna' }), row(2, { userNickname: 'bob' }), row(3)])
    list.show('all', 'ann')
    expect(list.ids).toEqual([3, 2, 1])
    await settle()
    expect(list.ids).toEqual([1])
    apply(message(2, 2, 5000))
    expect(list.ids).toEqual([1])
    list.show('all', '')
    expect(list.ids[0]).toBe(2)
  })

  it('drops the answer of a view that is not shown any more', async () => {
    const list = await started([row(1, { userNickname: 'anna' }), row(2, { userNickname: 'bob' })])
    service.held = true
    list.show('all', 'ann')
    await settle()
    const late = service.release
    service.held = false
    list.show('all', 'bob')
    await settle()
    expect(list.ids).toEqual([2])
    late?.()
    await settle()
    expect(list.ids).toEqual([2])
    expect(list.searching).toBe(false)
  })

  it('takes out what was removed while the connection was away', async () => {
    const list = await started(many(5))
    service.rows = service.rows.filter(({ id }) => id !== 3)
    await list.refresh()
    expect(list.ids).toEqual([5, 4, 2, 1])
    apply({ type: 'kefu_conversation_deleted', content: { conversationId: 5 } })
    expect(list.ids).toEqual([4, 2, 1])
  })

  it('keeps pinned ones on top and finds neighbours', async () => {
    const list = await started([row(1), row(2, { adminUnreadMessageCount: 1 }), row(3), row(4)])
    apply({ type: 'kefu_conversation_pinned', content: { conversationId: 1, adminPinned: true } })
    expect(list.ids).toEqual([1, 4, 3, 2])
    expect(list.neighbour(1)).toBe(1)
    list.setOpen(4)
    expect([list.neighbour(1), list.neighbour(-1), list.neighbour(-1, true), list.neighbour(1, true)]).toEqual([
      3, 1, 2, 2,
    ])
    list.setOpen(2)
    expect([list.neighbour(1), list.neighbour(1, true)]).toEqual([null, null])
  })

  it('moves the numbers of the tabs with the rows', async () => {
    const list = await started([row(1), row(2, { adminUnreadMessageCount: 1 })])
    expect(list.counts).toEqual({ all: 2, unread: 1 })
    apply(message(1, 2, 5000))
    expect(list.counts?.unread).toBe(2)
    apply({ type: 'kefu_message_read_status_change', content: { conversationId: 1, readerType: 2, seq: 2 } })
    apply({ type: 'kefu_message_read_status_change', content: { conversationId: 2, readerType: 2, seq: 1 } })
    expect(list.counts?.unread).toBe(0)
  })

  it('counts a conversation that is new, and many of them', async () => {
    const list = await started([row(1)])
    const begin = (id: number) => {
      service.rows.push(row(id, { lastMessageTime: 6000 + id, adminUnreadMessageCount: 1 }))
      apply(message(id, 1, 6000 + id))
    }
    begin(2)
    await vi.advanceTimersByTimeAsync(10_000)
    expect(list.counts).toEqual({ all: 2, unread: 1 })
    for (let id = 3; id < 20; id++) begin(id)
    await vi.advanceTimersByTimeAsync(10_000)
    expect(list.counts).toEqual({ all: 19, unread: 18 })
  })
})
