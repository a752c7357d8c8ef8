import { expect, test } from 'vitest'
import { ADMIN } from '../src/index.js'
import { FakeSocket, FakeTokens, conversation, message, ok, refusal, settle, world, type World } from './fakes.js'

/** A client with an open socket. */
async function connected(options: Parameters<typeof world>[0] = {}): Promise<World> {
  const made = world(options)
  if (options.userType === 'member') made.client.store.load({ messages: [message(1)] })
  else made.client.store.load({ conversations: [conversation(1, { lastMessageTime: 20_000 })] })
  made.client.socket.start()
  await settle()
  FakeSocket.last.open()
  FakeSocket.last.receive('kefu_resync_done', { restoredAt: null })
  return made
}

test('the handshake: the token among the protocols, the position in the query', async () => {
  await connected()
  expect(FakeSocket.last.url).toBe('ws://kefu.test/infra/ws?since=20000')
  expect(FakeSocket.last.protocols).toEqual(['kefu.v1', 'kefu.token.refresh-1'])
  await connected({ userType: 'member', baseUrl: 'https://kefu.test' })
  expect(FakeSocket.last.url).toBe('wss://kefu.test/infra/ws?lastSeq=1')
})

test('without a first load nothing is replayed', async () => {
  const { client } = world()
  client.socket.start()
  await settle()
  expect(FakeSocket.last.url).toBe('ws://kefu.test/infra/ws')
})

test('back-off doubles up to half a minute, and begins anew after a minute open', async () => {
  const { client, clock } = await connected()
  const waits: number[] = []
  for (let attempt = 0; attempt < 7; attempt++) {
    if (client.socket.state === 'connecting') FakeSocket.last.open()
    FakeSocket.last.drop(1006)
    expect(client.socket.state).toBe('waiting')
    waits.push((client.socket.nextRetryAt ?? 0) - clock.now())
    await clock.advance(waits.at(-1)!)
  }
  expect(waits).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000, 30_000])
  expect(client.socket.attempts).toBe(7)
  FakeSocket.last.open()
  for (let second = 0; second < 60; second += 15) {
    await clock.advance(15_000)
    FakeSocket.last.pong()
  }
  FakeSocket.last.drop(1001)
  expect(client.socket.nextRetryAt).toBe(clock.now() + 1000)
})

test('the back-off is spread by chance', async () => {
  const { client, clock } = await connected({ random: () => 0.999 })
  FakeSocket.last.drop(1006)
  expect((client.socket.nextRetryAt ?? 0) - clock.now()).toBeCloseTo(1499, 0)
})

test('a socket that says nothing after a ping is left, and one that answers is not', async () => {
  const { client, clock } = await connected()
  await clock.advance(20_000)
  expect(FakeSocket.last.sent).toEqual(['ping'])
  FakeSocket.last.pong()
  await clock.advance(20_000)
  expect(FakeSocket.last.sent).toEqual(['ping', 'ping'])
  expect(client.socket.state).toBe('open')
  const dead = FakeSocket.last
  await clock.advance(10_000)
  expect(client.socket.state).toBe('waiting')
  await clock.advance(1000)
  expect(FakeSocket.all).toHaveLength(2)
  // What the dead one still brings is not heard.
  expect(dead.onmessage).toBeNull()
})

test('retryNow connects at once, and tests an open socket at once', async () => {
  const { client, clock } = await connected()
  client.socket.retryNow()
  expect(FakeSocket.last.sent).toEqual(['ping'])
  await clock.advance(4000)
  expect(client.socket.state).toBe('waiting')
  client.socket.retryNow()
  await settle()
  expect(FakeSocket.all).toHaveLength(2)
  client.socket.retryNow()
  await settle()
  expect(FakeSocket.all).toHaveLength(2)
})

test('a handshake that hangs is given up', async () => {
  const { client, clock } = world()
  client.socket.start()
  await clock.advance(15_000)
  expect(client.socket.state).toBe('waiting')
})

