import { expect, test } from 'vitest'
import type { OutboxEntry } from '../src/index.js'
import { FakeSocket, message, ok, refusal, settle, world, type Call, type World } from './fakes.js'

const text = (value: string, conversationId = 1) => ({
  conversationId,
  contentType: 1 as const,
  content: `{"text":"${value}"}`,
})
const textOf = (call: Call) => (JSON.parse((call.body as { content: string }).content) as { text: string }).text
const idOf = (call: Call) => (call.body as { clientMessageId: string }).clientMessageId
const states = (made: World, conversation = 1) => made.client.outbox.entries(conversation).map(({ state }) => state)

async function online(options: Parameters<typeof world>[0] = {}): Promise<World> {
  let next = 0
  const made = world({ random: () => (next = (next + 0.137) % 1), ...options })
  made.client.socket.start()
  await settle()
  FakeSocket.last.open()
  return made
}

test('an entry is sending, then sent, and goes when its message is in the store', async () => {
  const made = await online()
  const changes: unknown[] = []
  made.client.outbox.subscribe((conversation) => changes.push([conversation, ...states(made)]))
  const entry = made.client.outbox.add(text('a'))
  await settle()
  expect(made.service.last).toMatchObject({
    path: '/admin-api/promotion/kefu-message/send',
    body: { conversationId: 1, contentType: 1, content: '{"text":"a"}', clientMessageId: entry.clientMessageId },
  })
  await made.service.last.answer(ok(102))
  expect(made.client.outbox.entries()).toMatchObject([{ state: 'sent', messageId: 102 }])
  made.client.store.add([message(2, { senderType: 2 })])
  expect(changes).toEqual([[1, 'sending'], [1, 'sent'], [1]])
})

test('the frame may come before the answer', async () => {
  const made = await online()
  const { clientMessageId } = made.client.outbox.add(text('a'))
  await settle()
  FakeSocket.last.receive('kefu_message_type', message(1, { senderType: 2, clientMessageId }))
  expect(made.client.outbox.entries()).toEqual([])
  await made.service.last.answer(ok(101))
  expect(made.client.outbox.entries()).toEqual([])
})

test('the messages of a conversation go in order, those of two at the same time', async () => {
  const made = await online()
  for (const draft of [text('a'), text('b'), text('c', 2)]) made.client.outbox.add(draft)
  await settle()
  expect(made.service.calls.map(textOf)).toEqual(['a', 'c'])
  await made.service.calls[0]!.answer(ok(1))
  expect(made.service.calls.map(textOf)).toEqual(['a', 'c', 'b'])
})

test('a refused entry fails at once, lets the next one go, and can be sent again under its id', async () => {
  const made = await online()
  const { clientMessageId } = made.client.outbox.add(text('a'))
  made.client.outbox.add(text('b'))
  await settle()
  await made.service.last.answer(refusal(400, '消息内容过长'), { headers: { 'X-Request-Id': 'r1' } })
  expect(made.client.outbox.entries()[0]).toMatchObject({
    state: 'failed',
    error: { code: 400, msg: '消息内容过长', requestId: 'r1' },
  })
  expect(textOf(made.service.last)).toBe('b')
  await made.service.last.answer(ok(1))
  made.client.outbox.retry(clientMessageId)
  await settle()
  expect([textOf(made.service.last), idOf(made.service.last)]).toEqual(['a', clientMessageId])
  expect(made.client.outbox.entries()[0]?.error).toBeUndefined()
  await made.service.last.answer(ok(2))
  expect(states(made)).toEqual(['sent', 'sent'])
  made.client.outbox.retry(clientMessageId)
  await settle()
  expect(made.service.calls).toHaveLength(3)
})

test('without a connection an entry waits for ever, in order, and goes when a socket opens', async () => {
  const made = world()
  const { clientMessageId } = made.client.outbox.add(text('a'))
  made.client.outbox.add(text('b'))
  await settle()
  for (let tries = 0; tries < 10; tries++) {
    await made.service.last.fail()
    await made.clock.advance(30_000)
  }
  expect(states(made)).toEqual(['sending', 'sending'])
  await made.service.last.fail()
  const before = made.service.calls.length
  made.client.socket.start()
  await settle()
  FakeSocket.last.open()
  await settle()
  expect(made.service.calls.length).toBe(before + 1)
  expect(new Set(made.service.calls.map(idOf))).toEqual(new Set([clientMessageId]))
  await made.service.last.answer(ok(1))
  expect(textOf(made.service.last)).toBe('b')
})

