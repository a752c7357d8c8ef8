/** Lengths of time as people write them: a number and a unit. */

export const UNITS = ['minute', 'hour', 'day'] as const
export type Unit = (typeof UNITS)[number]

const SECONDS: Record<Unit, number> = { minute: 60, hour: 3_600, day: 86_400 }

export interface Duration {
  count: number
  unit: Unit
}

/** In the largest unit that it is a whole number of; in minutes, with a fraction, when it is none of any. */
export function toDuration(seconds: number): Duration {
  const unit = [...UNITS].reverse().find((one) => seconds % SECONDS[one] === 0) ?? 'minute'
  return { count: seconds / SECONDS[unit], unit }
}

/** Whole seconds; `null` for what is no number. */
export function toSeconds({ count, unit }: Duration): number | null {
  return typeof count === 'number' && Number.isFinite(count) ? Math.round(count * SECONDS[unit]) : null
}
