// @vitest-environment node
import { expect, test } from 'vitest'
import { contentTypes, fileNameOf, parseContent, safeUrl } from './content'

const text = (raw: string) => parseContent(contentTypes.text, raw)

test('texts: as JSON, as a bare string, with yudao’s trailing line break and faces', () => {
  expect(text('{"text":"hello\\n"}')).toEqual({ kind: 'text', text: 'hello' })
  expect(text('hello')).toEqual({ kind: 'text', text: 'hello' })
  expect(text('123')).toEqual({ kind: 'text', text: '123' })
  expect(text('"quoted"')).toEqual({ kind: 'text', text: 'quoted' })
  expect(text('{"text":"好[笑掉牙][困~]"}')).toEqual({ kind: 'text', text: '好🤣🥱' })
  expect(text('{"text":null}')).toEqual({ kind: 'text', text: '' })
})

test('markup is text like any other', () => {
  expect(text('{"text":"<img src=x onerror=alert(1)>"}')).toEqual({
    kind: 'text',
    text: '<img src=x onerror=alert(1)>',
  })
})

test('what a text is not is shown as it came', () => {
  expect(text('{}')).toEqual({ kind: 'unknown', contentType: 1, raw: '{}' })
  expect(parseContent(99, '{"a":1}')).toEqual({ kind: 'unknown', contentType: 99, raw: '{"a":1}' })
  expect(parseContent(contentTypes.product, 'null')).toEqual({ kind: 'unknown', contentType: 10, raw: 'null' })
  expect(parseContent(contentTypes.picture, '{"picUrl":null}')).toEqual({
    kind: 'unknown',
    contentType: 2,
    raw: '{"picUrl":null}',
  })
})

test('pictures: with and without a size, as a bare address', () => {
  expect(parseContent(2, '{"picUrl":"https://a.example/b.png","width":640,"height":480}')).toEqual({
    kind: 'picture',
    url: 'https://a.example/b.png',
    width: 640,
    height: 480,
  })
  expect(parseContent(2, '{"picUrl":"/infra/file/1.png","width":-1,"height":480}')).toEqual({
    kind: 'picture',
    url: '/infra/file/1.png',
  })
  expect(parseContent(2, 'https://a.example/b.png')).toEqual({ kind: 'picture', url: 'https://a.example/b.png' })
})

test('an address that runs script is none', () => {
  expect(safeUrl('javascript:alert(1)')).toBe(undefined)
  expect(safeUrl('//evil.example/x')).toBe(undefined)
  expect(safeUrl('data:text/html,x')).toBe(undefined)
  expect(parseContent(2, 'javascript:alert(1)').kind).toBe('unknown')
})

test('a file within a text', () => {
  const raw = JSON.stringify({
    text: 'see here',
    file: { url: '/infra/file/x.pdf', name: 'bill.pdf', size: 2048, contentType: 'application/pdf' },
  })
  expect(text(raw)).toEqual({
    kind: 'file',
    text: 'see here',
    file: { url: '/infra/file/x.pdf', name: 'bill.pdf', size: 2048, contentType: 'application/pdf' },
  })
  expect(text('{"text":"","file":{"url":"https://a.example/a%20b.zip?x=1"}}')).toMatchObject({
    file: { name: 'a b.zip' },
  })
  expect(text('{"text":"only words","file":{"url":"javascript:1"}}')).toEqual({ kind: 'text', text: 'only words' })
})

test('yudao’s product and order', () => {
  expect(
    parseContent(
      10,
      '{"spuId":633,"spuName":"杯子","picUrl":"https://a.example/c.png","price":12900,"salesCount":3,"stock":77}',
    ),
  ).toEqual({
    kind: 'product',
    product: { spuId: 633, spuName: '杯子', picUrl: 'https://a.example/c.png', price: 12900, stock: 77, salesCount: 3 },
  })
  const order = parseContent(
    11,
    '{"id":9001,"no":"o2026","status":10,"productCount":1,"payPrice":12900,"items":[{"spuName":"杯子","picUrl":"https://a.example/c.png","count":1,"price":12900,"properties":[{"valueName":"白色"},{"valueName":"大"}]}, null]}',
  )
  expect(order).toMatchObject({
    kind: 'order',
    order: { no: 'o2026', status: 10, items: [{ name: '杯子', properties: '白色 大' }] },
  })
  expect(order.kind === 'order' && order.order.items.length).toBe(1)
})

test('a file’s name from its address', () => {
  expect(fileNameOf('https://a.example/x/%E8%B4%A6%E5%8D%95.pdf?download=1')).toBe('账单.pdf')
  expect(fileNameOf('/a/%zz.pdf')).toBe('%zz.pdf')
})

test('a left message says so, with how to reach its writer', () => {
  expect(parseContent(1, '{"text":"hi","left":true,"contact":" a@b.c "}')).toEqual({
    kind: 'text',
    text: 'hi',
    left: { contact: 'a@b.c' },
  })
  expect(parseContent(1, '{"text":"hi","left":true}')).toEqual({ kind: 'text', text: 'hi', left: {} })
  expect(parseContent(1, '{"text":"hi","left":"yes","contact":"x"}')).toEqual({ kind: 'text', text: 'hi' })
})