test('with a connection an entry that keeps failing fails after four tries', async () => {
  const made = await online()
  made.client.outbox.add(text('a'))
  for (const pause of [1000, 2000, 4000]) {
    await settle()
    await made.service.last.answer(refusal(500))
    expect(states(made)).toEqual(['sending'])
    await made.clock.advance(pause)
    FakeSocket.last.pong()
  }
  await made.service.last.answer(refusal(500))
  expect(states(made)).toEqual(['failed'])
})

test('a limit is waited for', async () => {
  const made = await online()
  made.client.outbox.add(text('a'))
  for (let tries = 1; tries <= 6; tries++) {
    await settle()
    await made.service.last.answer(refusal(429), { status: 429, headers: { 'Retry-After': '3' } })
    expect(made.client.outbox.entries()[0]).toMatchObject({
      state: 'sending',
      error: { code: 429, retryAfterMs: 3000 },
    })
    await made.clock.advance(2999)
    expect(made.service.calls).toHaveLength(tries)
    await made.clock.advance(1)
    FakeSocket.last.pong()
    expect(made.service.calls).toHaveLength(tries + 1)
  }
})

test('a message whose answer was lost is not sent again once its frame has come', async () => {
  const made = await online()
  const { clientMessageId } = made.client.outbox.add(text('a'))
  made.client.outbox.add(text('b'))
  await settle()
  await made.service.last.fail()
  FakeSocket.last.receive('kefu_message_type', message(1, { senderType: 2, clientMessageId }))
  await settle()
  // The next one does not wait for the pause of the one that is done.
  expect(made.service.calls.map(textOf)).toEqual(['a', 'b'])
})

test('an entry can be deleted unless its call is under way', async () => {
  const made = await online()
  const first = made.client.outbox.add(text('a'))
  const second = made.client.outbox.add(text('b'))
  await settle()
  expect(made.client.outbox.remove(first.clientMessageId)).toBe(false)
  expect(made.client.outbox.remove(second.clientMessageId)).toBe(true)
  await made.service.last.answer(refusal(400))
  expect(made.client.outbox.remove(first.clientMessageId)).toBe(true)
  expect(made.client.outbox.entries()).toEqual([])
  expect(made.service.calls).toHaveLength(1)
})

test('entries survive a reload and go under their ids', async () => {
  let saved: readonly OutboxEntry[] = []
  const outbox = { load: () => [...saved], save: (entries: readonly OutboxEntry[]) => void (saved = entries) }
  const first = world({ outbox })
  first.client.outbox.add(text('a'))
  await settle()
  await first.service.last.fail()
  first.client.dispose()
  const second = world({ outbox })
  await settle()
  expect(idOf(second.service.last)).toBe(saved[0]?.clientMessageId)
  await second.service.last.answer(ok(1))
  expect(states(second)).toEqual(['sent'])
  const third = world({ outbox })
  await settle()
  expect([third.client.outbox.entries(), third.service.calls]).toEqual([[], []])
})

test('after the end of the login entries wait for the next one', async () => {
  const made = await online()
  made.service.respond = () => refusal(401)
  made.client.outbox.add(text('a'))
  await settle()
  expect(made.ended).toEqual(['expired'])
  expect(states(made)).toEqual(['sending'])
  const calls = made.service.calls.length
  await made.clock.advance(3_600_000)
  expect(made.service.calls).toHaveLength(calls)
  made.service.respond = () => ok(7)
  made.tokens.value = { accessToken: 'x', refreshToken: 'y' }
  made.client.socket.start()
  await settle()
  FakeSocket.last.open()
  await settle()
  expect(states(made)).toEqual(['sent'])
})

test('a member names no conversation', async () => {
  const made = await online({ userType: 'member' })
  made.client.outbox.add({ contentType: 1, content: 'hi' })
  await settle()
  expect(made.service.last.path).toBe('/app-api/promotion/kefu-message/send')
  expect(Object.keys(made.service.last.body as object)).toEqual(['contentType', 'content', 'clientMessageId'])
})
