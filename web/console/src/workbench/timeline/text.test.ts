// @vitest-environment node
import { expect, test } from 'vitest'
import { withFaces } from './emoji'
import { isEmojiOnly, splitLinks } from './text'

const links = (text: string) =>
  splitLinks(text)
    .map((piece) => (piece.href === undefined ? piece.text : `<${piece.text}>`))
    .join('|')

test('links are split off, with the punctuation and brackets of the sentence outside', () => {
  expect(links('see https://a.example/b?c=1#d, please')).toBe('see |<https://a.example/b?c=1#d>|, please')
  expect(links('(https://a.example/x_(y))')).toBe('(|<https://a.example/x_(y)>|)')
  expect(links('https://a.example.')).toBe('<https://a.example>|.')
  expect(links('www.a.example')).toBe('<www.a.example>')
})

test('a link ends where Chinese begins', () => {
  expect(links('看https://a.example/b，谢谢')).toBe('看|<https://a.example/b>|，谢谢')
  expect(links('看 https://a.example/b，谢谢')).toBe('看 |<https://a.example/b>|，谢谢')
})

test('what is no address stays text, and nothing is lost', () => {
  expect(links('http:// javascript:alert(1) ftp://a.example')).toBe('http:// javascript:alert(1) ftp://a.example')
  const text = 'a https://a.example b www.c.example/d) e'
  expect(
    splitLinks(text)
      .map((piece) => piece.text)
      .join(''),
  ).toBe(text)
})

test('a long text without links is fast', () => {
  const text = 'https:/'.repeat(20_000)
  expect(splitLinks(text)).toEqual([{ text }])
})

test('the names of faces in brackets, and other brackets', () => {
  expect(withFaces('[笑掉牙] [面无表情][constructor] [笑] [[点赞]]')).toBe('🤣 😐[constructor] [笑] [👍]')
})

test('one to three emoji alone are large', () => {
  expect(isEmojiOnly('😊')).toBe(true)
  expect(isEmojiOnly('👍🏽 ❤️')).toBe(true)
  expect(isEmojiOnly('😊😊😊😊')).toBe(false)
  expect(isEmojiOnly('ok 😊')).toBe(false)
  expect(isEmojiOnly('12')).toBe(false)
})
