import { expect, it } from 'vitest'
import { deviceName, isMobile } from './device'

it('names browsers and systems', () => {
  const edge =
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/131.0.0.0 Safari/537.36 Edg/131.0.0.0'
  const iphone =
    'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile/15E148 Safari/604.1'
  expect(deviceName(edge)).toBe('Edge 131 · Windows')
  expect(deviceName(iphone)).toBe('Safari 18 · iPhone')
  expect(deviceName('curl/8.5.0')).toBe('curl 8')
  expect(deviceName('some robot')).toBe('some robot')
  expect([isMobile(edge), isMobile(iphone)]).toEqual([false, true])
})
