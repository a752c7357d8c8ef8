/** The team: accounts, roles, groups and agents, and the calls that manage them. Each call throws KefuError. */
import type { Data, Http } from '@kefu/client'

/** 0: enabled, 1: disabled. */
export type Status = 0 | 1

export interface RoleName {
  id: number
  code: string
  name: string
}

/** The account of an admin. */
export interface User {
  id: number
  username: string
  nickname: string
  avatar: string
  email: string
  mobile: string
  remark: string
  status: Status
  roles: RoleName[]
  secondFactor: boolean
  createTime: number
}

export interface UserQuery {
  pageNo: number
  pageSize: number
  /** The beginning of a user name or nickname. */
  q?: string | undefined
  status?: Status | undefined
  roleId?: number | undefined
}

/** What can be changed of an account. */
export interface UserDraft {
  nickname: string
  email: string
  mobile: string
  remark: string
  avatar: string
}

export interface NewUser extends UserDraft {
  username: string
  password: string
  roleIds?: number[]
}

export interface Role extends RoleName {
  sort: number
  status: Status
  /** 1: one of the three that every team has, 2: one of its own. */
  type: 1 | 2
  remark: string
  permissions: string[]
  /** Whether its holders have to log in with a second factor. */
  secondFactor: boolean
  /** How many hold it. */
  users: number
  createTime: number
}

export interface RoleDraft {
  name: string
  sort: number
  status: Status
  remark: string
  secondFactor: boolean
}

export type Login = Data<'get', '/admin-api/system/login/list'>[number]

export const POLICIES = ['leastLoad', 'longestIdle', 'level'] as const
export const OFF_DUTY = ['leave', 'queue', 'fallback'] as const

export interface GroupDraft {
  name: string
  /** Who gets the next conversation. */
  policy: (typeof POLICIES)[number]
  /** Conversations that an agent of the group has at once, unless the agent has a number of their own. */
  capacity: number
  /** Whether conversations of this group go to its members alone. */
  strict: boolean
  /** The lower goes first. */
  priority: number
  calendarId: number | null
  fallbackGroupId: number | null
  /** What happens while nobody of the group is on duty. */
  offDuty: (typeof OFF_DUTY)[number]
  /** Members who wait at once; 0: as many as come. */
  maxWaiting: number
}

export interface Group extends GroupDraft {
  id: number
  /** How many agents belong to it. */
  members: number
  createTime: number
}

export interface Membership {
  id: number
  /** Of skill, 0 to 9. */
  level: number
  lead: boolean
  /** Gets nothing of this group although a member. */
  excluded: boolean
}

export interface Agent {
  adminId: number
  username: string
  nickname: string
  avatar: string
  /** `null`: as the groups say. */
  capacity: number | null
  groups: (Membership & { name: string })[]
}

export type TenantSettings = Data<'get', '/admin-api/promotion/kefu-setting/get'>

export interface Page<T> {
  list: T[]
  total: number
}

/** Pages of this many at most. */
export const MOST = 200

type Call = <T>(method: string, path: string, request?: { query?: object; body?: unknown }) => Promise<T>

export class TeamCalls {
  private readonly call: Call

  constructor(http: Http) {
    this.call = http.call as unknown as Call
  }

  users(query: UserQuery): Promise<Page<User>> {
    return this.call('get', '/admin-api/system/user/page', { query })
  }

  /** `null` when there is none. */
  user(id: number): Promise<User | null> {
    return this.call('get', '/admin-api/system/user/get', { query: { id } })
  }

  /** Answers the new one's id. */
  createUser(body: NewUser): Promise<number> {
    return this.call('post', '/admin-api/system/user/create', { body })
  }

  async updateUser(id: number, draft: UserDraft): Promise<void> {
    await this.call('put', '/admin-api/system/user/update', { body: { id, ...draft } })
  }

