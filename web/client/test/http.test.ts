import { expect, test } from 'vitest'
import { KefuError } from '../src/index.js'
import { FakeTokens, ok, refusal, settle, world } from './fakes.js'

const PROFILE = '/admin-api/system/user/profile/get'

test('a call answers the data, with its headers', async () => {
  const { client, service } = world({ tenantId: 3, language: () => 'en' })
  const answer = client.http.call('get', '/admin-api/promotion/kefu-message/list', {
    query: { conversationId: 5, beforeSeq: undefined },
  })
  await settle()
  const { method, path, query, headers } = service.last
  expect([method, path, query.toString()]).toEqual([
    'GET',
    '/admin-api/promotion/kefu-message/list',
    'conversationId=5',
  ])
  expect(headers).toEqual({ Authorization: 'Bearer access-1', 'Accept-Language': 'en', 'tenant-id': '3' })
  await service.last.answer(ok([]))
  expect(await answer).toEqual([])
})

test('a refusal is thrown with its code, message, wait and request id', async () => {
  const { client, service } = world()
  const answer = client.http.call('get', PROFILE).catch((error: unknown) => error)
  await settle()
  await service.last.answer(refusal(429, '请求过于频繁，请稍后重试'), {
    status: 429,
    headers: { 'Retry-After': '7', 'X-Request-Id': 'abc' },
  })
  const error = (await answer) as KefuError
  expect(error).toBeInstanceOf(KefuError)
  expect([error.code, error.msg, error.status, error.retryAfterMs, error.requestId, error.temporary]).toEqual([
    429,
    '请求过于频繁，请稍后重试',
    429,
    7000,
    'abc',
    true,
  ])
})

test('an answer that is none of ours, and no answer, are errors of code 0', async () => {
  const { client, service, clock } = world()
  const errors: KefuError[] = []
  const call = () => client.http.call('get', PROFILE).catch((error: unknown) => errors.push(error as KefuError))
  void call()
  await settle()
  await service.last.answer('<html>bad gateway</html>' as unknown as object, { status: 502 })
  void call()
  await settle()
  await service.last.fail()
  void call()
  await clock.advance(20_000)
  void call()
  await settle()
  await service.last.answer({}, { status: 413 })
  expect(errors.map(({ code, status, temporary }) => [code, status, temporary])).toEqual([
    [0, 502, true],
    [0, 0, true],
    [0, 0, true],
    [0, 413, false],
  ])
  expect(clock.timers).toBe(0)
})

test('a call that is given up rejects as fetch does', async () => {
  const { client } = world()
  const controller = new AbortController()
  const answer = client.http.call('get', PROFILE, { signal: controller.signal })
  await settle()
  controller.abort()
  await expect(answer).rejects.toHaveProperty('name', 'AbortError')
})

test('a login sends no token', async () => {
  const { client, service } = world()
  void client.http.call('post', '/admin-api/system/auth/login', { body: { username: 'a', password: 'b' } })
  await settle()
  expect(service.last.headers).toEqual({ 'Content-Type': 'application/json' })
  expect(service.last.body).toEqual({ username: 'a', password: 'b' })
})

test('calls that are refused together wait for one refresh and are repeated once', async () => {
  const { client, service, tokens, ended } = world()
  service.respond = ({ path, query, headers }) => {
    if (path.endsWith('/refresh-token')) {
      expect(query.get('refreshToken')).toBe('refresh-1')
      expect(headers['Authorization']).toBeUndefined()
      return ok({ accessToken: 'access-2', refreshToken: 'refresh-1', expiresTime: 1, userId: 1 })
    }
    return headers['Authorization'] === 'Bearer access-2' ? ok(path) : refusal(401)
  }
  const answers = await Promise.all([
    client.http.call('get', PROFILE),
    client.http.call('get', '/admin-api/promotion/kefu-conversation/list'),
    client.http.withToken((token) =>
      token === 'access-2' ? Promise.resolve(token) : Promise.reject(new KefuError(401)),
    ),
  ])
  expect(answers).toEqual([PROFILE, '/admin-api/promotion/kefu-conversation/list', 'access-2'])
  expect(service.count('/refresh-token')).toBe(1)
  expect(service.calls).toHaveLength(5)
  expect(tokens.value?.accessToken).toBe('access-2')
  expect(ended).toEqual([])
})

