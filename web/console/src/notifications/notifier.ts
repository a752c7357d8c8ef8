/**
 * Tells the agent of new messages of members, and of what is offered to them: by sound, by a desktop notification, in the title
 * and on the icon.
 *
 * What comes over the socket drives it, since timers of hidden tabs are slowed down. Only one tab of a user plays and
 * notifies (`leader.ts`); each tab has its own title.
 */
import { MEMBER, type Message, type Task } from '@kefu/client'
import { onScopeDispose, watch } from 'vue'
import { useRoute, useRouter } from 'vue-router'
import { usePreferences, type SoundScope } from '@/app/preferences'
import { useSession } from '@/app/session'
import { useDesk } from '@/desk/desk'
import { t } from '@/locales'
import { memberName } from '@/members/name'
import { useConversations } from '@/workbench/conversations'
import { previewOf } from '@/workbench/list/preview'
import { showBadge } from './badge'
import { Leader } from './leader'
import { play, unlockWithFirstUse } from './sound'

const REPEAT = 30_000
/** A burst of messages, e.g. after a break, makes one sound. */
const PAUSE = 800

/** Whether a message is worth a sound. */
export function isAudible(scope: SoundScope, page: { hidden: boolean; lookedAt: boolean }): boolean {
  if (scope === 'always') return true
  return scope === 'hidden' ? page.hidden : page.hidden || !page.lookedAt
}

/** Tells of new messages while the calling component is mounted. */
export function useNotifier(): void {
  const session = useSession()
  const preferences = usePreferences()
  const conversations = useConversations()
  const desk = useDesk()
  const route = useRoute()
  const router = useRouter()
  const leader = new Leader(`kefu.leader.${session.user?.id ?? 0}`)
  const stopUnlocking = unlockWithFirstUse(() => leader.takeOver())
  let lastPlayed = 0

  const hidden = () => document.visibilityState === 'hidden'

  function sound(): void {
    const now = Date.now()
    if (!preferences.own.sound || now - lastPlayed < PAUSE) return
    lastPlayed = now
    play(preferences.own.tone, preferences.own.volume)
  }

  function tell(message: Message): void {
    const lookedAt = route.name === 'conversation' && Number(route.params['id']) === message.conversationId
    if (!leader.tells(message.id)) return
    if (isAudible(preferences.own.scope, { hidden: hidden() || !document.hasFocus(), lookedAt })) sound()
    const conversation = conversations.rows.get(message.conversationId)
    notify(
      message.conversationId,
      conversation ? memberName(conversation.userNickname) : t('notifications.newMessage'),
      previewOf(message.contentType, message.content),
      conversation?.userAvatar,
    )
  }

  /** An offer waits for an answer, so that it is heard whatever is looked at. */
  function tellOffer({ assignedAt, conversationId, userNickname, transferReason }: Task): void {
    if (!leader.tells(assignedAt ?? Date.now(), 'offered')) return
    sound()
    notify(conversationId, t('notifications.offer', { name: memberName(userNickname) }), transferReason ?? '')
  }

  function notify(conversationId: number, title: string, body: string, icon?: string | null): void {
    if (!preferences.own.desktop || (!hidden() && document.hasFocus())) return
    if (!('Notification' in window) || Notification.permission !== 'granted') return
    const note = new Notification(title, { body, tag: `kefu-${conversationId}`, silent: true, ...(icon && { icon }) })
    note.onclick = () => {
      window.focus()
      note.close()
      void router.push({ name: 'conversation', params: { id: conversationId } })
    }
  }

  const stopListening = session.client().store.subscribe((change) => {
    if (change.type !== 'messages' || !change.live) return
    const fresh = change.added.filter((message) => message.senderType === MEMBER && !message.readStatus)
    const last = fresh.at(-1)
    if (last) tell(last)
  })
  const stopOffers = desk.desk.subscribe((change) => change.type === 'offer' && tellOffer(change.task))
  const repeating = setInterval(() => {
    if (preferences.own.repeat && (conversations.counts?.unread ?? 0) > 0 && leader.repeats(REPEAT)) sound()
  }, REPEAT)
  watch(
    () => conversations.counts?.unread ?? 0,
    (unread) => showBadge(unread),
    { immediate: true },
  )

  onScopeDispose(() => {
    stopListening()
    stopOffers()
    stopUnlocking()
    clearInterval(repeating)
    leader.dispose()
  })
}
