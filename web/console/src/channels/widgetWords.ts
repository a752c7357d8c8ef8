/** What the window says by itself. */
import englishWords from '@kefu/widget/locales/en'
import chineseWords from '@kefu/widget/locales/zh'
import { language } from '@/locales'
import type { ChannelSettings } from './channel'

/** The window's words in the language that it will have; one that follows its page is shown in the console's. */
export const widgetWords = (locale: ChannelSettings['locale']) =>
  (locale === 'auto' ? language() : locale) === 'zh' ? chineseWords : englishWords
