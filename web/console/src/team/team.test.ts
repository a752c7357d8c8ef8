// @vitest-environment node
import { KefuError } from '@kefu/client'
import { expect, test, vi } from 'vitest'
import type { Agent, Group, Role, User } from './api'
import { toDuration, toSeconds } from './durations'
import { fieldFaultOf } from './faults'
import {
  agentChanges,
  emptyForm as emptyGroup,
  membersOf,
  toDraft as toGroup,
  toForm as toGroupForm,
} from './groups/group'
import { pagesFor } from './pages'
import { makePassword, toDraft, toFilter, toForm, toNewUser, toQuery } from './people/person'
import { copyOf, isWhole, toDraft as toRole, toForm as toRoleForm } from './roles/role'

vi.mock('@/locales', () => ({ t: (key: string) => key }))

const refused = (code: number, msg: string, status = 200) => new KefuError(code, msg, status, null, null)

test('each page is seen by who holds its permission', () => {
  const names = (...held: string[]) => pagesFor((name) => held.includes(name)).map(({ name }) => name)
  expect(names()).toEqual([])
  // Each agent may read the groups; that alone is no team to look after.
  expect(names('promotion:kefu-task:query', 'promotion:kefu-message:send')).toEqual([])
  expect(names('promotion:kefu-task:query', 'promotion:kefu-agent:manage')).toEqual(['groups'])
  expect(names('system:user:query', 'system:role:query', 'infra:audit:query')).toEqual(['people', 'roles', 'audit'])
  expect(names('promotion:kefu-setting:query', 'promotion:kefu-api-key:manage')).toEqual(['keys', 'settings'])
})

test('a refusal is shown at its field, in the words of the service', () => {
  const fields = { username: /username|用户名/i, password: /password|密码/i }
  expect(fieldFaultOf(refused(400, 'invalid request parameter: password must be longer'), fields)).toEqual({
    field: 'password',
    text: 'Must be longer',
  })
  expect(fieldFaultOf(refused(1002003000, '用户名已存在'), fields)).toEqual({ field: 'username', text: '用户名已存在' })
  expect(fieldFaultOf(refused(1002003009, 'this is the last owner'), fields)).toEqual({
    field: null,
    text: 'This is the last owner',
  })
  expect(fieldFaultOf(refused(500, 'password'), fields).field).toBe(null)
  expect(fieldFaultOf(new Error('x'), fields).field).toBe(null)
})

test('an account: what is typed is trimmed, and roles go along only when they may be given', () => {
  const user: User = {
    id: 7,
    username: 'bob',
    nickname: 'Bob',
    avatar: '',
    email: '',
    mobile: '',
    remark: '',
    status: 0,
    roles: [
      { id: 9, code: 'b', name: 'B' },
      { id: 2, code: 'a', name: 'A' },
    ],
    secondFactor: false,
    createTime: 0,
  }
  const form = toForm(user)
  expect(form.roleIds).toEqual([2, 9])
  form.nickname = ' Bobby '
  form.password = ' a b '
  expect(toDraft(form)).toEqual({ nickname: 'Bobby', email: '', mobile: '', remark: '', avatar: '' })
  expect(toNewUser(form, true)).toMatchObject({ username: 'bob', password: ' a b ', roleIds: [2, 9] })
  expect(toNewUser(form, false)).not.toHaveProperty('roleIds')
})

test('a password that is made up takes all its letters alike', () => {
  let next = 0
  const bytes = (filled: Uint8Array) => filled.map(() => next++ % 256)
  const made = makePassword(bytes)
  expect(made).toMatch(/^[\w]{4}-[\w]{4}-[\w]{4}-[\w]{4}$/)
  expect(made).toBe('abcd-efgh-ijkm-npqr')
  // Bytes above the last whole multiple of the letters are not used.
  expect(makePassword((filled) => filled.map((_, at) => (at % 2 ? 255 : 0)))).toBe('aaaa-aaaa-aaaa-aaaa')
  expect(makePassword()).not.toBe(makePassword())
})

