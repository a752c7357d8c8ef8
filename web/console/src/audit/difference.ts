/** What differs between an object before and after a change, field by field. Pure. */

/** Stands for a field that is not there. */
export const ABSENT: unique symbol = Symbol('absent')

export interface Difference {
  /** The names that lead to the field, e.g. `['look', 'color']`. */
  path: string[]
  before: unknown
  after: unknown
  /** Of a list of plain values: which have come and which have gone, instead of the whole lists. */
  list?: { added: unknown[]; removed: unknown[] }
}

type Fields = Record<string, unknown>

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isPlain = (value: unknown) => typeof value !== 'object' || value === null

const isPlainList = (value: unknown): value is unknown[] => Array.isArray(value) && value.every(isPlain)

/** A list of objects that have ids or names, by them. */
function byId(value: unknown): Fields | null {
  if (!Array.isArray(value) || value.length === 0) return null
  const key = value.every((one) => isFields(one) && one['id'] !== undefined) ? 'id' : 'name'
  const ids = value.map((one) => (isFields(one) ? one[key] : undefined))
  if (ids.some((id) => typeof id !== 'number' && typeof id !== 'string') || new Set(ids).size < ids.length) return null
  return Object.fromEntries(
    value.map((one: Fields, index) => {
      const rest = Object.entries(one).filter(([name]) => name !== key)
      return [`#${String(ids[index])}`, Object.fromEntries(rest)]
    }),
  )
}

/** Whether nothing is said: nothing is nothing, whether it is written as such or left out. */
function isEmpty(value: unknown): boolean {
  if (value === ABSENT || value === null || value === '') return true
  return typeof value === 'object' && Object.values(value).every(isEmpty)
}

/** The fields of a value that is looked into, or `null` for one that is shown as a whole. */
function fieldsOf(value: unknown): Fields | null {
  return isFields(value) ? value : byId(value)
}

/** The fields that differ, in the order in which they stand. `null` for an object that is not there. */
export function differences(before: Fields | null, after: Fields | null): Difference[] {
  return [...between(before ?? {}, after ?? {}, [])]
}

function* between(before: Fields, after: Fields, path: string[]): Generator<Difference> {
  for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const was = Object.hasOwn(before, name) ? before[name] : ABSENT
    const is = Object.hasOwn(after, name) ? after[name] : ABSENT
    yield* ofField(was, is, [...path, name])
  }
}

function* ofField(was: unknown, is: unknown, path: string[]): Generator<Difference> {
  if (isPlainList(was) && isPlainList(is)) {
    const added = is.filter((one) => !was.includes(one))
    const removed = was.filter((one) => !is.includes(one))
    if (added.length > 0 || removed.length > 0) yield { path, before: was, after: is, list: { added, removed } }
    else if (JSON.stringify(was) !== JSON.stringify(is)) yield { path, before: was, after: is }
    return
  }
  const [inner, other] = [fieldsOf(was), fieldsOf(is)]
  const open = (value: unknown, fields: Fields | null) =>
    fields ?? (value === ABSENT || value === null || (Array.isArray(value) && value.length === 0) ? {} : null)
  const [from, to] = [open(was, inner), open(is, other)]
  if ((inner || other) && from && to) {
    const found = [...between(from, to, path)]
    if (found.length > 0) return yield* found
  }
  // One of a list that comes or goes is news itself, whatever it says.
  const isOfList = path.at(-1)?.startsWith('#') === true
  if (!isOfList && isEmpty(was) && isEmpty(is)) return
  if (was === ABSENT || is === ABSENT || JSON.stringify(was) !== JSON.stringify(is))
    yield { path, before: was, after: is }
}
