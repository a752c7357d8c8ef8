/** The filters of the audit: as the page's address keeps them, and as the service is asked. Pure. */
import type { AuditQuery } from './audit'

export const RANGES = ['all', 'today', 'week', 'month', 'own'] as const
export type Range = (typeof RANGES)[number]

export const OBJECT_TYPES = [
  'user',
  'role',
  'group',
  'agent',
  'member',
  'api_key',
  'channel',
  'setting',
  'login',
  'profile',
  'second_factor',
] as const
export type ObjectType = (typeof OBJECT_TYPES)[number]

export interface Filter {
  /** An admin's id, `0` for the command line, empty for everyone. */
  who: string
  type: string
  /** Of an object of `type`; empty for all of them. */
  id: string
  range: Range
  /** Days as `2026-11-28`, for the range of one's own; an empty one is open. */
  from: string
  to: string
}

export const EVERYTHING: Filter = { who: '', type: '', id: '', range: 'all', from: '', to: '' }

type Query = Record<string, unknown>

export function filterOf(query: Query): Filter {
  const text = (name: string, shape: RegExp) => {
    const value = query[name]
    return typeof value === 'string' && shape.test(value) ? value : ''
  }
  const type = text('type', /^[a-z_]{1,32}$/)
  return {
    who: text('who', /^\d{1,16}$/),
    type,
    id: type && text('id', /^.{1,64}$/),
    range: RANGES.find((range) => range === query['range']) ?? 'all',
    from: text('from', /^\d{4}-\d\d-\d\d$/),
    to: text('to', /^\d{4}-\d\d-\d\d$/),
  }
}

/** What the address keeps of it: only what differs from everything. */
export function queryOf(filter: Filter): Record<string, string> {
  const own = filter.range === 'own'
  return Object.fromEntries(
    Object.entries({
      ...filter,
      id: filter.type && filter.id,
      from: own ? filter.from : '',
      to: own ? filter.to : '',
    }).filter(([name, value]) => value !== EVERYTHING[name as keyof Filter]),
  )
}

/** Midnight of a day here; `NaN` when there is none. */
const midnight = (day: string, later = 0): number => {
  const [year, month, date] = day.split('-').map(Number)
  return new Date(year ?? NaN, (month ?? NaN) - 1, (date ?? NaN) + later).getTime()
}

/** Whether the days are in order. */
export const inOrder = ({ range, from, to }: Filter): boolean => range !== 'own' || !from || !to || from <= to

/** What the service is asked; days are those of the browser's time zone. */
export function callOf(filter: Filter, now: number): AuditQuery {
  const daysBefore = (days: number) => {
    const date = new Date(now)
    return new Date(date.getFullYear(), date.getMonth(), date.getDate() - days).getTime()
  }
  const starts: Partial<Record<Range, number>> = { today: daysBefore(0), week: daysBefore(6), month: daysBefore(29) }
  const own = filter.range === 'own'
  const from = own ? (filter.from ? midnight(filter.from) : undefined) : starts[filter.range]
  const to = own && filter.to ? midnight(filter.to, 1) : undefined
  return {
    ...(filter.who && { adminId: Number(filter.who) }),
    ...(filter.type && { objectType: filter.type }),
    ...(filter.type && filter.id && { objectId: filter.id }),
    ...(from !== undefined && Number.isFinite(from) && { from }),
    ...(to !== undefined && Number.isFinite(to) && { to }),
  }
}
