import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Leader } from './leader'
import { isAudible } from './notifier'
import { showBadge } from './badge'

/** The browser's locks of one name, as far as tabs use them. */
class Locks {
  private waiting: { grant: () => Promise<void>; settle: (reason?: unknown) => void }[] = []
  private holder: { lose: () => void } | null = null

  request = (_: string, options: LockOptions, work: () => Promise<void>): Promise<void> =>
    new Promise((resolve, reject) => {
      const grant = async () => {
        this.holder = { lose: () => reject(new DOMException('stolen', 'AbortError')) }
        await work()
        this.holder = null
        resolve()
        void this.waiting.shift()?.grant()
      }
      if (options.steal) {
        this.holder?.lose()
        void grant()
      } else if (this.holder) {
        const entry = { grant, settle: reject }
        this.waiting.push(entry)
        options.signal?.addEventListener('abort', () => {
          this.waiting = this.waiting.filter((other) => other !== entry)
          reject(new DOMException('aborted', 'AbortError'))
        })
      } else void grant()
    })
}

const settle = () => new Promise((resolve) => setTimeout(resolve))

describe('the one tab that tells', () => {
  afterEach(() => vi.unstubAllGlobals())

  describe('with locks', () => {
    beforeEach(() => vi.stubGlobal('navigator', { locks: new Locks() }))

    it('is the first, then the one that is clicked in, then who is left', async () => {
      const [one, two, three] = [new Leader('tab'), new Leader('tab'), new Leader('tab')]
      await settle()
      const leads = () => [one, two, three].map((leader) => leader.tells(1))
      expect(leads()).toEqual([true, false, false])
      two.takeOver()
      await settle()
      expect(leads()).toEqual([false, true, false])
      two.takeOver()
      three.takeOver()
      three.takeOver()
      await settle()
      expect(leads()).toEqual([false, false, true])
      three.dispose()
      await settle()
      expect(leads().filter(Boolean)).toHaveLength(1)
      expect(three.tells(1)).toBe(false)
    })

    it('leads when it takes over before its first turn', async () => {
      const one = new Leader('tab')
      one.takeOver()
      await settle()
      expect(one.tells(1)).toBe(true)
    })
  })

  describe('without locks', () => {
    beforeEach(() => {
      localStorage.clear()
      vi.stubGlobal('navigator', {})
    })

    it('is the first to claim a message', () => {
      const [one, two] = [new Leader('tab'), new Leader('tab')]
      expect([one.tells(5), two.tells(5), two.tells(6), one.tells(6)]).toEqual([true, false, true, false])
      expect([one.repeats(1000), two.repeats(1000)]).toEqual([true, false])
    })
  })
})

it('sounds by the scope that the user has chosen', () => {
  const looking = { hidden: false, lookedAt: true }
  const elsewhere = { hidden: false, lookedAt: false }
  const away = { hidden: true, lookedAt: true }
  const audible = (scope: 'always' | 'unseen' | 'hidden') =>
    [looking, elsewhere, away].map((page) => isAudible(scope, page))
  expect(audible('always')).toEqual([true, true, true])
  expect(audible('unseen')).toEqual([false, true, true])
  expect(audible('hidden')).toEqual([false, false, true])
})

it('counts in the title', () => {
  showBadge(3)
  expect(document.title).toBe('(3) kefu')
  showBadge(120)
  expect(document.title).toBe('(99+) kefu')
  showBadge(0)
  expect(document.title).toBe('kefu')
})
