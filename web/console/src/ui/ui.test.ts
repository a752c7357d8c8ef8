import { describe, expect, it } from 'vitest'
import { ref } from 'vue'
import { avatarColour, avatarInitial } from './avatar'
import { useChoice } from './choice'
import { clockTime, dayName, daysAgo, rowTime, waitOf } from './time'

/** The contrast of white letters, as WCAG counts it. */
function contrastWithWhite(colour: string): number {
  const [red, green, blue] = [1, 3, 5].map((at) => {
    const value = parseInt(colour.slice(at, at + 2), 16) / 255
    return value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4
  })
  return 1.05 / (0.2126 * red! + 0.7152 * green! + 0.0722 * blue! + 0.05)
}

describe('avatars', () => {
  it('knows a Chinese name of address by its second character', () => {
    expect(['小明', '小', '李女士', 'zoë', ' ', '😀a'].map(avatarInitial)).toEqual(['明', '小', '李', 'Z', '?', '😀'])
  })

  it('has colours on which white can be read', () => {
    for (let id = 0; id < 8; id++) expect(contrastWithWhite(avatarColour(id))).toBeGreaterThan(4.5)
    expect(avatarColour(9)).toBe(avatarColour(1))
  })
})

describe('times', () => {
  const at = (day: number, hour = 12) => new Date(2026, 10, day, hour, 5).getTime()
  const now = at(27, 14)

  it('shortens the time of a row with its age', () => {
    expect(rowTime(at(27, 9), now, 'zh-CN')).toBe('09:05')
    expect(rowTime(at(26, 23), now, 'zh-CN')).toBe('昨天')
    expect(rowTime(at(26, 23), now, 'en')).toBe('Yesterday')
    expect(rowTime(at(24), now, 'en')).toBe('Tue')
    expect(rowTime(at(3), now, 'en')).toBe('11/3')
    expect(rowTime(new Date(2025, 0, 2).getTime(), now, 'en')).toBe('1/2/2025')
  })

  it('counts calendar days, and never shows a time of the future as another day', () => {
    expect(daysAgo(at(26, 23), at(27, 0))).toBe(1)
    expect(rowTime(at(28, 1), now, 'en')).toBe('01:05')
    expect(dayName(at(27), now, 'zh-CN')).toBe('今天')
    expect(dayName(at(23), now, 'zh-CN')).toBe('星期一')
    expect(clockTime(new Date(2026, 0, 1, 0, 3).getTime(), 'en')).toBe('00:03')
  })

  it('measures how long a member has waited', () => {
    const wait = (minutes: number) => waitOf(now - minutes * 60_000, now)
    expect([wait(1), wait(24 * 60), wait(-3)]).toEqual([null, null, null])
    expect(wait(2)).toEqual({ unit: 'minute', count: 2, level: 'slow' })
    expect(wait(5)).toEqual({ unit: 'minute', count: 5, level: 'late' })
    expect(wait(130)).toEqual({ unit: 'hour', count: 2, level: 'late' })
  })
})

describe('choice in a list', () => {
  const key = (name: string) => new KeyboardEvent('keydown', { key: name })
  const moved = (movementX: number) => ({ movementX, movementY: 0 }) as PointerEvent

  it('goes round by the arrow keys, and does nothing in an empty list', () => {
    const count = ref(3)
    const { place, step } = useChoice(ref(null), () => count.value)
    expect(place.value).toBe(0)
    expect(step(key('ArrowUp'))).toBe(true)
    expect(place.value).toBe(2)
    expect(step(key('ArrowDown'))).toBe(true)
    expect(place.value).toBe(0)
    expect(step(key('a'))).toBe(false)
    count.value = 0
    expect(step(key('ArrowDown'))).toBe(false)
  })

  it('always has one chosen, by a pointer only if that moves', () => {
    const count = ref(30)
    const { place, step, point } = useChoice(ref(null), () => count.value)
    point(moved(0), 12)
    expect(place.value).toBe(0)
    point(moved(1), 12)
    expect(place.value).toBe(12)
    count.value = 8
    expect(place.value).toBe(7)
    step(key('ArrowUp'))
    expect(place.value).toBe(6)
  })
})
