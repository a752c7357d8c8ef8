import { beforeEach, describe, expect, it } from 'vitest'
import { i18n, loadTexts, preferredLanguage, setLanguage, t } from '.'

/** The texts by the file that they are in, with those that load later. */
const zh = texts(import.meta.glob('./zh/*.ts', { eager: true, import: 'default' }))
const en = texts(import.meta.glob('./en/*.ts', { eager: true, import: 'default' }))

function texts(files: Record<string, unknown>): object {
  return Object.fromEntries(Object.entries(files).map(([path, file]) => [path.replace(/^.*\/|\.ts$/g, ''), file]))
}

/** A compiled message as it was written. */
function leaves(texts: object, prefix = ''): [string, string][] {
  return Object.entries(texts).flatMap(([key, value]) => {
    const path = prefix + key
    if (typeof value === 'string') return [[path, value] as [string, string]]
    if (value && typeof value === 'object' && 'body' in value) {
      const source = (value as { loc?: { source?: string } }).loc?.source
      return [[path, source ?? JSON.stringify(value)] as [string, string]]
    }
    return value && typeof value === 'object' ? leaves(value, `${path}.`) : []
  })
}

/** Keys whose text is the same in both languages. */
const SAME = new Set<string>([])

describe('texts', () => {
  const chinese = new Map(leaves(zh))
  const english = new Map(leaves(en))

  it('has the same keys in both languages', () => {
    expect(chinese.size).toBeGreaterThan(150)
    expect([...english.keys()].sort()).toEqual([...chinese.keys()].sort())
  })

  it('has no Chinese in English', () => {
    expect([...english].filter(([, text]) => /\p{Script=Han}/u.test(text))).toEqual([])
  })

  it('translates everything', () => {
    const same = [...english].filter(([key, text]) => chinese.get(key) === text && !SAME.has(key))
    expect(same).toEqual([])
  })
})

describe('language', () => {
  beforeEach(() => setLanguage('en'))

  it('fills placeholders and chooses the plural', async () => {
    expect(t('list.unread', { n: 3 })).toBe('3 unread')
    expect(t('app.connection.recoveredCount', { n: 1 }, 1)).toBe('Back online, 1 message caught up')
    expect(t('app.connection.recoveredCount', { n: 2 }, 2)).toBe('Back online, 2 messages caught up')
    await setLanguage('zh')
    expect(t('app.connection.recoveredCount', { n: 3 }, 3)).toBe('已恢复，补收 3 条')
    expect(document.documentElement.lang).toBe('zh-CN')
    expect(i18n.global.locale.value).toBe('zh')
  })

  it('has later texts in each language that is chosen afterwards', async () => {
    await loadTexts('audit')
    expect(t('audit.title')).toBe('Audit')
    await setLanguage('zh')
    expect(t('audit.title')).toBe('操作日志')
  })

  it('is Chinese unless the browser prefers another one', () => {
    expect(preferredLanguage([])).toBe('zh')
    expect(preferredLanguage(['zh-TW', 'en'])).toBe('zh')
    expect(preferredLanguage(['de', 'zh'])).toBe('en')
  })
})
