/** How times are written. Every function takes the language's locale and, where it matters, the present time. */

const DAY = 86_400_000

function startOfDay(time: number): number {
  return new Date(time).setHours(0, 0, 0, 0)
}

const formats = new Map<string, Intl.DateTimeFormat>()

/** Making a format is slow, so each is made once. */
function format(locale: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = locale + JSON.stringify(options)
  let made = formats.get(key)
  if (!made) formats.set(key, (made = new Intl.DateTimeFormat(locale, options)))
  return made
}

/** Hours and minutes, e.g. `14:32`. */
export function clockTime(time: number, locale: string): string {
  return format(locale, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }).format(time)
}

/** Calendar days from `time` to `now`; 0 is today, 1 yesterday. Summer time does not shift it. */
export function daysAgo(time: number, now: number): number {
  return Math.round((startOfDay(now) - startOfDay(time)) / DAY)
}

/** The time of a row: `14:32` today, yesterday by its word, the weekday within a week, else the date. */
export function rowTime(time: number, now: number, locale: string): string {
  const days = daysAgo(time, now)
  if (days <= 0) return clockTime(time, locale)
  if (days === 1) return capital(new Intl.RelativeTimeFormat(locale, { numeric: 'auto' }).format(-1, 'day'))
  if (days < 7) return format(locale, { weekday: 'short' }).format(time)
  const sameYear = new Date(time).getFullYear() === new Date(now).getFullYear()
  return sameYear
    ? format(locale, { month: 'numeric', day: 'numeric' }).format(time)
    : format(locale, { year: 'numeric', month: 'numeric', day: 'numeric' }).format(time)
}

/** The day of a message, for the separators of a timeline: by its word, the weekday within a week, else the date. */
export function dayName(time: number, now: number, locale: string): string {
  const days = daysAgo(time, now)
  if (days >= 0 && days <= 1)
    return capital(new Intl.RelativeTimeFormat(locale, { numeric: 'auto' }).format(-days, 'day'))
  if (days > 1 && days < 7) return format(locale, { weekday: 'long' }).format(time)
  const sameYear = new Date(time).getFullYear() === new Date(now).getFullYear()
  return sameYear
    ? format(locale, { month: 'long', day: 'numeric' }).format(time)
    : format(locale, { year: 'numeric', month: 'long', day: 'numeric' }).format(time)
}

/** Date and time in full, for tooltips and lists. */
export function fullTime(time: number, locale: string): string {
  return format(locale, { dateStyle: 'medium', timeStyle: 'short', hourCycle: 'h23' }).format(time)
}

/** How long a member has waited: from two minutes on `slow`, from five `late`; nothing before, and nothing after a day. */
export interface Wait {
  unit: 'minute' | 'hour'
  count: number
  level: 'slow' | 'late'
}

const MINUTE = 60_000
const SLOW = 2
const LATE = 5

export function waitOf(since: number, now: number): Wait | null {
  const minutes = Math.floor((now - since) / MINUTE)
  if (minutes < SLOW || minutes >= 24 * 60) return null
  const level = minutes < LATE ? 'slow' : 'late'
  return minutes < 60
    ? { unit: 'minute', count: minutes, level }
    : { unit: 'hour', count: Math.floor(minutes / 60), level }
}

function capital(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1)
}
