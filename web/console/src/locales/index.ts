/**
 * The texts of the console in its two languages.
 *
 * `t` takes only keys that exist, and the English texts must have the shape of the Chinese ones, so a missing text breaks
 * the type check. Only the language in use is loaded.
 */
import { createI18n } from 'vue-i18n'
import type en from './en'
import type zh from './zh'

export type Language = 'zh' | 'en'

type Shape<T> = { [K in keyof T]: T[K] extends string ? string : Shape<T[K]> }
type Keys<T, Prefix extends string = ''> = {
  [K in keyof T & string]: T[K] extends string ? `${Prefix}${K}` : Keys<T[K], `${Prefix}${K}.`>
}[keyof T & string]

type Texts = Shape<typeof zh>

/** The key of a text, e.g. `list.tab.all`. */
export type MessageKey = Keys<typeof zh>

/** Fails to compile when one language lacks a text of the other. */
export type SameTexts = [typeof en extends Texts ? true : never, typeof zh extends Shape<typeof en> ? true : never]
const sameTexts: SameTexts = [true, true]
void sameTexts

/** The languages by their own names. */
export const LANGUAGES: Record<Language, string> = { zh: '中文', en: 'English' }

/** What `Intl` and `lang` take for a language. */
export const LOCALES: Record<Language, string> = { zh: 'zh-CN', en: 'en' }

export const i18n = createI18n({
  legacy: false,
  locale: 'zh' as string,
  fallbackLocale: false,
  missingWarn: false,
  fallbackWarn: false,
  messages: {},
})

const loaders: Record<Language, () => Promise<{ default: Texts }>> = {
  zh: () => import('./zh'),
  en: () => import('./en'),
}
const loaded = new Set<Language>()

/** The language of the page. */
export function language(): Language {
  return i18n.global.locale.value as Language
}

/** Loads a language and shows the page in it. */
export async function setLanguage(next: Language): Promise<void> {
  if (!loaded.has(next)) {
    const { default: texts } = await loaders[next]()
    i18n.global.setLocaleMessage(next, texts as never)
    loaded.add(next)
  }
  i18n.global.locale.value = next
  document.documentElement.lang = LOCALES[next]
}

/** The language that a browser asks for; Chinese unless it prefers another one. */
export function preferredLanguage(languages: readonly string[]): Language {
  const first = languages[0]?.toLowerCase()
  return !first || first.startsWith('zh') ? 'zh' : 'en'
}

/**
 * The text of a key in the language of the page.
 *
 * `named` fills its placeholders; `plural` chooses among its forms (`one | many`). A template that calls it follows a change
 * of the language.
 */
export function t(key: MessageKey, named: Record<string, unknown> = {}, plural?: number): string {
  return plural === undefined ? i18n.global.t(key, named) : i18n.global.t(key, named, plural)
}
