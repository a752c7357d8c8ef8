/** The names of roles: of the built-in ones in the language of the page, of the team's own as they were given. */
import { t } from '@/locales'
import type { RoleName } from './api'

const BUILT_IN = { owner: 'owner', super_admin: 'owner', agent: 'agent', viewer: 'viewer' } as const

export type BuiltIn = (typeof BUILT_IN)[keyof typeof BUILT_IN]

/** Which of the built-in roles a code means. */
export const builtInOf = (code: string): BuiltIn | undefined =>
  Object.hasOwn(BUILT_IN, code) ? BUILT_IN[code as keyof typeof BUILT_IN] : undefined

export function roleName({ code, name }: RoleName): string {
  const builtIn = builtInOf(code)
  return builtIn ? t(`team.roles.names.${builtIn}`) : name
}
