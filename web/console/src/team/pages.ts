/** The pages of the team, in the order of their navigation, and who sees each of them. */

export const PERMISSION = {
  userQuery: 'system:user:query',
  userCreate: 'system:user:create',
  userUpdate: 'system:user:update',
  userDelete: 'system:user:delete',
  loginManage: 'system:login:manage',
  roleQuery: 'system:role:query',
  roleCreate: 'system:role:create',
  roleUpdate: 'system:role:update',
  roleDelete: 'system:role:delete',
  assign: 'system:permission:assign',
  taskQuery: 'promotion:kefu-task:query',
  groupManage: 'promotion:kefu-group:manage',
  agentManage: 'promotion:kefu-agent:manage',
  memberManage: 'promotion:kefu-member:manage',
  keyManage: 'promotion:kefu-api-key:manage',
  auditQuery: 'infra:audit:query',
  settingQuery: 'promotion:kefu-setting:query',
  settingUpdate: 'promotion:kefu-setting:update',
} as const

export type May = (permission: string) => boolean

export interface TeamPage {
  /** The route's name, and the end of its text's key. */
  name: 'people' | 'roles' | 'groups' | 'members' | 'keys' | 'audit' | 'settings'
  seenBy: (may: May) => boolean
}

export const PAGES: readonly TeamPage[] = [
  { name: 'people', seenBy: (may) => may(PERMISSION.userQuery) },
  { name: 'roles', seenBy: (may) => may(PERMISSION.roleQuery) },
  {
    // Every agent may read the groups, but the page is for those who look after a team.
    name: 'groups',
    seenBy: (may) =>
      may(PERMISSION.taskQuery) &&
      (may(PERMISSION.groupManage) || may(PERMISSION.agentManage) || may(PERMISSION.userQuery)),
  },
  { name: 'members', seenBy: (may) => may(PERMISSION.memberManage) },
  { name: 'keys', seenBy: (may) => may(PERMISSION.keyManage) },
  { name: 'audit', seenBy: (may) => may(PERMISSION.auditQuery) },
  { name: 'settings', seenBy: (may) => may(PERMISSION.settingQuery) },
]

/** The pages that somebody sees. */
export const pagesFor = (may: May): TeamPage[] => PAGES.filter(({ seenBy }) => seenBy(may))
