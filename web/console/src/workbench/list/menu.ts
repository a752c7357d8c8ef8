/** The menu of a row. */
import { Delete } from '@element-plus/icons-vue'
import type { Conversation } from '@kefu/client'
import { useRouter } from 'vue-router'
import { useSession } from '@/app/session'
import { t } from '@/locales'
import { MarkUnread, Pin, Unpin } from '@/ui/icons'
import { openMenu, type MenuItem } from '@/ui/menu'
import { useConversations } from '../conversations'
import { isUnread } from '../order'

/** Answers a function that opens the menu of a conversation at the pointer or below an element. */
export function useRowMenu(): (row: Conversation, at: MouseEvent | HTMLElement) => void {
  const conversations = useConversations()
  const session = useSession()
  const router = useRouter()
  const { actions } = conversations

  const open = (row: Conversation) => router.push({ name: 'conversation', params: { id: row.id } })

  async function hide(row: Conversation): Promise<void> {
    const wasOpen = conversations.openId === row.id
    if ((await actions.hide(row)) && wasOpen) await router.push({ name: 'home' })
  }

  return (row, at) => {
    const opener = document.querySelector<HTMLElement>(`[role=option][data-id="${row.id}"]`)
    const items: MenuItem[] = []
    if (session.may('promotion:kefu-conversation:update'))
      items.push(
        {
          label: row.adminPinned ? t('list.menu.unpin') : t('list.menu.pin'),
          icon: row.adminPinned ? Unpin : Pin,
          run: () => actions.pin(row, !row.adminPinned),
        },
        {
          label: t('list.menu.markUnread'),
          icon: MarkUnread,
          disabled: isUnread(row),
          run: () => actions.markUnread(row),
        },
      )
    if (session.may('promotion:kefu-conversation:delete'))
      items.push({ label: t('list.menu.hide'), icon: Delete, danger: true, separated: true, run: () => hide(row) })
    if (items.length === 0) items.push({ label: t('list.menu.open'), run: () => open(row) })
    openMenu(t('list.menu.label'), items, at, { opener })
  }
}
