/** The form of an account: what is typed, what it stands for, and what can be said of it without the service. */
import type { NewUser, User, UserDraft } from '../api'

/** The shortest password that the service takes. */
export const SHORTEST = 8

export interface PersonForm extends UserDraft {
  username: string
  password: string
  roleIds: number[]
}

export function emptyForm(): PersonForm {
  return { username: '', nickname: '', password: '', email: '', mobile: '', remark: '', avatar: '', roleIds: [] }
}

export function toForm(user: User): PersonForm {
  const { username, nickname, email, mobile, remark, avatar, roles } = user
  return {
    username,
    nickname,
    password: '',
    email,
    mobile,
    remark,
    avatar,
    roleIds: sortedIds(roles.map(({ id }) => id)),
  }
}

export function toDraft(form: PersonForm): UserDraft {
  return {
    nickname: form.nickname.trim(),
    email: form.email.trim(),
    mobile: form.mobile.trim(),
    remark: form.remark.trim(),
    avatar: form.avatar,
  }
}

/** Without roles when this admin may not give any. */
export function toNewUser(form: PersonForm, withRoles: boolean): NewUser {
  const { username, password, roleIds } = form
  return { ...toDraft(form), username: username.trim(), password, ...(withRoles && roleIds.length > 0 && { roleIds }) }
}

export const sortedIds = (ids: Iterable<number>): number[] => [...new Set(ids)].sort((a, b) => a - b)

/** How many characters a text has, as the service counts them. */
export const lengthOf = (text: string): number => Array.from(text).length

/** Without characters that are taken for one another. */
const LETTERS = 'abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789'

/** A password that cannot be guessed: four groups of four characters. */
export function makePassword(
  random: (bytes: Uint8Array) => Uint8Array = (bytes) => crypto.getRandomValues(bytes),
): string {
  const letters: string[] = []
  // A byte above the last whole multiple would favour the first letters.
  const limit = 256 - (256 % LETTERS.length)
  while (letters.length < 16)
    for (const byte of random(new Uint8Array(32)))
      if (byte < limit && letters.length < 16) letters.push(LETTERS.charAt(byte % LETTERS.length))
  return letters.join('').replace(/(.{4})(?=.)/g, '$1-')
}

/** The words of a list's address: what is typed and chosen there outlives a reload and the way back. */
export interface PeopleFilter {
  q: string
  role: number | null
  status: 0 | 1 | null
  page: number
}

type Query = Record<string, unknown>

export function toFilter(query: Query): PeopleFilter {
  const number = (name: string) => (/^\d{1,15}$/.test(String(query[name] ?? '')) ? Number(query[name]) : null)
  const status = number('status')
  return {
    q: typeof query['q'] === 'string' ? query['q'] : '',
    role: number('role'),
    status: status === 0 || status === 1 ? status : null,
    page: Math.max(1, number('page') ?? 1),
  }
}

export function toQuery({ q, role, status, page }: PeopleFilter): Record<string, string> {
  return {
    ...(q.trim() && { q: q.trim() }),
    ...(role !== null && { role: String(role) }),
    ...(status !== null && { status: String(status) }),
    ...(page > 1 && { page: String(page) }),
  }
}
