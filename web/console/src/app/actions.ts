/** The actions that every page of a login has. */
import { Bell, Brush, House, Search, SwitchButton, User } from '@element-plus/icons-vue'
import { useRouter } from 'vue-router'
import { MANAGE } from '@/channels/channel'
import { useActions } from '@/keyboard/actions'
import { pagesFor } from '@/team/pages'
import { Keyboard, Language, Team, Widget } from '@/ui/icons'
import { overlay } from './overlays'
import { usePreferences } from './preferences'
import { useSession } from './session'

/** Offers them while the calling component is mounted. */
export function usePageActions(): void {
  const router = useRouter()
  const preferences = usePreferences()
  const session = useSession()
  const dark = () => document.documentElement.classList.contains('dark')

  useActions([
    {
      label: 'keyboard.action.palette',
      group: 'general',
      keys: ['Ctrl+KeyK'],
      icon: Search,
      hidden: true,
      run: () => (overlay.value = 'palette'),
    },
    {
      label: 'keyboard.action.sheet',
      group: 'general',
      keys: ['=?'],
      icon: Keyboard,
      run: () => (overlay.value = 'shortcuts'),
    },
    { label: 'keyboard.action.home', group: 'general', icon: House, run: () => router.push({ name: 'home' }) },
    { label: 'keyboard.action.profile', group: 'general', icon: User, run: () => router.push({ name: 'profile' }) },
    {
      label: 'keyboard.action.channels',
      group: 'general',
      icon: Widget,
      enabled: () => session.may(MANAGE),
      run: () => router.push({ name: 'channels' }),
    },
    {
      label: 'keyboard.action.team',
      group: 'general',
      icon: Team,
      enabled: () => pagesFor(session.may).length > 0,
      run: () => router.push({ name: 'team' }),
    },
    {
      label: 'keyboard.action.sound',
      group: 'general',
      icon: Bell,
      run: () => (preferences.own.sound = !preferences.own.sound),
    },
    {
      label: 'keyboard.action.theme',
      group: 'general',
      icon: Brush,
      run: () => preferences.setTheme(dark() ? 'light' : 'dark'),
    },
    {
      label: 'keyboard.action.language',
      group: 'general',
      icon: Language,
      run: () => preferences.chooseLanguage(preferences.language === 'zh' ? 'en' : 'zh'),
    },
    { label: 'keyboard.action.logout', group: 'general', icon: SwitchButton, run: () => session.logout() },
  ])
}
