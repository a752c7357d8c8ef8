// @vitest-environment node
import { type Change, type Client, KefuError, type Message } from '@kefu/client'
import { expect, test, vi } from 'vitest'
import { History, pageSize, windowSize } from './messages'

function message(seq: number, fields: Partial<Message> = {}): Message {
  return {
    id: 1000 + seq,
    conversationId: 1,
    senderId: 1001,
    senderType: 1,
    senderAvatar: null,
    senderNickname: 'Mia',
    receiverId: null,
    receiverType: null,
    contentType: 1,
    content: `${seq}`,
    readStatus: true,
    createTime: seq * 1000,
    seq,
    clientMessageId: null,
    ...fields,
  }
}

/** A service with one conversation of `total` messages, and the client's store as far as a history uses it. */
function service(total: number, fields: (seq: number) => Partial<Message> = () => ({})) {
  const all = Array.from({ length: total }, (_, index) => message(index + 1, fields(index + 1)))
  const calls: Record<string, number>[] = []
  const listeners = new Set<(change: Change) => void>()
  let stored: Message[] = []
  let failure: KefuError | undefined
  const store = {
    conversations: new Map([[1, { lastSeq: total }]]),
    messages: () => stored,
    retain: () => () => undefined,
    subscribe(listener: (change: Change) => void) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    add(messages: Message[], live = false) {
      const added = messages.filter(({ seq }) => stored.every((one) => one.seq !== seq))
      if (added.length === 0) return
      stored = [...stored, ...added].sort((one, other) => one.seq - other.seq)
      for (const listener of listeners) listener({ type: 'messages', id: 1, added, changed: [], live })
    },
  }
  const call = (
    _method: string,
    _path: string,
    { query }: { query: { limit: number; beforeSeq?: number; afterSeq?: number } },
  ) => {
    calls.push(Object.fromEntries(Object.entries(query).filter(([name]) => name !== 'conversationId')))
    if (failure !== undefined) return Promise.reject(failure)
    const { limit, beforeSeq, afterSeq } = query
    if (afterSeq !== undefined) return Promise.resolve(all.filter(({ seq }) => seq > afterSeq).slice(0, limit))
    return Promise.resolve(
      all
        .filter(({ seq }) => seq < (beforeSeq ?? Infinity))
        .slice(-limit)
        .reverse(),
    )
  }
  return {
    calls,
    client: { store, http: { call } } as unknown as Client,
    /** A message comes by the socket. */
    push(seq: number) {
      const made = message(seq)
      all.push(made)
      store.conversations.set(1, { lastSeq: seq })
      store.add([made], true)
    },
    /** A message is stored while there is no socket. */
    miss: (seq: number) => all.push(message(seq)),
    fail: (error: KefuError | undefined) => (failure = error),
    reload: (forgotten: boolean) => {
      if (forgotten) stored = []
      for (const listener of [...listeners]) listener({ type: 'reload', forgotten })
    },
  }
}

const range = (history: History) => {
  const shown = history.shown.value
  const seqs = shown.map(({ seq }) => seq)
  expect(seqs).toEqual(Array.from({ length: seqs.length }, (_, index) => (seqs[0] ?? 0) + index))
  return [seqs[0], seqs.at(-1)]
}

test('a long conversation opens with its newest page in one call', async () => {
  const { client, calls } = service(2000)
  const history = new History(client, 1)
  await history.open()
  expect(range(history)).toEqual([1951, 2000])
  expect([history.atStart.value, history.atEnd.value, calls.length]).toEqual([false, true, 1])
})

test('upwards page by page to the first message, and never more than the window', async () => {
  const { client } = service(620)
  const history = new History(client, 1)
  await history.open()
  for (let pages = 0; !history.atStart.value; pages++) {
    await history.loadOlder()
    expect(history.shown.value.length).toBeLessThanOrEqual(windowSize)
    expect(pages).toBeLessThan(14)
  }
  expect(range(history)).toEqual([1, windowSize])
  expect([history.atEnd.value, history.newer.value]).toEqual([false, 220])
})

test('downwards again after the far end was let go', async () => {
  const { client } = service(620)
  const history = new History(client, 1)
  await history.open({ at: 'seq', seq: 100 })
  expect(range(history)).toEqual([75, 124])
  for (let pages = 0; !history.atEnd.value; pages++) {
    await history.loadNewer()
    expect(pages).toBeLessThan(12)
  }
  expect(range(history)).toEqual([221, 620])
  expect(history.atStart.value).toBe(false)
})