  async deleteUser(id: number): Promise<void> {
    await this.call('delete', '/admin-api/system/user/delete', { query: { id } })
  }

  /** Sets another password, which ends the logins. */
  async setPassword(id: number, password: string): Promise<void> {
    await this.call('put', '/admin-api/system/user/update-password', { body: { id, password } })
  }

  async setStatus(id: number, status: Status): Promise<void> {
    await this.call('put', '/admin-api/system/user/update-status', { body: { id, status } })
  }

  /** Switches the second factor off, for who has lost the device. */
  async endSecondFactor(id: number): Promise<void> {
    await this.call('delete', '/admin-api/system/user/second-factor', { query: { id } })
  }

  async setRoles(userId: number, roleIds: number[]): Promise<void> {
    await this.call('post', '/admin-api/system/permission/assign-user-role', { body: { userId, roleIds } })
  }

  logins(userId: number): Promise<Login[]> {
    return this.call('get', '/admin-api/system/login/list', { query: { userId, userType: 2 } })
  }

  async endLogin(id: number): Promise<void> {
    await this.call('delete', '/admin-api/system/login/delete', { query: { id } })
  }

  /** All roles, in their order. */
  async roles(): Promise<Role[]> {
    const page = await this.call<Page<Role>>('get', '/admin-api/system/role/page', {
      query: { pageNo: 1, pageSize: MOST },
    })
    return page.list
  }

  /** `null` when there is none. */
  role(id: number): Promise<Role | null> {
    return this.call('get', '/admin-api/system/role/get', { query: { id } })
  }

  /** Answers the new one's id. */
  createRole(draft: RoleDraft & { code?: string; permissions?: string[] }): Promise<number> {
    return this.call('post', '/admin-api/system/role/create', { body: draft })
  }

  /** Of a built-in role only the second factor can be changed. */
  async updateRole(id: number, draft: Partial<RoleDraft>): Promise<void> {
    await this.call('put', '/admin-api/system/role/update', { body: { id, ...draft } })
  }

  async deleteRole(id: number): Promise<void> {
    await this.call('delete', '/admin-api/system/role/delete', { query: { id } })
  }

  async setPermissions(roleId: number, permissions: string[]): Promise<void> {
    await this.call('post', '/admin-api/system/permission/assign-role-permission', { body: { roleId, permissions } })
  }

  groups(): Promise<Group[]> {
    return this.call('get', '/admin-api/promotion/kefu-group/list')
  }

  /** `null` when there is none. */
  group(id: number): Promise<Group | null> {
    return this.call('get', '/admin-api/promotion/kefu-group/get', { query: { id } })
  }

  /** Answers the new one's id. */
  createGroup(body: GroupDraft): Promise<number> {
    return this.call('post', '/admin-api/promotion/kefu-group/create', { body })
  }

  async updateGroup(id: number, draft: GroupDraft): Promise<void> {
    await this.call('put', '/admin-api/promotion/kefu-group/update', { body: { id, ...draft } })
  }

  async deleteGroup(id: number): Promise<void> {
    await this.call('delete', '/admin-api/promotion/kefu-group/delete', { query: { id } })
  }

  agents(): Promise<Agent[]> {
    return this.call('get', '/admin-api/promotion/kefu-agent/list')
  }

  async updateAgent(adminId: number, capacity: number | null, groups: Membership[]): Promise<void> {
    await this.call('put', '/admin-api/promotion/kefu-agent/update', { body: { adminId, capacity, groups } })
  }

  settings(): Promise<TenantSettings> {
    return this.call('get', '/admin-api/promotion/kefu-setting/get')
  }

  /** Changes what is named, and answers what is in force. */
  async updateSettings(body: {
    message?: { typing?: boolean }
    login?: { ttl?: number }
    routing?: Partial<TenantSettings['routing']>
  }): Promise<void> {
    await this.call('put', '/admin-api/promotion/kefu-setting/update', { body })
  }
}
