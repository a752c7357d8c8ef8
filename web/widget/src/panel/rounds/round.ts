/** Where the visitor's round of service stands, as the service tells it, and what the panel says of it. Pure. */
import type { Message, OwnTask } from '@kefu/client'

const OFFERED = 0
const SERVING = 1
const WAITING = 3
/** Nobody is there who serves. */
export const MISSED = 4
const ADMIN = 2
const SYSTEM = 5

export interface Round {
  /** The open round, or the last one of this visit. */
  task: OwnTask | null
  /** Among those who wait, from 1. The service's own words for it know no language of the visitor's. */
  place?: number | null
}

const WORDS = {
  zh: {
    waiting: '正在为您安排客服',
    place: '您排在第 {n} 位',
    missed: '当前没有客服当值，我们会尽快回复您',
    offered: '正在为您转接',
    serving: '{name} 正在为您服务',
    ended: '本次服务已结束',
  },
  en: {
    waiting: 'An agent answers soon',
    place: 'You are no. {n} in line',
    missed: 'Nobody is on duty. We answer soon.',
    offered: 'You are being transferred',
    serving: '{name} is here for you',
    ended: 'This chat has ended',
  },
}

export type Line = keyof (typeof WORDS)['zh']

/** A word in the language of the panel. */
export function say(locale: string, key: Line, value: string | number = ''): string {
  return WORDS[/^zh/i.test(locale) ? 'zh' : 'en'][key].replace(/\{\w+\}/, `${value}`)
}

/** The agent who serves; empty when none does. */
export const agentOf = ({ task }: Round): string => (task?.state === SERVING ? (task.agentNickname ?? '') : '')

/** What stands below the messages; nothing where they say it themselves. */
export function lineOf({ task, place }: Round, messages: readonly Message[]): Line | undefined {
  const last = messages.at(-1)
  // The service has written it into the conversation.
  if (!last || last.contentType === SYSTEM) return undefined
  const own = task !== null && task.id === last.taskId
  if (!own) return task ? undefined : 'ended'
  switch (task.state) {
    case WAITING:
      return place ? 'place' : 'waiting'
    case MISSED:
      return 'missed'
    case OFFERED:
      return 'offered'
    case SERVING:
      // From the first answer on the agent speaks.
      return messages.some(({ taskId, senderType }) => taskId === task.id && senderType === ADMIN)
        ? undefined
        : 'serving'
    default:
      return 'ended'
  }
}
