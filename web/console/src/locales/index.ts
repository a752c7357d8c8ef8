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

/** Texts of pages that are not there from the start, by the first word of their keys. {@link withTexts} loads them. */
const later = {
  audit: { zh: () => import('./zh/audit'), en: () => import('./en/audit') },
  channels: { zh: () => import('./zh/channels'), en: () => import('./en/channels') },
  desk: { zh: () => import('./zh/desk'), en: () => import('./en/desk') },
  keys: { zh: () => import('./zh/keys'), en: () => import('./en/keys') },
  login: { zh: () => import('./zh/login'), en: () => import('./en/login') },
  members: { zh: () => import('./zh/members'), en: () => import('./en/members') },
  overview: { zh: () => import('./zh/overview'), en: () => import('./en/overview') },
  profile: { zh: () => import('./zh/profile'), en: () => import('./en/profile') },
  secondFactor: { zh: () => import('./zh/secondFactor'), en: () => import('./en/secondFactor') },
  team: { zh: () => import('./zh/team'), en: () => import('./en/team') },
}
export type LaterTexts = keyof typeof later
type Later<L extends Language> = {
  [K in LaterTexts]: Awaited<ReturnType<(typeof later)[K][L]>>['default']
}

type Shape<T> = { [K in keyof T]: T[K] extends string ? string : Shape<T[K]> }
type Keys<T, Prefix extends string = ''> = {
  [K in keyof T & string]: T[K] extends string ? `${Prefix}${K}` : Keys<T[K], `${Prefix}${K}.`>
}[keyof T & string]

type Texts = Shape<typeof zh>

/** The key of a text, e.g. `list.tab.all`. */
export type MessageKey = Keys<typeof zh> | Keys<Later<'zh'>>

/** Fails to compile when one language lacks a text of the other. */
export type SameTexts = [
  typeof en extends Texts ? true : never,
  typeof zh extends Shape<typeof en> ? true : never,
  Later<'en'> extends Shape<Later<'zh'>> ? true : never,
  Later<'zh'> extends Shape<Later<'en'>> ? true : never,
]
const sameTexts: SameTexts = [true, true, true, true]
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
/** The later texts that the page has asked for, and those of each language that are here. */
const wanted = new Set<LaterTexts>()
const here = new Set<string>()

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
  await Promise.all([...wanted].map((name) => loadLater(name, next)))
  i18n.global.locale.value = next
  document.documentElement.lang = LOCALES[next]
}

async function loadLater(name: LaterTexts, into: Language): Promise<void> {
  if (here.has(`${into}.${name}`)) return
  const { default: texts } = await later[name][into]()
  i18n.global.mergeLocaleMessage(into, { [name]: texts } as never)
  here.add(`${into}.${name}`)
}

/** Loads texts that are not there from the start, in the language of the page and in each that is chosen afterwards. */
export async function loadTexts(...names: LaterTexts[]): Promise<void> {
  for (const name of names) wanted.add(name)
  await Promise.all(names.map((name) => loadLater(name, language())))
}

/** For a part of the page that loads later: loads it together with its texts. */
export function withTexts<T>(names: LaterTexts[], load: () => Promise<T>): () => Promise<T> {
  return async () => {
    const [part] = await Promise.all([load(), loadTexts(...names)])
    return part
  }
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
