/**
 * Tells the agent of new messages of members: by sound, by a desktop notification, in the title and on the icon.
 *
 * What comes over the socket drives it, since timers of hidden tabs are slowed down. Only one tab of a user plays and
 * notifies (`leader.ts`); each tab has its own title.
 */
import { MEMBER, type Message } from '@kefu/client'
import { onScopeDispose, watch } from 'vue'
import { useRoute, useRouter } from 'vue-router'
import { usePreferences, type SoundScope } from '@/app/preferences'
import { useSession } from '@/app/session'
import { t } from '@/locales'
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
    if (preferences.own.desktop && (hidden() || !document.hasFocus())) notify(message)
  }

  function notify(message: Message): void {
    if (!('Notification' in window) || Notification.permission !== 'granted') return
    const conversation = conversations.rows.get(message.conversationId)
    const note = new Notification(conversation?.userNickname ?? t('notifications.newMessage'), {
      body: previewOf(message.contentType, message.content),
      tag: `kefu-${message.conversationId}`,
      silent: true,
      ...(conversation?.userAvatar && { icon: conversation.userAvatar }),
    })
    note.onclick = () => {
      window.focus()
      note.close()
      void router.push({ name: 'conversation', params: { id: message.conversationId } })
    }
  }

  const stopListening = session.client().store.subscribe((change) => {
    if (change.type !== 'messages' || !change.live) return
    const fresh = change.added.filter((message) => message.senderType === MEMBER && !message.readStatus)
    const last = fresh.at(-1)
    if (last) tell(last)
  })
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
    stopUnlocking()
    clearInterval(repeating)
    leader.dispose()
  })
}
