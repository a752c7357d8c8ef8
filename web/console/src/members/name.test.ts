import { expect, test } from 'vitest'
import { setLanguage } from '@/locales'
import { memberName } from './name'

test('what the service calls whom nobody has named is in the language of the page', async () => {
  await setLanguage('zh')
  expect(memberName('访客2')).toBe('访客2')
  await setLanguage('en')
  expect(memberName('访客2')).toBe('Visitor 2')
  expect(memberName('会员17')).toBe('Member 17')
  // Names that people have given stay.
  for (const name of ['访客', '访客2号', '老会员3', 'Vic', '']) expect(memberName(name)).toBe(name)
})
