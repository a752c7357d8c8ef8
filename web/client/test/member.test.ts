import { expect, test } from 'vitest'
import type { EndReason } from '../src/index.js'
import { createMemberClient } from '../src/member.js'
import { FakeClock, FakeService, FakeSocket, FakeTokens, message, ok, refusal, settle } from './fakes.js'

/** A member's client that has loaded its first message. */
function member(tokens = new FakeTokens()) {
  FakeSocket.all = []
  const clock = new FakeClock()
  const service = new FakeService()
  const ended: EndReason[] = []
  const client = createMemberClient({
    baseUrl: 'http://kefu.test',
    fetch: service.fetch,
    WebSocket: FakeSocket,
    clock,
    random: () => 0.5,
    onEnded: (reason) => ended.push(reason),
    tokens,
  })
  client.store.load([message(1)])
  return { client, clock, service, tokens, ended }
}

/** The same with an open socket. */
async function connected() {
  const made = member()
  made.client.socket.start()
  await settle()
  FakeSocket.last.open()
  FakeSocket.last.receive('kefu_resync_done', { restoredAt: null })
  return made
}

test('calls with a refused token wait for one renewal by the member path, and go out again', async () => {
  const { client, service, tokens } = member()
  const path = '/app-api/promotion/kefu-conversation/get' as const
  const answers = Promise.all([client.http.call('get', path), client.http.call('get', path)])
  await settle()
  for (const call of [...service.calls]) await call.answer(refusal(401))
  expect(service.count('/refresh-token')).toBe(1)
  expect(service.last.path).toBe('/app-api/member/auth/refresh-token')
  await service.last.answer(ok({ accessToken: 'access-2', refreshToken: 'refresh-2' }))
  expect(tokens.value?.accessToken).toBe('access-2')
  for (const call of service.calls.slice(-2)) {
    expect(call.headers['Authorization']).toBe('Bearer access-2')
    await call.answer(ok(null))
  }
  expect(await answers).toEqual([null, null])
})

test('after a break the socket asks for what came after the last message without a gap before it', async () => {
  const { client, clock } = await connected()
  expect(FakeSocket.last.url).toBe('ws://kefu.test/infra/ws?lastSeq=1')
  FakeSocket.last.receive('kefu_message_type', message(2))
  FakeSocket.last.receive('kefu_message_type', message(4))
  expect(FakeSocket.last.frames).toEqual([{ type: 'kefu_resync', content: { afterSeq: 2 } }])
  FakeSocket.last.drop(1006)
  await clock.advance(1000)
  expect(FakeSocket.last.url).toBe('ws://kefu.test/infra/ws?lastSeq=2')
  FakeSocket.last.open()
  FakeSocket.last.receive('kefu_message_type', message(3))
  expect(client.store.messages.map(({ seq }) => seq)).toEqual([1, 2, 3, 4])
  expect(client.store.position).toBe(4)
})

test('the outbox sends in order, repeats under one id, and lets go of what the store has', async () => {
  const { client, clock, service } = await connected()
  const drafts = ['one', 'two'].map((content) => client.outbox.add({ contentType: 1, content }))
  await settle()
  expect(service.calls.length).toBe(1)
  await service.last.fail()
  await clock.advance(1000)
  expect(service.calls.map(({ body }) => body)).toEqual(
    [0, 0].map(() => ({ contentType: 1, content: 'one', clientMessageId: drafts[0]?.clientMessageId })),
  )
  await service.last.answer(ok(102))
  expect(service.last.body).toMatchObject({ content: 'two' })
  expect(service.last.path).toBe('/app-api/promotion/kefu-message/send')
  expect(client.outbox.entries().map(({ state }) => state)).toEqual(['sent', 'sending'])
  FakeSocket.last.receive('kefu_message_type', message(2))
  FakeSocket.last.receive('kefu_message_type', message(3, { clientMessageId: drafts[1]!.clientMessageId }))
  expect(client.outbox.entries()).toEqual([])
})

test.each([
  [4002, 'revoked'],
  [4003, 'disabled'],
] as const)('the close code %i ends the login', async (code, reason) => {
  const { client, clock, tokens, ended } = await connected()
  FakeSocket.last.drop(code)
  await clock.advance(60_000)
  expect([ended, client.socket.state, tokens.value]).toEqual([[reason], 'ended', null])
  expect(FakeSocket.all.length).toBe(1)
})

test('a restored database empties the store and asks for a new load', async () => {
  const { client } = await connected()
  const changes: string[] = []
  client.store.subscribe(({ type }) => changes.push(type))
  FakeSocket.last.receive('kefu_resync_done', { restoredAt: 5 })
  expect([client.store.messages, client.store.position, changes]).toEqual([[], null, ['reload']])
})

test('what was read stays read, whatever comes in which order', async () => {
  const { client } = await connected()
  FakeSocket.last.receive('kefu_message_read_status_change', { conversationId: 1, readerType: 2, seq: 2 })
  FakeSocket.last.receive('kefu_message_type', message(2))
  client.store.add([message(1), message(2)])
  expect(client.store.messages.map(({ readStatus }) => readStatus)).toEqual([true, true])
})
