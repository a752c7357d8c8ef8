/**
 * Permissions as the editor of a role shows them: by subject, in plain words, with what each needs to be of use.
 *
 * The service knows the names; what this list does not know, e.g. of a later version, is kept as it is and shown by name.
 */

/** The subjects, each with its permissions: the text's key and the service's name. */
export const SUBJECTS = [
  {
    name: 'conversations',
    permissions: [
      { key: 'queryConversations', name: 'promotion:kefu-conversation:query' },
      { key: 'queryAllConversations', name: 'promotion:kefu-conversation:query-all' },
      { key: 'queryMessages', name: 'promotion:kefu-message:query' },
      { key: 'sendMessages', name: 'promotion:kefu-message:send' },
      { key: 'updateMessages', name: 'promotion:kefu-message:update' },
      { key: 'updateConversations', name: 'promotion:kefu-conversation:update' },
      { key: 'deleteConversations', name: 'promotion:kefu-conversation:delete' },
    ],
  },
  {
    name: 'desk',
    permissions: [
      { key: 'takeTasks', name: 'promotion:kefu-task:take' },
      { key: 'transferTasks', name: 'promotion:kefu-task:transfer' },
      { key: 'closeTasks', name: 'promotion:kefu-task:close' },
      { key: 'superviseTasks', name: 'promotion:kefu-task:supervise' },
      { key: 'assignTasks', name: 'promotion:kefu-task:assign' },
      { key: 'takeAnyTasks', name: 'promotion:kefu-task:take-any' },
      { key: 'closeAnyTasks', name: 'promotion:kefu-task:close-any' },
      { key: 'overloadAgents', name: 'promotion:kefu-task:overload' },
    ],
  },
  { name: 'members', permissions: [{ key: 'manageMembers', name: 'promotion:kefu-member:manage' }] },
  {
    name: 'groups',
    permissions: [
      { key: 'queryTasks', name: 'promotion:kefu-task:query' },
      { key: 'manageGroups', name: 'promotion:kefu-group:manage' },
      { key: 'manageAgents', name: 'promotion:kefu-agent:manage' },
    ],
  },
  {
    name: 'people',
    permissions: [
      { key: 'queryUsers', name: 'system:user:query' },
      { key: 'createUsers', name: 'system:user:create' },
      { key: 'updateUsers', name: 'system:user:update' },
      { key: 'deleteUsers', name: 'system:user:delete' },
      { key: 'manageLogins', name: 'system:login:manage' },
    ],
  },
  {
    name: 'roles',
    permissions: [
      { key: 'queryRoles', name: 'system:role:query' },
      { key: 'createRoles', name: 'system:role:create' },
      { key: 'updateRoles', name: 'system:role:update' },
      { key: 'deleteRoles', name: 'system:role:delete' },
      { key: 'assignPermissions', name: 'system:permission:assign' },
    ],
  },
  {
    name: 'service',
    permissions: [
      { key: 'manageChannels', name: 'promotion:kefu-channel:manage' },
      { key: 'manageApiKeys', name: 'promotion:kefu-api-key:manage' },
      { key: 'querySettings', name: 'promotion:kefu-setting:query' },
      { key: 'updateSettings', name: 'promotion:kefu-setting:update' },
      { key: 'queryAudit', name: 'infra:audit:query' },
    ],
  },
] as const

export type SubjectName = (typeof SUBJECTS)[number]['name']
export type PermissionKey = (typeof SUBJECTS)[number]['permissions'][number]['key']
export interface NamedPermission {
  key: PermissionKey
  name: string
}

export const KNOWN: readonly NamedPermission[] = SUBJECTS.flatMap(
  (subject): readonly NamedPermission[] => subject.permissions,
)

/** The text's key of a permission, `undefined` of one that this list does not know. */
export const keyOf = (name: string): PermissionKey | undefined => KNOWN.find((one) => one.name === name)?.key

/** Without the second one the first is of no use in the console. */
const NEEDS: Record<string, string> = {
  'promotion:kefu-message:send': 'promotion:kefu-message:query',
  'promotion:kefu-message:update': 'promotion:kefu-message:query',
  'promotion:kefu-message:query': 'promotion:kefu-conversation:query',
  'promotion:kefu-conversation:query-all': 'promotion:kefu-conversation:query',
  'promotion:kefu-conversation:update': 'promotion:kefu-conversation:query',
  'promotion:kefu-conversation:delete': 'promotion:kefu-conversation:query',
  'promotion:kefu-task:take': 'promotion:kefu-task:query',
  'promotion:kefu-task:transfer': 'promotion:kefu-task:query',
  'promotion:kefu-task:close': 'promotion:kefu-task:query',
  'promotion:kefu-task:supervise': 'promotion:kefu-task:query',
  'promotion:kefu-task:assign': 'promotion:kefu-task:query',
  'promotion:kefu-task:take-any': 'promotion:kefu-task:take',
  'promotion:kefu-task:close-any': 'promotion:kefu-task:close',
  'promotion:kefu-task:overload': 'promotion:kefu-task:query',
  'promotion:kefu-group:manage': 'promotion:kefu-task:query',
  'promotion:kefu-agent:manage': 'promotion:kefu-task:query',
  'system:user:create': 'system:user:query',
  'system:user:update': 'system:user:query',
  'system:user:delete': 'system:user:query',
  'system:role:create': 'system:role:query',
  'system:role:update': 'system:role:query',
  'system:role:delete': 'system:role:query',
  'promotion:kefu-setting:update': 'promotion:kefu-setting:query',
}

/** What a permission needs, the nearest first. */
export function needsOf(name: string): string[] {
  const needed = NEEDS[name]
  return needed ? [needed, ...needsOf(needed)] : []
}

/** The permissions that need this one, directly or not. */
const dependantsOf = (name: string): string[] =>
  KNOWN.map((one) => one.name).filter((one) => needsOf(one).includes(name))

/** In the order of the list, unknown ones last: what the service is sent does not depend on the order of the clicks. */
export function sorted(names: Iterable<string>): string[] {
  const held = new Set(names)
  const known = KNOWN.map(({ name }) => name).filter((name) => held.delete(name))
  return [...known, ...[...held].sort()]
}

/**
 * What is held after somebody gives or takes a permission: with it goes what it needs, without it what needs it. What this
 * admin cannot grant stays as it is.
 */
export function withChange(
  held: readonly string[],
  name: string,
  give: boolean,
  grantable: (name: string) => boolean,
): string[] {
  const next = new Set(held)
  if (!grantable(name)) return sorted(next)
  if (give) for (const one of [name, ...needsOf(name)]) if (grantable(one)) next.add(one)
  if (!give) for (const one of [name, ...dependantsOf(name)]) if (grantable(one)) next.delete(one)
  return sorted(next)
}

/** The same for several at once. */
export function withAll(
  held: readonly string[],
  names: readonly string[],
  give: boolean,
  grantable: (name: string) => boolean,
): string[] {
  return names.reduce((so, name) => withChange(so, name, give, grantable), sorted(held))
}

/** How many of some are held: all of them, none, or some. */
export function share(held: readonly string[], names: readonly string[]): 'all' | 'some' | 'none' {
  const count = names.filter((name) => held.includes(name)).length
  return count === 0 ? 'none' : count === names.length ? 'all' : 'some'
}

/** What of a role this admin does not hold, and so cannot give. */
export function lacking(permissions: readonly string[], may: (name: string) => boolean): string[] {
  return sorted(permissions).filter((name) => !may(name))
}
