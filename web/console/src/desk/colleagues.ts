/** Who may get a round of service. */
import type { Data, Http } from '@kefu/client'
import { ON_DUTY, PAUSED } from '@kefu/client/desk'

/** Whether an agent is there, as the service says where the tenant has rounds. */
export interface DutyNow {
  /** 0 off, 1 on, 2 paused; `null` when the agent has said nothing. */
  duty: number | null
  online: boolean
  onDuty: boolean
  /** Members whom the agent serves at once, at most. */
  capacity: number
  /** Members whom the agent serves. */
  load: number
}

export type Colleague = Data<'get', '/admin-api/promotion/kefu-agent/list'>[number] & {
  /** There for agents who may take rounds. */
  now?: DutyNow
}
export type Group = Data<'get', '/admin-api/promotion/kefu-group/list'>[number]

/** The agents who may take rounds, those on duty first, then by name; all accounts where the service does not say who may. */
export async function colleaguesOf(http: Http): Promise<Colleague[]> {
  const all: Colleague[] = await http.call('get', '/admin-api/promotion/kefu-agent/list')
  const agents = all.some(({ now }) => now) ? all.filter(({ now }) => now) : all
  return agents.sort(
    (a, b) => Number(b.now?.onDuty ?? false) - Number(a.now?.onDuty ?? false) || a.nickname.localeCompare(b.nickname),
  )
}

export type Presence = 'on' | 'off' | 'paused' | 'offline' | 'online'

/** How an agent's duty is called. `online` where no more than that is known. */
export function presenceOf(now: Pick<DutyNow, 'duty' | 'online' | 'onDuty'> | undefined, online: boolean): Presence {
  if (!now) return online ? 'online' : 'offline'
  if (now.onDuty) return 'on'
  if (now.duty === PAUSED) return 'paused'
  return now.duty === ON_DUTY || (now.duty === null && !now.online) ? 'offline' : 'off'
}
