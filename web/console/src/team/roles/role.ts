/** The form of a role. */
import type { Role, RoleDraft } from '../api'
import { sorted } from '../permissions'

export interface RoleForm {
  name: string
  code: string
  sort: number | ''
  enabled: boolean
  remark: string
  secondFactor: boolean
  permissions: string[]
}

export function emptyForm(): RoleForm {
  return { name: '', code: '', sort: 10, enabled: true, remark: '', secondFactor: false, permissions: [] }
}

export function toForm(role: Role): RoleForm {
  const { name, code, sort, status, remark, secondFactor, permissions } = role
  return { name, code, sort, enabled: status === 0, remark, secondFactor, permissions: sorted(permissions) }
}

/** A form for a new role like another one, with what this admin may give of it. */
export function copyOf(role: Role, name: string, may: (permission: string) => boolean): RoleForm {
  return {
    ...emptyForm(),
    name,
    remark: role.type === 1 ? '' : role.remark,
    permissions: sorted(role.permissions.filter(may)),
  }
}

export function toDraft({ name, sort, enabled, remark, secondFactor }: RoleForm): RoleDraft {
  return { name: name.trim(), sort: Number(sort), status: enabled ? 0 : 1, remark: remark.trim(), secondFactor }
}

/** The last place in lists. */
export const LAST = 9999

/** Whether an input of a number holds a whole one between two. */
export const isWhole = (value: number | '', least: number, most = Number.MAX_SAFE_INTEGER): boolean =>
  typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most
