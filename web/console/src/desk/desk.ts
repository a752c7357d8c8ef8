/**
 * The desk: the open rounds of service, what this agent has of them, and duty.
 *
 * Protocol. Whether the tenant has rounds is said with the login, or by the first frame that tells of one; until then nothing is asked.
 * The rounds are read whenever the socket opens, and after a restore; frames keep them up to date. The list of
 * conversations learns from here which of its rows are this agent's and who waits.
 */
import { KefuError, type Task } from '@kefu/client'
import {
  CHANGED,
  Desk,
  FULL,
  isOpen,
  isWaiting,
  MISSED,
  OFFERED,
  TAKEN,
  type DeskChange,
  type Duty,
  type Receiver,
} from '@kefu/client/desk'
import { defineStore } from 'pinia'
import { computed, markRaw, ref, shallowReactive, shallowRef, watch } from 'vue'
import { faultOf, type Fault } from '@/app/faults'
import { useSession } from '@/app/session'
import { loadTexts, t } from '@/locales'
import { toast } from '@/ui/toast'
import { useConversations } from '@/workbench/conversations'
import { byQueue, PERMISSION, stateText } from './state'

export const useDesk = defineStore('desk', () => {
  const session = useSession()
  const conversations = useConversations()
  const client = session.client()
  const own = session.user?.id ?? 0
  const desk = markRaw(new Desk(client))

  /** A frame has told of a round. */
  const told = ref(false)
  const on = computed(() => session.may(PERMISSION.query) && (session.routing !== undefined || told.value))
  /** The open rounds, by conversation. */
  const tasks = shallowReactive(new Map<number, Task>())
  const phase = ref<'loading' | 'ready' | 'fault'>('loading')
  const fault = shallowRef<Fault | null>(null)
  const complete = ref(true)
  const duty = ref<Duty | null>(null)
  /** What supervisors are told of agents. */
  const duties = shallowReactive(new Map<number, Duty>())
  const loads = shallowReactive(new Map<number, number>())
  /** Why the last thing that was asked of a conversation's round was refused. */
  const refusals = shallowReactive(new Map<number, string>())
  /** Conversations whose round something is being asked of. */
  const busy = shallowReactive(new Set<number>())

  const all = computed(() => [...tasks.values()].sort(byQueue))
  const waiting = computed(() => all.value.filter(isWaiting))
  const missed = computed(() => waiting.value.filter(({ state }) => state === MISSED).length)
  const mine = computed(() => all.value.filter(({ agentId }) => agentId === own))
  const offers = computed(() => mine.value.filter(({ state }) => state === OFFERED))
  const load = computed(() => mine.value.length)
  const capacity = computed(() => session.routing?.capacity ?? null)

  watch(
    () => session.routing?.duty,
    (said) => (duty.value = (said ?? null) as Duty | null),
    { immediate: true },
  )
  watch([mine, waiting], () => conversations.setQueue(mine.value, waiting.value))

  /** Reads the rounds anew. */
  async function refresh(): Promise<void> {
    if (!on.value) return
    fault.value = null
    try {
      await Promise.all([desk.load(), loadTexts('desk')])
      phase.value = 'ready'
    } catch (error) {
      fault.value = faultOf(error)
      if (phase.value === 'loading') phase.value = 'fault'
    }
  }
  watch(on, (now) => {
    if (now) void refresh()
    else tasks.clear()
  })
  client.socket.on('state', (state) => state === 'open' && void refresh())
  client.store.subscribe((change) => change.type === 'reload' && void refresh())

  function mirror(task: Task): void {
    if (isOpen(task)) tasks.set(task.conversationId, task)
    else if (tasks.get(task.conversationId)?.id === task.id) tasks.delete(task.conversationId)
    if (task.endReason === 'routing_off') void leave()
    else if (!on.value) void enter()
    // What was said about the round before is no news any more.
    if (!busy.has(task.conversationId)) refusals.delete(task.conversationId)
    // The frame of a round may be the first news of its conversation.
    if (isOpen(task)) conversations.know(task.conversationId)
  }

  /** The tenant has rounds since just now. */
  async function enter(): Promise<void> {
    told.value = true
    await session.renew().catch(() => undefined)
  }

  /** The tenant has none any more. */
  async function leave(): Promise<void> {
    told.value = false
    if (session.routing) await session.renew().catch(() => undefined)
  }

  function take(change: DeskChange): void {
    switch (change.type) {
      case 'task':
        return mirror(change.task)
      case 'agent':
        loads.set(change.adminId, change.load)
        if (change.duty !== null) duties.set(change.adminId, change.duty)
        if (change.adminId === own) duty.value = change.duty
        return
      case 'hidden':
        tasks.delete(change.conversationId)
        return conversations.hide(change.conversationId)
      case 'loaded':
        complete.value = desk.complete
        // What was not told during a break of the socket is read again with the agents.
        loads.clear()
        tasks.clear()
        for (const task of desk.tasks.values()) tasks.set(task.conversationId, task)
        for (const task of mine.value) conversations.know(task.conversationId)
    }
  }
  desk.subscribe(take)

  /** Why the service has refused, in words for what stands there now. */
  function refusalOf(error: unknown, conversationId: number, receiver?: string): string {
    const task = tasks.get(conversationId)
    switch (error instanceof KefuError ? error.code : 0) {
      case TAKEN:
        return task?.agentNickname
          ? t('desk.refused.taken', { name: task.agentNickname })
          : t('desk.refused.takenBySomeone')
      case CHANGED:
        return t('desk.refused.changed', { state: stateText(task, own) })
      case FULL:
        if (receiver !== undefined) return t('desk.refused.agentFull', { name: receiver })
        return capacity.value === null
          ? t('desk.refused.fullUnknown')
          : t('desk.refused.full', { load: load.value, capacity: capacity.value })
      default:
        return faultOf(error).text
    }
  }

  /**
   * Asks something of a conversation's round. Answers why it was refused, or nothing; by then the round is the one that
   * stands there now.
   */
  async function attempt(
    conversationId: number,
    work: () => Promise<Task>,
    receiver?: string,
  ): Promise<string | undefined> {
    if (busy.has(conversationId)) return undefined
    busy.add(conversationId)
    refusals.delete(conversationId)
    try {
      await work()
      return undefined
    } catch (error) {
      const stale = error instanceof KefuError && (error.code === TAKEN || error.code === CHANGED)
      // The frame that tells why may have been missed.
      if (stale) await desk.history(conversationId).catch(() => undefined)
      return refusalOf(error, conversationId, receiver)
    } finally {
      busy.delete(conversationId)
    }
  }

  /** The same where it is said at the conversation. Answers whether it was done. */
  async function attemptInPlace(conversationId: number, work: () => Promise<Task>): Promise<boolean> {
    const refusal = await attempt(conversationId, work)
    if (refusal !== undefined) refusals.set(conversationId, refusal)
    return refusal === undefined
  }

  const takeConversation = (conversationId: number) => attemptInPlace(conversationId, () => desk.take(conversationId))
  const accept = (task: Task) => attemptInPlace(task.conversationId, () => desk.accept(task))
  const refuse = (task: Task) => attemptInPlace(task.conversationId, () => desk.refuse(task))
  const transfer = (task: Task, to: Receiver, reason: string, receiver: string) =>
    attempt(task.conversationId, () => desk.transfer(task, to, reason), receiver)
  const assign = (task: Task, agentId: number, receiver: string) =>
    attempt(task.conversationId, () => desk.assign(task, agentId), receiver)
  const close = (task: Task, reason: string) => attempt(task.conversationId, () => desk.close(task, reason))

  /** Sets the own duty, or another agent's. */
  async function setDuty(next: Duty, adminId = own): Promise<void> {
    try {
      await desk.setDuty(next, adminId === own ? undefined : adminId)
      duties.set(adminId, next)
      if (adminId !== own) return
      duty.value = next
      const words = { 0: 'desk.duty.done.off', 1: 'desk.duty.done.on', 2: 'desk.duty.done.paused' } as const
      void toast(t(words[next]), 'success')
    } catch (error) {
      void toast(faultOf(error).text, 'error')
    }
  }

  return {
    on,
    own,
    desk,
    tasks,
    phase,
    fault,
    complete,
    all,
    waiting,
    missed,
    mine,
    offers,
    load,
    loads,
    capacity,
    duty,
    duties,
    refusals,
    busy,
    refresh,
    take: takeConversation,
    accept,
    refuse,
    transfer,
    assign,
    close,
    setDuty,
  }
})
