import { beforeAll, expect, test } from 'vitest'
import { loadTexts, setLanguage } from '@/locales'
import type { AuditEntry } from './audit'
import { ABSENT } from './difference'
import { deed, fieldName, namesIn, valueText } from './words'

beforeAll(async () => {
  await setLanguage('en')
  await loadTexts('audit', 'channels', 'keys', 'team')
})

const entry = (objectType: string, action: string, fields: Partial<AuditEntry> = {}): AuditEntry => ({
  id: 1,
  adminId: 1,
  actor: 'Amy',
  action,
  objectType,
  objectId: '3',
  before: null,
  after: null,
  address: '',
  createTime: 0,
  cursor: '',
  ...fields,
})

test('what was done is a sentence, with the name of the object or its number', () => {
  expect(deed(entry('role', 'update', { after: { name: 'Support' } }))).toBe('changed the role "Support"')
  expect(deed(entry('role', 'assign-permissions'))).toBe('changed what the role #3 may do')
  expect(deed(entry('setting', 'update'))).toBe('changed the settings')
  expect(deed(entry('second_factor', 'enable', { objectId: '1' }))).toBe('turned on the second factor')
  expect(deed(entry('second_factor', 'disable'))).toBe('turned off the second factor #3')
  // By today's name, where the entry has only the number.
  const agents = new Map([[3, { nickname: 'Bob' }]])
  expect(deed(entry('second_factor', 'disable'), agents)).toBe('turned off the second factor "Bob"')
  expect(deed(entry('agent', 'update', { after: { capacity: 5 } }), agents)).toBe('changed the agent "Bob"')
  expect(deed(entry('role', 'assign-permissions'), agents)).toBe('changed what the role #3 may do')
  // Of a later version.
  expect(deed(entry('planet', 'visit'))).toBe('did visit to the planet #3')
})

test('in Chinese a number stands off from the words around it, and not from the end', async () => {
  await setLanguage('zh')
  expect(deed(entry('user', 'update-status'))).toBe('修改了账号 #3 的状态')
  expect(deed(entry('role', 'delete'))).toBe('删除了角色 #3')
  expect(deed(entry('user', 'update-status', { after: { nickname: 'Bob' } }))).toBe('修改了账号“Bob”的状态')
  await setLanguage('en')
})

test('entries tell names of accounts by the way, also of those who are disabled', () => {
  expect([...namesIn(entry('user', 'create', { after: { username: 'bob', nickname: 'Bob' } }))]).toEqual([
    [1, 'Amy'],
    [3, 'Bob'],
  ])
  expect([...namesIn(entry('role', 'create', { after: { name: 'Night' } }))]).toEqual([[1, 'Amy']])
  expect([...namesIn(entry('user', 'update-status', { adminId: 0, actor: '' }))]).toEqual([])
})

test('fields and values are in words', () => {
  expect(fieldName(['settings', 'look', 'color'])).toBe('Look › Colour')
  expect(fieldName(['message', 'later'])).toBe('later')
  expect(fieldName(['message'])).toBe('Messages')
  expect(valueText(1, ['status'])).toBe('disabled')
  expect(valueText(['message', 'unknown'], ['scopes'])).toBe('Messages, unknown')
  expect(valueText('infra:audit:query', ['permissions'])).toBe('Read the audit')
  expect(valueText('auto', ['settings', 'look', 'theme'])).toBe("The visitor's system")
  expect(valueText('left', ['settings', 'look', 'position'])).toBe('Left')
  expect(valueText('zh', ['settings', 'locale'])).toBe('Chinese')
  expect(valueText(['self', 'https://shop.example'], ['settings', 'origins'])).toBe(
    'this service, https://shop.example',
  )
  expect(valueText('web', ['kind'])).toBe('web site')
  expect(fieldName(['settings', 'look', 'zIndex'])).toBe('Look › Level')
  expect(fieldName(['settings', 'preChat', 'fields', '#topic', 'required'])).toBe(
    'Form before the chat › Fields › Topic › Required',
  )
  expect([ABSENT, null, '', []].map((value) => valueText(value, ['name']))).toEqual(Array(4).fill('nothing'))
  expect(valueText('x'.repeat(600), ['name'])).toHaveLength(501)
})
