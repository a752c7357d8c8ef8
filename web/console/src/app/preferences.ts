/**
 * What a user has chosen. Theme and language belong to the browser, because the login page has them, too; the rest belongs
 * to the user of this browser.
 */
import { defineStore } from 'pinia'
import { reactive, ref, watch } from 'vue'
import { preferredLanguage, setLanguage, type Language } from '@/locales'
import { local } from './storage'

export type Theme = 'system' | 'light' | 'dark'
/** When a sound is played: for each message, unless its conversation is looked at, only while the page is hidden. */
export type SoundScope = 'always' | 'unseen' | 'hidden'
export type Tone = 'ding' | 'chime' | 'knock'

/** What a user has chosen, with what holds until they choose. */
export const DEFAULTS = {
  /** Which keys send a message. */
  send: 'enter' as 'enter' | 'ctrlEnter',
  /** Whether single keys are shortcuts. */
  keyboard: true,
  /** Whether rows show for how long a member has waited. */
  waiting: true,
  sound: true,
  tone: 'ding' as Tone,
  /** 0 to 100. */
  volume: 70,
  scope: 'unseen' as SoundScope,
  /** Repeats the sound while something is unread. */
  repeat: false,
  /** Whether to show desktop notifications, if the browser allows them. */
  desktop: false,
  /** Width of the list in pixels. */
  listWidth: 320,
  /** Whether the member's details are shown on wide screens. */
  panel: true,
}
export type Preferences = typeof DEFAULTS

/** Takes only values of the right type, because what is stored may come from another version. */
export function restored(stored: unknown): Preferences {
  const values: Record<string, unknown> = { ...DEFAULTS }
  if (stored && typeof stored === 'object')
    for (const [name, value] of Object.entries(stored))
      if (name in DEFAULTS && typeof value === typeof values[name]) values[name] = value
  return values as Preferences
}

export const usePreferences = defineStore('preferences', () => {
  const theme = ref<Theme>(asTheme(local.get('kefu.theme')))
  const language = ref<Language>(asLanguage(local.get('kefu.language')))
  const own = reactive<Preferences>({ ...DEFAULTS })
  let key: string | null = null

  const prefersDark = matchMedia('(prefers-color-scheme: dark)')
  const applyTheme = () => {
    const dark = theme.value === 'dark' || (theme.value === 'system' && prefersDark.matches)
    document.documentElement.classList.toggle('dark', dark)
  }
  prefersDark.addEventListener('change', applyTheme)
  watch(theme, applyTheme, { immediate: true })

  function setTheme(next: Theme): void {
    theme.value = next
    local.set('kefu.theme', next)
  }

  async function chooseLanguage(next: Language): Promise<void> {
    await setLanguage(next)
    language.value = next
    local.set('kefu.language', next)
  }

  /** Takes up the choices of a user, and keeps what changes from now on. */
  function use(userId: number): void {
    key = `kefu.preferences.${userId}`
    Object.assign(own, restored(local.read(key)))
  }

  watch(own, () => key && local.write(key, own))
  // Another tab of the same user has changed something.
  addEventListener('storage', (event) => {
    if (event.key !== null && event.key === key) Object.assign(own, restored(local.read(key)))
    if (event.key === 'kefu.theme') theme.value = asTheme(event.newValue)
  })

  return { theme, language, own, setTheme, chooseLanguage, use }
})

function asTheme(stored: string | null): Theme {
  return stored === 'light' || stored === 'dark' ? stored : 'system'
}

function asLanguage(stored: string | null): Language {
  return stored === 'zh' || stored === 'en' ? stored : preferredLanguage(navigator.languages)
}