test('what narrows the list stands in the address', () => {
  const filter = { q: 'an', role: 4, status: 1 as const, page: 3 }
  expect(toFilter(toQuery(filter))).toEqual(filter)
  expect(toQuery({ q: ' ', role: null, status: null, page: 1 })).toEqual({})
  expect(toFilter({ role: 'x', status: '7', page: '-1', q: ['a'] })).toEqual({
    q: '',
    role: null,
    status: null,
    page: 1,
  })
  expect(toFilter({ status: '0' }).status).toBe(0)
})

test('a role and its copy, which has only what can be given', () => {
  const role: Role = {
    id: 3,
    code: 'lead',
    name: 'Lead',
    sort: 4,
    status: 1,
    type: 2,
    remark: 'leads',
    permissions: ['system:user:update', 'system:user:query'],
    secondFactor: true,
    users: 2,
    createTime: 0,
  }
  const form = toRoleForm(role)
  expect(form.permissions).toEqual(['system:user:query', 'system:user:update'])
  expect(toRole(form)).toEqual({ name: 'Lead', sort: 4, status: 1, remark: 'leads', secondFactor: true })
  const copy = copyOf(role, 'Lead (copy)', (name) => name === 'system:user:query')
  expect(copy).toMatchObject({ name: 'Lead (copy)', code: '', permissions: ['system:user:query'], secondFactor: false })
  expect([isWhole(3, 0), isWhole('', 0), isWhole(1.5, 0), isWhole(-1, 0), isWhole(11, 0, 10)]).toEqual([
    true,
    false,
    false,
    false,
    false,
  ])
})

const agent = (adminId: number, groups: Agent['groups']): Agent => ({
  adminId,
  username: `u${adminId}`,
  nickname: `N${adminId}`,
  avatar: '',
  capacity: adminId === 1 ? 4 : null,
  groups,
})

test('agents of a group: only who changes is sent, with their other groups as they are', () => {
  const orders = { id: 1, name: 'Orders', level: 2, lead: true, excluded: false }
  const returns = { id: 2, name: 'Returns', level: 0, lead: false, excluded: false }
  const agents = [agent(1, [orders, returns]), agent(2, [orders]), agent(3, [])]
  const members = membersOf(1, agents)
  expect(members.map(({ adminId }) => adminId)).toEqual([1, 2])
  expect(agentChanges(1, members, agents)).toEqual([])
  const next = [
    { adminId: 1, level: 9, lead: true, excluded: false },
    { adminId: 3, level: 0, lead: false, excluded: true },
  ]
  expect(agentChanges(1, next, agents)).toEqual([
    {
      adminId: 1,
      capacity: 4,
      groups: [
        { id: 2, level: 0, lead: false, excluded: false },
        { id: 1, level: 9, lead: true, excluded: false },
      ],
    },
    { adminId: 2, capacity: null, groups: [] },
    { adminId: 3, capacity: null, groups: [{ id: 1, level: 0, lead: false, excluded: true }] },
  ])
})

test('a group that hands over to no other names none', () => {
  const form = { ...emptyGroup(), name: ' Orders ', offDuty: 'queue' as const, fallbackGroupId: 4 }
  expect(toGroup(form)).toMatchObject({ name: 'Orders', fallbackGroupId: null, calendarId: null })
  const group: Group = { ...toGroup({ ...form, offDuty: 'fallback' }), id: 1, members: 0, createTime: 0 }
  expect(toGroup(toGroupForm(group, []))).toEqual({ ...toGroup({ ...form, offDuty: 'fallback' }) })
})

test('times as people write them', () => {
  expect(toDuration(43_200)).toEqual({ count: 12, unit: 'hour' })
  expect(toDuration(172_800)).toEqual({ count: 2, unit: 'day' })
  expect(toDuration(5_400)).toEqual({ count: 90, unit: 'minute' })
  expect(toDuration(330)).toEqual({ count: 5.5, unit: 'minute' })
  for (const seconds of [300, 330, 86_400, 315_360_000]) expect(toSeconds(toDuration(seconds))).toBe(seconds)
  expect(toSeconds({ count: Number.NaN, unit: 'day' })).toBe(null)
})