test.each([
  [4002, 'revoked'],
  [4003, 'disabled'],
] as const)('close code %i ends the login: %s', async (code, reason) => {
  const { client, clock, tokens, ended } = await connected()
  const heard: string[] = []
  client.socket.on('ended', (why) => heard.push(why))
  FakeSocket.last.drop(code)
  expect([client.socket.state, ended, heard, tokens.value]).toEqual(['ended', [reason], [reason], null])
  await clock.advance(600_000)
  expect(FakeSocket.all).toHaveLength(1)
})

test('a login that two answers end, ends once', async () => {
  const { client, service, ended } = await connected()
  const call = client.http.call('get', '/admin-api/system/user/profile/get')
  await settle()
  await service.last.answer(refusal(401))
  FakeSocket.last.drop(4002)
  await service.last.answer(refusal(400))
  await expect(call).rejects.toHaveProperty('code', 401)
  expect(ended).toEqual(['revoked'])
})

test('too many sockets: the tokens stay, and start goes on', async () => {
  const { client, tokens, ended } = await connected()
  FakeSocket.last.drop(4010)
  expect([client.socket.state, ended, tokens.value?.refreshToken]).toEqual(['ended', ['displaced'], 'refresh-1'])
  client.socket.start()
  await settle()
  expect(FakeSocket.all).toHaveLength(2)
  FakeSocket.last.open()
  FakeSocket.last.drop(4010)
  expect(ended).toEqual(['displaced', 'displaced'])
})

test('an expired token is renewed, and the socket comes back without a pause', async () => {
  const { client, clock, service } = await connected({
    tokens: new FakeTokens({ accessToken: 'a', refreshToken: 'r' }),
  })
  service.respond = () => ok({ accessToken: 'b', refreshToken: 'r2', expiresTime: 1, userId: 1 })
  FakeSocket.last.drop(4001)
  await clock.advance(0)
  expect(service.count('/refresh-token')).toBe(1)
  expect(FakeSocket.last.protocols[1]).toBe('kefu.token.r2')
  expect(client.socket.state).toBe('connecting')
})

test('an expired token that cannot be renewed ends the login once', async () => {
  const { client, clock, service, ended } = await connected()
  service.respond = () => refusal(401)
  FakeSocket.last.drop(4001)
  await clock.advance(0)
  expect([client.socket.state, ended]).toEqual(['ended', ['expired']])
})

test('after two failed handshakes a call asks whether the login lives, and for how long to wait', async () => {
  const { client, clock, service, ended } = world()
  client.socket.start()
  await settle()
  FakeSocket.last.drop(1006)
  await clock.advance(1000)
  FakeSocket.last.drop(1006)
  expect(service.calls).toHaveLength(0)
  await clock.advance(2000)
  await service.last.answer(refusal(503), { status: 503, headers: { 'Retry-After': '9' } })
  expect((client.socket.nextRetryAt ?? 0) - clock.now()).toBe(9000)
  await clock.advance(9000)
  expect(FakeSocket.all).toHaveLength(2)
  await service.last.answer(refusal(400))
  expect([client.socket.state, ended]).toEqual(['ended', ['expired']])
})

test('a break heals: everything missed arrives once, and is counted', async () => {
  const { client, clock } = await connected()
  const recovered: number[] = []
  client.socket.on('recovered', ({ messages }) => recovered.push(messages))
  FakeSocket.last.receive('kefu_message_type', message(1, { createTime: 30_000 }))
  FakeSocket.last.drop(1006)
  await clock.advance(1000)
  expect(FakeSocket.last.url).toContain('?since=30000')
  FakeSocket.last.open()
  for (const seq of [1, 2, 3]) FakeSocket.last.receive('kefu_message_type', message(seq, { createTime: 29_999 + seq }))
  // What the own side wrote meanwhile is no news.
  FakeSocket.last.receive('kefu_message_type', message(4, { createTime: 30_010, senderType: ADMIN, senderId: 9 }))
  expect(recovered).toEqual([])
  FakeSocket.last.receive('kefu_resync_done', { restoredAt: null })
  expect(recovered).toEqual([2])
  expect(client.store.messages(1).map(({ seq }) => seq)).toEqual([1, 2, 3, 4])
  // The next replay is no recovery.
  FakeSocket.last.receive('kefu_resync_done', { restoredAt: null })
  expect(recovered).toEqual([2])
})