test('a live message enters at the end, and is counted elsewhere', async () => {
  const { client, push } = service(600)
  const history = new History(client, 1)
  await history.open()
  push(601)
  expect(range(history)).toEqual([552 - 1, 601])
  await history.open({ at: 'seq', seq: 100 })
  push(602)
  expect(range(history)).toEqual([75, 124])
  expect(history.newer.value).toBe(602 - 124)
})

test('the window stays within its size while messages come', async () => {
  const { client, push } = service(50)
  const history = new History(client, 1)
  await history.open()
  for (let seq = 51; seq <= 500; seq++) push(seq)
  expect(range(history)).toEqual([101, 500])
})

test('what was missed before a live message is fetched: the window has no gap', async () => {
  const { client, push, miss, calls } = service(60)
  const history = new History(client, 1)
  await history.open()
  miss(61)
  miss(62)
  push(63)
  await vi.waitFor(() => expect(range(history)).toEqual([11, 63]))
  expect(calls.at(-1)).toEqual({ afterSeq: 60, limit: pageSize })
})

test('a few unread messages among many answers: all of them are loaded', async () => {
  const { client } = service(700, (seq) => ({ readStatus: seq <= 500, senderType: seq % 10 === 0 ? 1 : 2 }))
  const history = new History(client, 1)
  await history.open({ at: 'unread', count: 20 })
  expect(history.shown.value.filter(({ readStatus, senderType }) => !readStatus && senderType === 1).length).toBe(20)
})

test('many unread messages: the first of them is found, and no more than two pages are loaded', async () => {
  const only = service(2000, (seq) => ({ readStatus: seq <= 1500 }))
  const history = new History(only.client, 1)
  await history.open({ at: 'unread', count: 500 })
  expect(range(history)).toEqual([1491, 1540])
  expect([only.calls.length, history.newer.value]).toEqual([1, 460])

  const all = service(2000, () => ({ readStatus: false }))
  const whole = new History(all.client, 1)
  await whole.open({ at: 'unread', count: 2000 })
  expect([...range(whole), whole.atStart.value]).toEqual([1, 50, true])

  // Agents have written in between, so that the first unread message is further up than the count says.
  const mixed = service(2000, (seq) => ({ readStatus: seq <= 1500, senderType: seq % 5 === 0 ? 2 : 1 }))
  const other = new History(mixed.client, 1)
  await other.open({ at: 'unread', count: 400 })
  const shown = other.shown.value
  expect(shown.find(({ readStatus, senderType }) => !readStatus && senderType === 1)?.seq).toBe(1501)
  expect(shown.length).toBeLessThanOrEqual(2 * pageSize)
  range(other)
})

test('when nothing is unread any more, the end is shown', async () => {
  const { client } = service(700)
  const history = new History(client, 1)
  await history.open({ at: 'unread', count: 300 })
  expect(range(history)).toEqual([651, 700])
})

test('a first load that fails is said and tried again; a later one keeps what is shown', async () => {
  const { client, fail } = service(120)
  const history = new History(client, 1)
  fail(new KefuError(503, 'busy', 503, 1000))
  await history.open()
  expect([history.state.value, history.errors.first?.code]).toEqual(['failed', 503])
  fail(undefined)
  await history.retry()
  expect([history.state.value, history.errors.first]).toEqual(['ready', undefined])
  fail(new KefuError(0, '', 0))
  await history.loadOlder()
  expect([history.errors.older?.code, history.loading.older, ...range(history)]).toEqual([0, false, 71, 120])
  fail(undefined)
  await history.loadOlder()
  expect([history.errors.older, ...range(history)]).toEqual([undefined, 21, 120])
})

test('answers that come after the conversation was left are dropped', async () => {
  const { client } = service(120)
  const history = new History(client, 1)
  const opening = history.open()
  history.dispose()
  await opening
  expect(history.shown.value).toEqual([])
})

test('after a restore everything is loaded anew', async () => {
  const { client, reload, calls } = service(120)
  const history = new History(client, 1)
  await history.open()
  reload(true)
  await vi.waitFor(() => expect(calls.length).toBe(2))
  await vi.waitFor(() => expect(range(history)).toEqual([71, 120]))
})

test('a conversation without messages', async () => {
  const { client, push } = service(0)
  const history = new History(client, 1)
  await history.open()
  expect([history.state.value, history.atStart.value, history.atEnd.value, history.shown.value.length]).toEqual([
    'ready',
    true,
    true,
    0,
  ])
  push(1)
  expect(range(history)).toEqual([1, 1])
})
