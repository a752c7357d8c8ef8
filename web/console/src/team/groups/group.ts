/** The forms of a group and of its agents. */
import type { Agent, Group, GroupDraft, Membership } from '../api'

/** The highest level. */
export const HIGHEST = 9

export interface GroupMember extends Omit<Membership, 'id'> {
  adminId: number
}

export interface GroupForm extends Omit<GroupDraft, 'capacity' | 'priority' | 'maxWaiting'> {
  capacity: number | ''
  priority: number | ''
  maxWaiting: number | ''
  members: GroupMember[]
}

export function emptyForm(): GroupForm {
  return {
    name: '',
    policy: 'leastLoad',
    capacity: 5,
    strict: false,
    priority: 0,
    calendarId: null,
    fallbackGroupId: null,
    offDuty: 'leave',
    maxWaiting: 0,
    members: [],
  }
}

export function toForm(group: Group, agents: readonly Agent[]): GroupForm {
  const { name, policy, capacity, strict, priority, calendarId, fallbackGroupId, offDuty, maxWaiting, id } = group
  const members = membersOf(id, agents)
  return { name, policy, capacity, strict, priority, calendarId, fallbackGroupId, offDuty, maxWaiting, members }
}

/** Who belongs to a group, by the agents' names. */
export function membersOf(groupId: number, agents: readonly Agent[]): GroupMember[] {
  return agents.flatMap(({ adminId, groups }) =>
    groups.filter(({ id }) => id === groupId).map(({ level, lead, excluded }) => ({ adminId, level, lead, excluded })),
  )
}

export function toDraft(form: GroupForm): GroupDraft {
  const { name, policy, strict, calendarId, offDuty, capacity, priority, maxWaiting, fallbackGroupId } = form
  return {
    name: name.trim(),
    policy,
    capacity: Number(capacity),
    strict,
    priority: Number(priority),
    calendarId,
    fallbackGroupId: offDuty === 'fallback' ? fallbackGroupId : null,
    offDuty,
    maxWaiting: Number(maxWaiting),
  }
}

export interface AgentChange {
  adminId: number
  capacity: number | null
  groups: Membership[]
}

const plain = ({ id, level, lead, excluded }: Membership): Membership => ({ id, level, lead, excluded })

/** What has to be said of which agent so that a group has these members. Their other groups stay as they are. */
export function agentChanges(
  groupId: number,
  members: readonly GroupMember[],
  agents: readonly Agent[],
): AgentChange[] {
  return agents.flatMap(({ adminId, capacity, groups }) => {
    const before = groups.find(({ id }) => id === groupId)
    const member = members.find((one) => one.adminId === adminId)
    const after = member && { id: groupId, level: member.level, lead: member.lead, excluded: member.excluded }
    if (JSON.stringify(before && plain(before)) === JSON.stringify(after)) return []
    const others = groups.filter(({ id }) => id !== groupId).map(plain)
    return [{ adminId, capacity, groups: after ? [...others, after] : others }]
  })
}
