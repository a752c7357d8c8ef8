/** Where a round of service stands, what may be done with it, and how that is said. Pure, but for the texts. */
import type { Task } from '@kefu/client'
import { isOpen, isWaiting, MISSED, OFFERED, WAITING } from '@kefu/client/desk'
import { t } from '@/locales'

export const PERMISSION = {
  query: 'promotion:kefu-task:query',
  take: 'promotion:kefu-task:take',
  takeAny: 'promotion:kefu-task:take-any',
  transfer: 'promotion:kefu-task:transfer',
  close: 'promotion:kefu-task:close',
  closeAny: 'promotion:kefu-task:close-any',
  assign: 'promotion:kefu-task:assign',
  supervise: 'promotion:kefu-task:supervise',
  manageAgents: 'promotion:kefu-agent:manage',
} as const

export type Move = 'take' | 'takeOver' | 'accept' | 'refuse' | 'transfer' | 'assign' | 'close'

/** What this admin may do with a conversation whose open round this is, or which has none. */
export function movesOf(task: Task | undefined, own: number, may: (permission: string) => boolean): Set<Move> {
  const moves = new Set<Move>()
  const add = (move: Move, ...permissions: string[]) => permissions.every(may) && moves.add(move)
  if (!task || !isOpen(task)) {
    add('take', PERMISSION.take)
    return moves
  }
  const mine = task.agentId === own
  if (isWaiting(task)) {
    add('take', PERMISSION.take)
    add('assign', PERMISSION.assign)
  } else if (mine) {
    if (task.state === OFFERED) {
      add('accept', PERMISSION.take)
      add('refuse', PERMISSION.take)
    }
    add('transfer', PERMISSION.transfer)
  } else {
    add('takeOver', PERMISSION.take, PERMISSION.takeAny)
    add('transfer', PERMISSION.transfer, PERMISSION.assign)
  }
  if (mine) add('close', PERMISSION.close)
  else add('close', PERMISSION.close, PERMISSION.closeAny)
  return moves
}

/** Where a round stands, in a few words. */
export function stateText(task: Task | undefined, own: number): string {
  if (!task) return t('desk.state.none')
  const name = task.agentNickname ?? ''
  switch (task.state) {
    case WAITING:
      return t('desk.state.waiting')
    case MISSED:
      return t('desk.state.missed')
    case OFFERED:
      return task.agentId === own ? t('desk.state.offeredMe') : t('desk.state.offered', { name })
    case -1:
      return t('desk.state.closed')
    case -2:
      return t('desk.state.silent')
    case -3:
      return t('desk.state.unserved')
    case -4:
      return t('desk.state.ended')
    default:
      return task.agentId === own ? t('desk.state.mine') : t('desk.state.serving', { name })
  }
}

/** Why a round has ended, as the service's own reasons read and as agents have written theirs. */
export function reasonText(reason: string): string {
  const known = ['member_left', 'routing_off', 'timeout'] as const
  const key = known.find((one) => one === reason)
  return key ? t(`desk.rounds.reasons.${key}`) : reason
}

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
/** From here on a wait is long, and then too long, in milliseconds. */
const SLOW = 2 * MINUTE
const LATE = 5 * MINUTE

/** How pressing a wait is. */
export function waitLevel(milliseconds: number): 'fresh' | 'slow' | 'late' {
  if (milliseconds > LATE) return 'late'
  return milliseconds > SLOW ? 'slow' : 'fresh'
}

/** A wait as a clock that ticks, `2:05`, and from an hour on in words. */
export function waitText(milliseconds: number): string {
  const waited = Math.max(0, milliseconds)
  if (waited >= DAY) return t('desk.time.days', { d: Math.floor(waited / DAY), h: Math.floor((waited % DAY) / HOUR) })
  if (waited >= HOUR)
    return t('desk.time.hours', { h: Math.floor(waited / HOUR), m: Math.floor((waited % HOUR) / MINUTE) })
  const seconds = Math.floor((waited % MINUTE) / SECOND)
  return `${Math.floor(waited / MINUTE)}:${String(seconds).padStart(2, '0')}`
}

/** Members wait in the order in which they came. */
export const byQueue = (a: Task, b: Task) => a.queuedAt - b.queuedAt || a.id - b.id
