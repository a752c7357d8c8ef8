import type { Words } from './zh.js'

export type Key = keyof Words
/** Answers the word of a key, with `{…}` filled in. */
export type Translate = (key: Key, values?: Record<string, string | number>) => string

export const translate =
  (words: Words): Translate =>
  (key, values = {}) =>
    words[key].replace(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? ''))

/** The time of day. */
export const clockTime = (time: number, locale: string) =>
  new Intl.DateTimeFormat(safe(locale), { hour: '2-digit', minute: '2-digit', hour12: false }).format(time)

/** The day, in words where they are shorter. @param now epoch milliseconds */
export function dayName(time: number, locale: string, now: number, t: Translate): string {
  const days = Math.round((startOfDay(now) - startOfDay(time)) / 86_400_000)
  if (days === 0) return t('today')
  if (days === 1) return t('yesterday')
  const year = new Date(time).getFullYear() === new Date(now).getFullYear() ? undefined : 'numeric'
  return new Intl.DateTimeFormat(safe(locale), { year, month: 'long', day: 'numeric' }).format(time)
}

export const startOfDay = (time: number) => new Date(time).setHours(0, 0, 0, 0)

/** A language tag that `Intl` takes; a page may have written anything. */
function safe(locale: string): string | undefined {
  try {
    return Intl.getCanonicalLocales(locale)[0]
  } catch {
    return undefined
  }
}