test('a call is repeated once, not for ever', async () => {
  const { client, service } = world()
  service.respond = ({ path }) =>
    path.endsWith('/refresh-token')
      ? ok({ accessToken: `access-${service.calls.length}`, refreshToken: 'refresh-1', expiresTime: 1, userId: 1 })
      : refusal(401)
  await expect(client.http.call('get', PROFILE)).rejects.toHaveProperty('code', 401)
  expect(service.count('/profile/get')).toBe(2)
})

test('without an access token the first call brings one', async () => {
  const { client, service } = world({ tokens: new FakeTokens({ accessToken: '', refreshToken: 'refresh-1' }) })
  service.respond = ({ path }) =>
    path.endsWith('/refresh-token')
      ? ok({ accessToken: 'access-2', refreshToken: 'refresh-1', expiresTime: 1, userId: 1 })
      : ok(path)
  await client.http.call('get', PROFILE)
  expect(service.calls.map(({ path }) => path.split('/').at(-1))).toEqual(['refresh-token', 'get'])
})

test.each([refusal(400, '无效的刷新令牌'), refusal(401, '刷新令牌已过期')])(
  'a refused refresh ends the login once: %o',
  async (answer) => {
    const { client, service, tokens, ended } = world()
    service.respond = ({ path }) => (path.endsWith('/refresh-token') ? answer : refusal(401))
    const calls = [client.http.call('get', PROFILE), client.http.call('get', PROFILE)]
    for (const call of calls) await expect(call).rejects.toHaveProperty('code', 401)
    expect(ended).toEqual(['expired'])
    expect(tokens.value).toBeNull()
    expect(service.count('/refresh-token')).toBe(1)
  },
)

test.each([
  ['the service is busy', refusal(503), 503],
  ['the page is left, or the network breaks, while the answer comes', new TypeError('network error'), 0],
  ['a network that wants a login answers with a page', new SyntaxError('unexpected <'), 0],
])('a refresh without an answer of the service leaves the login alone: %s', async (_, answer, code) => {
  const { client, service, tokens, ended } = world()
  service.respond = ({ path }) => (path.endsWith('/refresh-token') ? answer : refusal(401))
  await expect(client.http.call('get', PROFILE)).rejects.toHaveProperty('code', code)
  expect(ended).toEqual([])
  expect(tokens.value?.refreshToken).toBe('refresh-1')
})

test('a token that another tab has renewed is taken without a refresh', async () => {
  const { client, service, tokens } = world()
  const answer = client.http.call('get', PROFILE)
  await settle()
  tokens.value = { accessToken: 'access-2', refreshToken: 'refresh-2' }
  await service.last.answer(refusal(401))
  expect(service.last.headers['Authorization']).toBe('Bearer access-2')
  await service.last.answer(ok(1))
  await answer
  expect(service.count('/refresh-token')).toBe(0)
})

test('a refresh that is refused after a new login does not end the new one', async () => {
  const { client, service, tokens, ended } = world()
  const answer = client.http.call('get', PROFILE)
  await settle()
  await service.last.answer(refusal(401))
  tokens.value = { accessToken: 'other', refreshToken: 'refresh-2' }
  await service.last.answer(refusal(400))
  await service.last.answer(ok(1))
  await answer
  expect(ended).toEqual([])
  expect(tokens.value.accessToken).toBe('other')
})

test('a member refreshes by the member path, and an integrator brings the token', async () => {
  const tokens = new FakeTokens()
  const { client, service } = world({ userType: 'member', tokens })
  void client.http.call('get', '/app-api/member/user/get')
  await settle()
  await service.last.answer(refusal(401))
  expect(service.last.path).toBe('/app-api/member/auth/refresh-token')

  const own = Object.assign(new FakeTokens({ accessToken: 'old' }), {
    renew: () => Promise.resolve({ accessToken: 'new' }),
  })
  const second = world({ userType: 'member', tokens: own })
  second.service.respond = ({ headers }) => (headers['Authorization'] === 'Bearer new' ? ok(1) : refusal(401))
  await second.client.http.call('get', '/app-api/member/user/get')
  expect(second.service.calls).toHaveLength(2)
})
