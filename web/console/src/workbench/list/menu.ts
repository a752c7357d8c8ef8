/** The menu of a row. */
import { Delete } from '@element-plus/icons-vue'
import type { Conversation } from '@kefu/client'
import { useRouter } from 'vue-router'
import { useSession } from '@/app/session'
import { keyText } from '@/keyboard/keys'
import { t } from '@/locales'
import { MarkUnread, Pin, Unpin } from '@/ui/icons'
import { openMenu } from '@/ui/menu'
import { useConversations } from '../conversations'

/** Answers a function that opens the menu of a conversation at the pointer or below an element. */
export function useRowMenu(): (row: Conversation, at: MouseEvent | HTMLElement) => void {
  const conversations = useConversations()
  const session = useSession()
  const router = useRouter()
  const { actions } = conversations
  const mayUpdate = () => session.may('promotion:kefu-conversation:update')
  const mayDelete = () => session.may('promotion:kefu-conversation:delete')

  return (row, at) => {
    const opener = document.querySelector<HTMLElement>(`[role=option][data-id="${row.id}"]`)
    openMenu(
      t('list.menu.label'),
      [
        {
          label: row.adminPinned ? t('list.menu.unpin') : t('list.menu.pin'),
          icon: row.adminPinned ? Unpin : Pin,
          keys: keyText('KeyP'),
          disabled: !mayUpdate(),
          run: () => actions.pin(row, !row.adminPinned),
        },
        {
          label: t('list.menu.markUnread'),
          icon: MarkUnread,
          disabled: !mayUpdate() || row.markedUnread === true || row.adminUnreadMessageCount > 0,
          run: () => actions.markUnread(row),
        },
        {
          label: t('list.menu.hide'),
          icon: Delete,
          danger: true,
          separated: true,
          disabled: !mayDelete(),
          run: async () => {
            const wasOpen = conversations.openId === row.id
            if ((await actions.hide(row)) && wasOpen) await router.push({ name: 'home' })
          },
        },
      ],
      at,
      { opener },
    )
  }
}
