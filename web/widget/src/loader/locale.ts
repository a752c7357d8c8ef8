/** The language tag in force: what the page asks for, what the channel says, the page's language, the browser's. */
export function chooseLocale(asked: string | undefined, channel: string | undefined): string {
  const fixed = asked ?? (channel === 'auto' ? '' : channel)
  return fixed || document.documentElement.lang || navigator.language || 'en'
}

/** The launcher's own words; the panel has the rest. */
export function launcherLabel(locale: string, open: boolean, unread: number): string {
  if (/^zh/i.test(locale)) return open ? '关闭客服窗口' : unread ? `在线客服，${unread} 条未读消息` : '在线客服'
  return open ? 'Close the chat' : unread ? `Chat with us, ${unread} unread` : 'Chat with us'
}

/** What is said when the panel cannot be loaded. */
export const lostText = (locale: string) =>
  /^zh/i.test(locale) ? '未能加载，点击重试' : 'This could not be loaded. Click to try again.'

/** The direction in which a language is written. */
export function direction(locale: string): 'rtl' | 'ltr' {
  return /^(ar|fa|he|ur|ug)\b/i.test(locale) ? 'rtl' : 'ltr'
}
