// @vitest-environment node
import { KefuError } from '@kefu/client'
import { encode } from 'uqr'
import { expect, test } from 'vitest'
import { CODE_WRONG, digitsOf, inGroups, isAboutCode, isCode, pathOf } from './secondFactor'

test('codes are taken as people and apps write them', () => {
  expect(['123456', '123 456', ' 12 34 56 '].map((typed) => [isCode(typed), digitsOf(typed)])).toEqual([
    [true, '123456'],
    [true, '123456'],
    [true, '123456'],
  ])
  expect(['', '12345', '1234567', '12345a', '１２３４５６'].filter(isCode)).toEqual([])
})

test('a secret is written in groups of four', () => {
  expect(inGroups('JBSWY3DPEHPK3PXPAB')).toBe('JBSW Y3DP EHPK 3PXP AB')
  expect(inGroups('JBSW')).toBe('JBSW')
})

test('refusals of codes are told from others', () => {
  expect(isAboutCode(new KefuError(CODE_WRONG, '', 200, null, null))).toBe(true)
  expect(isAboutCode(new KefuError(400, '', 200, null, null))).toBe(false)
  expect(isAboutCode(new Error('x'))).toBe(false)
})

test('the drawing of a QR code covers its dark squares and no others', () => {
  const { data, size } = encode('otpauth://totp/kefu:amy?secret=JBSWY3DPEHPK3PXP&issuer=kefu', { ecc: 'M', border: 0 })
  const drawn = Array.from({ length: size }, () => Array<boolean>(size).fill(false))
  for (const [, x, y, width] of pathOf(data).matchAll(/M(\d+) (\d+)h(\d+)v1H\1z/g))
    for (let at = Number(x); at < Number(x) + Number(width); at++) drawn[Number(y)]![at] = true
  expect(drawn).toEqual(data.map((row) => row.map(Boolean)))
})