test('what a list call brings during a break does not move the position', async () => {
  const { client, clock } = await connected()
  FakeSocket.last.drop(1006)
  client.store.add([message(9, { createTime: 90_000 })])
  client.store.upsert([conversation(2, { lastMessageTime: 90_000 })])
  await clock.advance(1000)
  expect(FakeSocket.last.url).toContain('?since=20000')
})

test('a lost frame between nodes: an admin asks since, also in the next handshake when the answer broke off', async () => {
  const { clock } = await connected()
  FakeSocket.last.receive('kefu_resync_required', { since: 15_000 })
  expect(FakeSocket.last.frames).toEqual([{ type: 'kefu_resync', content: { since: 15_000 } }])
  FakeSocket.last.drop(1006)
  await clock.advance(1000)
  expect(FakeSocket.last.url).toContain('?since=15000')
  FakeSocket.last.open()
  // A second loss waits for the replay that runs.
  FakeSocket.last.receive('kefu_resync_required', { since: 16_000 })
  expect(FakeSocket.last.frames).toEqual([])
  FakeSocket.last.receive('kefu_resync_done', { restoredAt: null })
  expect(FakeSocket.last.frames).toEqual([{ type: 'kefu_resync', content: { since: 16_000 } }])
  FakeSocket.last.receive('kefu_resync_done', { restoredAt: null })
  FakeSocket.last.drop(1006)
  await clock.advance(2000)
  expect(FakeSocket.last.url).toContain('?since=20000')
})

test('a resync that is refused because one runs is asked for again', async () => {
  const { clock } = await connected()
  FakeSocket.last.receive('kefu_resync_required', { since: 15_000 })
  FakeSocket.last.receive('error', { code: 429, msg: '' })
  await clock.advance(1000)
  expect(FakeSocket.last.frames).toHaveLength(2)
})

test('a member asks from the last seq without a gap, not the highest', async () => {
  const { client, clock } = await connected({ userType: 'member' })
  FakeSocket.last.receive('kefu_message_type', message(2))
  FakeSocket.last.receive('kefu_message_type', message(5))
  expect(FakeSocket.last.frames).toEqual([{ type: 'kefu_resync', content: { afterSeq: 2 } }])
  FakeSocket.last.drop(1006)
  await clock.advance(1000)
  expect(FakeSocket.last.url).toContain('?lastSeq=2')
  FakeSocket.last.open()
  for (const seq of [3, 4, 5]) FakeSocket.last.receive('kefu_message_type', message(seq))
  FakeSocket.last.receive('kefu_resync_done', { restoredAt: null })
  expect(client.store.messages(1).map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5])
  FakeSocket.last.receive('kefu_resync_required', { since: 1 })
  expect(FakeSocket.last.frames.at(-1)).toEqual({ type: 'kefu_resync', content: { afterSeq: 5 } })
})

test('an admin closes a gap in a conversation that is here', async () => {
  await connected()
  FakeSocket.last.receive('kefu_message_type', message(3))
  expect(FakeSocket.last.frames).toEqual([])
  FakeSocket.last.receive('kefu_message_type', message(6))
  expect(FakeSocket.last.frames).toEqual([{ type: 'kefu_resync', content: { conversationId: 1, afterSeq: 3 } }])
})

test('frames: unknown types arrive, nonsense does not, and nothing is sent without a socket', async () => {
  const { client } = await connected()
  const types: string[] = []
  client.socket.on('frame', ({ type }) => types.push(type))
  FakeSocket.last.receive('kefu_of_the_future', {})
  for (const data of ['pong', '', '{', '{"type":"x","content":"{"}', new Uint8Array(1)])
    FakeSocket.last.onmessage?.({ data })
  expect(types).toEqual(['kefu_of_the_future'])
  expect(client.socket.send({ type: 'kefu_typing', content: { conversationId: 1 } })).toBe(true)
  expect(FakeSocket.last.frames).toEqual([{ type: 'kefu_typing', content: { conversationId: 1 } }])
  client.socket.stop()
  expect(client.socket.state).toBe('idle')
  expect(client.socket.send({ type: 'kefu_typing' })).toBe(false)
})

test('stop leaves no timer behind', async () => {
  const { client, clock } = await connected()
  client.dispose()
  await settle()
  expect(clock.timers).toBe(0)
})
