import { KefuError } from '@kefu/client'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { createPinia, setActivePinia } from 'pinia'
import { nextTick } from 'vue'
import { setLanguage } from '@/locales'
import { faultOf } from './faults'
import { DEFAULTS, restored, usePreferences } from './preferences'
import { useSession } from './session'
import { local, session } from './storage'
import { BrowserTokens } from './tokens'

const tokens = { userId: 7, accessToken: 'access', refreshToken: 'refresh', expiresTime: 1 }

beforeEach(() => {
  localStorage.clear()
  sessionStorage.clear()
  setActivePinia(createPinia())
})

describe('tokens', () => {
  it('keeps the access token in memory, and the refresh token in the tab', () => {
    const own = new BrowserTokens()
    own.set(tokens)
    expect(own.get()).toEqual({ accessToken: 'access', refreshToken: 'refresh' })
    expect(JSON.stringify({ ...localStorage, ...sessionStorage })).not.toContain('access')
    expect([sessionStorage.length, localStorage.length]).toEqual([1, 0])
    expect(new BrowserTokens().get()).toEqual({ accessToken: '', refreshToken: 'refresh' })
  })

  it('keeps the refresh token in the browser only when that was asked for', () => {
    const own = new BrowserTokens()
    own.remember(true)
    own.set(tokens)
    expect([sessionStorage.length, localStorage.length]).toEqual([0, 1])
    expect(new BrowserTokens().remembers).toBe(true)
    own.set(null)
    expect([own.get(), localStorage.length]).toEqual([null, 0])
  })
})

describe('storage', () => {
  it('lives in memory where the browser refuses', () => {
    const refuse = vi.spyOn(Storage.prototype, 'setItem').mockImplementation(() => {
      throw new DOMException('full', 'QuotaExceededError')
    })
    local.write('kefu.x', { a: 1 })
    expect(local.read('kefu.x')).toEqual({ a: 1 })
    expect(session.read('kefu.x')).toBe(null)
    local.remove('kefu.x')
    expect(local.read('kefu.x')).toBe(null)
    refuse.mockRestore()
  })

  it('takes what is broken for nothing', () => {
    localStorage.setItem('kefu.x', '{')
    expect(local.read('kefu.x')).toBe(null)
  })
})

describe('preferences', () => {
  it('takes only values of the right type from what is stored', () => {
    expect(restored({ volume: '9', sound: false, foreign: 1 })).toEqual({ ...DEFAULTS, sound: false })
    expect(restored(null)).toEqual(DEFAULTS)
  })

  it('belongs to a user, and keeps what changes', async () => {
    const preferences = usePreferences()
    preferences.use(7)
    preferences.own.volume = 20
    await nextTick()
    expect(local.read<typeof DEFAULTS>('kefu.preferences.7')?.volume).toBe(20)
    preferences.use(8)
    expect(preferences.own.volume).toBe(DEFAULTS.volume)
  })

  it('shows the theme that is chosen', async () => {
    const preferences = usePreferences()
    preferences.setTheme('dark')
    await nextTick()
    expect(document.documentElement.classList.contains('dark')).toBe(true)
    preferences.setTheme('light')
    await nextTick()
    expect(document.documentElement.classList.contains('dark')).toBe(false)
  })
})

describe('faults', () => {
  beforeEach(() => setLanguage('en'))

  it('says what happened', () => {
    expect(faultOf(new KefuError(0, '', 0)).text).toContain('No connection')
    expect(faultOf(new KefuError(429, 'x', 429, 2400)).text).toBe('Too many attempts. Try again in 3 s.')
    expect(faultOf(new KefuError(500, 'system error', 200, null, 'abc'))).toEqual({
      text: 'system error',
      requestId: 'abc',
    })
    expect(faultOf(new TypeError('secret')).text).toBe('Something went wrong. Please try again.')
  })
})

describe('session', () => {
  function answering(answers: Record<string, unknown>): string[] {
    const calls: string[] = []
    vi.stubGlobal('fetch', async (url: string) => {
      const path = new URL(url, location.origin).pathname
      calls.push(path)
      const answer = Object.entries(answers).find(([name]) => path.includes(name))?.[1]
      if (answer === undefined) throw new TypeError('network')
      return { status: 200, headers: { get: () => null }, json: async () => answer }
    })
    return calls
  }
  const info = {
    code: 0,
    msg: '',
    data: { user: { id: 7, nickname: 'amy', avatar: '' }, roles: ['agent'], permissions: ['a:b'], menus: [] },
  }

  it('is out without a login, and asks nobody', async () => {
    const calls = answering({})
    const own = useSession()
    await own.start()
    await own.known
    expect([own.status, calls]).toEqual(['out', []])
  })

  it('logs in and knows its permissions', async () => {
    answering({ 'auth/login': { code: 0, msg: '', data: tokens }, 'get-permission-info': info })
    const own = useSession()
    await own.start()
    await own.login('amy', 'secret', false)
    expect([own.status, own.user?.nickname, own.may('a:b'), own.may('a:c')]).toEqual(['in', 'amy', true, false])
    expect(JSON.stringify({ ...localStorage })).not.toContain('refresh')
  })

  it('notices other rights while the page is open, and asks for them at most every half minute', async () => {
    vi.useFakeTimers()
    answering({ 'auth/login': { code: 0, msg: '', data: tokens }, 'get-permission-info': info })
    const own = useSession()
    await own.start()
    await own.login('amy', 'secret', false)
    const others = { ...info, data: { ...info.data, permissions: ['a:c'] } }
    const calls = answering({ 'get-permission-info': others })
    await own.freshen()
    expect([calls.length, own.may('a:b')]).toEqual([0, true])
    vi.advanceTimersByTime(30_000)
    await Promise.all([own.freshen(), own.freshen()])
    expect([calls.length, own.may('a:b'), own.may('a:c')]).toEqual([1, false, true])
    vi.advanceTimersByTime(30_000)
    answering({})
    await own.freshen()
    expect(own.may('a:c')).toBe(true)
    vi.useRealTimers()
  })

  it('stays out with the reason when the login is refused', async () => {
    answering({ 'auth/login': { code: 1002000001, msg: 'disabled', data: null } })
    const own = useSession()
    await own.start()
    await expect(own.login('amy', 'secret', true)).rejects.toMatchObject({ code: 1002000001 })
    expect([own.status, localStorage.length]).toEqual(['out', 0])
  })

  it('keeps the login while the service is away, and drops it when it is not valid any more', async () => {
    sessionStorage.setItem('kefu.refreshToken', 'refresh')
    answering({})
    const own = useSession()
    await expect(own.start()).rejects.toThrow()
    expect([own.status, sessionStorage.getItem('kefu.refreshToken')]).toEqual(['unknown', 'refresh'])
    answering({ 'refresh-token': { code: 401, msg: 'expired', data: null } })
    await own.start()
    expect([own.status, own.endReason, sessionStorage.length]).toEqual(['out', 'expired', 0])
  })
})
