// @vitest-environment node
import { KefuError } from '@kefu/client'
import { expect, test, vi } from 'vitest'
import { newDraft } from './channel'
import { fieldFaultOf, inputOf, toDraft, toForm, toOrigin } from './draft'
import { identifyOf, tagOf } from './embed'

vi.mock('@/locales', () => ({ t: (key: string) => key }))

const refused = (msg: string) => new KefuError(400, msg, 200, null, null)

test('an address becomes the origin that is meant; what is none stays', () => {
  expect(toOrigin(' Shop.Example/cart?x=1 ')).toBe('https://shop.example')
  expect(toOrigin('http://shop.example:8080/')).toBe('http://shop.example:8080')
  expect(toOrigin('*.shop.example')).toBe('https://*.shop.example')
  expect(toOrigin('ftp://shop.example')).toBe('ftp://shop.example')
  expect(toOrigin('two words')).toBe('two words')
  expect(toOrigin('  ')).toBe('')
})

test('a form and back: empty texts are null, the own address and the asked fields keep their places', () => {
  const draft = newDraft()
  draft.name = 'Shop'
  draft.settings.origins = ['self', 'https://shop.example']
  draft.settings.texts.greeting = 'Hi'
  draft.settings.preChat = { enabled: true, fields: [{ name: 'phone', label: null, required: true }] }
  const form = toForm(draft)
  expect(form.own).toBe(true)
  expect(form.origins).toEqual(['https://shop.example'])
  expect(form.preChat.fields.map(({ name, asked }) => [name, asked])[0]).toEqual(['phone', true])
  expect(toDraft(form)).toEqual(draft)
  form.texts.greeting = '  '
  form.origins.push('')
  expect(toDraft(form).settings.texts.greeting).toBe(null)
  expect(toDraft(form).settings.origins).toEqual(draft.settings.origins)
})

test('a refusal is shown at its field, in both languages', () => {
  const english = fieldFaultOf(refused('invalid request parameter: settings.look.color must be a colour like #4F5BD5'))
  expect(english).toEqual({ field: 'settings.look.color', text: 'Must be a colour like #4F5BD5' })
  const chinese = fieldFaultOf(refused('请求参数不正确:settings.origins[1] 须为来源'))
  expect(chinese).toEqual({ field: 'settings.origins[1]', text: '须为来源' })
  expect(fieldFaultOf(refused('name must have 1 to 63 visible characters')).field).toBe('name')
  expect(fieldFaultOf(refused('something else')).field).toBe(null)
  expect(fieldFaultOf(new KefuError(500, 'settings.look.color', 200, null, null)).field).toBe(null)
})

test('the field that the service names is the input that was typed in', () => {
  const form = toForm(newDraft())
  form.own = true
  form.origins = ['', 'https://a.example', 'bad one']
  expect(inputOf('settings.origins[2]', form)).toBe('origins.2')
  expect(inputOf('settings.look.color', form)).toBe('look.color')
  form.preChat.fields[2]!.asked = true
  expect(inputOf('settings.preChat.fields[0].label', form)).toBe('preChat.phone.label')
})

test('the code to copy', () => {
  expect(tagOf('https://kefu.example', 'wk_1')).toBe(
    '<script async src="https://kefu.example/widget/v1.js" data-key="wk_1"></script>',
  )
  expect(tagOf('https://a"b', '<')).not.toMatch(/"b|key="</)
  expect(identifyOf('T')).toContain("kefu('identify', { token: 'T' })")
})
