/** What an agent does with a conversation. It shows at once, and is taken back when the service refuses. */
import { KefuError, type Conversation, type Http, type Store } from '@kefu/client'
import { faultOf } from '@/app/faults'
import { t } from '@/locales'
import { memberName } from '@/members/name'
import { ask } from '@/ui/confirm'
import { toast } from '@/ui/toast'

/** The service answers so when there is no conversation and no member to make one for. */
const UNKNOWN = 1013019000

export class Actions {
  constructor(
    private readonly http: Http,
    private readonly store: Store,
  ) {}

  /** Pins a conversation for all agents, or takes that back. */
  async pin(row: Conversation, adminPinned: boolean): Promise<void> {
    const show = (pinned: boolean) =>
      this.store.apply({ type: 'kefu_conversation_pinned', content: { conversationId: row.id, adminPinned: pinned } })
    await this.attempt(show, adminPinned, () =>
      this.http.call('put', '/admin-api/promotion/kefu-conversation/update-conversation-pinned', {
        body: { id: row.id, adminPinned },
      }),
    )
  }

  /** Marks a conversation as unread for all agents. */
  async markUnread(row: Conversation): Promise<void> {
    const show = (markedUnread: boolean) =>
      this.store.apply({ type: 'kefu_conversation_marked', content: { conversationId: row.id, markedUnread } })
    await this.attempt(show, true, () =>
      this.http.call('put', '/admin-api/promotion/kefu-conversation/mark-unread', { body: { id: row.id } }),
    )
  }

  /** Asks, and then takes a conversation out of the list of all agents. Answers whether it was done. */
  async hide(row: Conversation): Promise<boolean> {
    const yes = await ask({
      title: t('list.hide.title'),
      text: t('list.hide.text', { name: memberName(row.userNickname) }),
      confirm: t('list.hide.confirm'),
      danger: true,
    })
    if (!yes) return false
    try {
      await this.http.call('delete', '/admin-api/promotion/kefu-conversation/delete', { query: { id: row.id } })
      this.store.apply({ type: 'kefu_conversation_deleted', content: { conversationId: row.id } })
      return true
    } catch (error) {
      void toast(faultOf(error).text, 'error')
      return false
    }
  }

  /** Begins a conversation with a member, or finds the one there is. Answers its id. @throws KefuError */
  begin(userId: number): Promise<number> {
    return this.http.call('post', '/admin-api/promotion/kefu-conversation/open', { body: { userId } })
  }

  private async attempt(show: (value: boolean) => void, value: boolean, call: () => Promise<unknown>): Promise<void> {
    show(value)
    try {
      await call()
    } catch (error) {
      show(!value)
      void toast(faultOf(error).text, 'error')
    }
  }
}

/** Whether `begin` failed because there is no such member. */
export function isUnknownMember(error: unknown): boolean {
  return error instanceof KefuError && error.code === UNKNOWN
}
