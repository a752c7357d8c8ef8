import type { Client, UserType } from '@kefu/client'
import { onScopeDispose, type Ref, shallowRef } from 'vue'

/** Somebody who types. */
export interface Typist {
  userId: number
  userType: UserType
}

/** For how long a notice holds, in milliseconds: none says that it has ended. */
export const typingHolds = 6000

/** Who types in a conversation, the agent of this page left out. A message ends the typing of its sender. */
export function useTypists(client: Client, conversationId: number, ownId: number): Ref<readonly Typist[]> {
  const typists = shallowRef<readonly Typist[]>([])
  const timers = new Map<string, ReturnType<typeof setTimeout>>()

  function stop({ userId, userType }: Typist): void {
    const key = `${userType}.${userId}`
    clearTimeout(timers.get(key))
    if (timers.delete(key))
      typists.value = typists.value.filter((one) => one.userId !== userId || one.userType !== userType)
  }

  const end = client.store.subscribe((change) => {
    if (change.type === 'messages' && change.id === conversationId && change.live) {
      for (const message of change.added) stop({ userId: message.senderId, userType: message.senderType })
    }
    if (change.type !== 'typing' || change.id !== conversationId) return
    const { userId, userType } = change
    if (userType === 2 && userId === ownId) return
    const key = `${userType}.${userId}`
    if (!timers.has(key)) typists.value = [...typists.value, { userId, userType }]
    clearTimeout(timers.get(key))
    timers.set(
      key,
      setTimeout(() => stop({ userId, userType }), typingHolds),
    )
  })
  onScopeDispose(() => {
    end()
    for (const timer of timers.values()) clearTimeout(timer)
  })
  return typists
}
