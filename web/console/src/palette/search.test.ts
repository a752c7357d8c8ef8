import { describe, expect, it } from 'vitest'
import { fit, ranked } from './search'

describe('palette', () => {
  it('prefers beginnings, then words, then parts', () => {
    expect(fit('Next conversation', 'next')).toBe(3)
    expect(fit('Next conversation', 'CONV')).toBe(2)
    expect(fit('Next conversation', 'vers')).toBe(1)
    expect(fit('Next conversation', 'next foo')).toBe(0)
    expect(fit('下一个会话', '会话')).toBe(1)
  })

  it('keeps the order of what fits equally, and of everything without a word', () => {
    const names = ['banana', 'anna', 'ann', 'bob']
    expect(ranked(names, 'ann', (name) => name)).toEqual(['anna', 'ann'])
    expect(ranked(names, ' ', (name) => name)).toEqual(names)
  })
})
