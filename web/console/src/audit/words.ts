/** An entry of the audit in words. */
import { FIELD_NAMES, OWN_ORIGIN } from '@/channels/channel'
import { SCOPES } from '@/keys/keys'
import { i18n, language, LOCALES, type MessageKey, t } from '@/locales'
import { keyOf } from '@/team/permissions'
import { builtInOf } from '@/team/roleNames'
import { fullTime } from '@/ui/time'
import type { AuditEntry } from './audit'
import { ABSENT } from './difference'
import { OBJECT_TYPES, type ObjectType } from './filter'

/** The words of an action of the service, where its own name is not their key. */
const ACTIONS: Record<string, MessageKey> = {
  create: 'audit.action.create',
  update: 'audit.action.update',
  delete: 'audit.action.delete',
  enable: 'audit.action.enable',
  disable: 'audit.action.disable',
  block: 'audit.action.block',
  unblock: 'audit.action.unblock',
  'update-password': 'audit.action.password',
  'update-status': 'audit.action.status',
  'assign-permissions': 'audit.action.assign',
  'assign-roles': 'audit.action.roles',
  'end-sessions': 'audit.action.sessions',
  'exclusive-agent': 'audit.action.exclusive',
  duty: 'audit.action.duty',
  'login.delete': 'audit.action.end',
  'second_factor.begin': 'audit.action.begin',
  'second_factor.enable': 'audit.action.turnOn',
  'second_factor.disable': 'audit.action.turnOff',
}

/** Longest value that is shown, in characters. */
const LONGEST = 500

/** The name of a kind of object; of one that is not known, the service's. */
export function typeName(type: string): string {
  return OBJECT_TYPES.includes(type as ObjectType) ? t(`audit.type.${type as ObjectType}`) : type
}

/** The same at the beginning of a line. */
export function typeTitle(type: string): string {
  const name = typeName(type)
  return name.charAt(0).toUpperCase() + name.slice(1)
}

/** What the object is called, when the entry says so. */
export function objectName({ before, after }: Pick<AuditEntry, 'before' | 'after'>): string | null {
  for (const fields of [after, before])
    for (const name of ['name', 'nickname', 'username']) {
      const value = fields?.[name]
      if (typeof value === 'string' && value) return value
    }
  return null
}

/** The names of accounts that an entry tells by the way: of whoever did it, and of whom it was done to. */
export function namesIn(entry: AuditEntry): ReadonlyMap<number, string> {
  const { adminId, actor, objectType, objectId } = entry
  const names = new Map<number, string>()
  if (adminId !== 0) names.set(adminId, actor)
  const name = objectType === 'user' ? objectName(entry) : null
  if (name) names.set(Number(objectId), name)
  return names
}

/** Kinds of which there is one, or that mean nothing by their number. */
const WITHOUT_ID = ['setting', 'login']
/** Kinds that bear the number of their account, which says nothing of one's own. */
const OF_ACCOUNT = ['profile', 'second_factor']
/** Kinds that bear the number of an agent. */
const OF_AGENT = ['user', 'agent', ...OF_ACCOUNT]

function hasId({ objectType, objectId, adminId }: AuditEntry): boolean {
  if (OF_ACCOUNT.includes(objectType)) return objectId !== String(adminId)
  return !WITHOUT_ID.includes(objectType)
}

/** Who did it. What no admin did, somebody at the command line did, or the shop, which says who its admins are. */
export function actorName({ adminId, actor }: AuditEntry): string {
  if (adminId !== 0) return actor
  return t(actor === 'shop' ? 'audit.actor.shop' : 'audit.actor.commandLine')
}

/** What was done to what, e.g. `changed the role "Support"`. `agents`: what those are called whom an entry names by number. */
export function deed(entry: AuditEntry, agents: ReadonlyMap<number, { nickname: string }> = new Map()): string {
  const { action, objectType, objectId } = entry
  const agent = OF_AGENT.includes(objectType) && hasId(entry) ? agents.get(Number(objectId))?.nickname : undefined
  const name = objectName(entry) ?? agent ?? null
  const id = name === null && hasId(entry) ? t('audit.numbered', { id: objectId }) : ''
  const object = typeName(objectType) + (name === null ? id : t('audit.named', { name }))
  const key = ACTIONS[`${objectType}.${action}`] ?? ACTIONS[action]
  // At the end of a sentence nothing follows that a number would have to stand off from.
  return (key ? t(key, { object }) : t('audit.action.other', { object, action })).trim()
}

/** Parts of settings that need no name of their own: what is in them says it. */
const UNNAMED = ['settings', 'message', 'login', 'routing', 'audit']

/** The words of a field, or its own name. */
export function fieldName(path: readonly string[]): string {
  const named = path.filter((name, index) => index === path.length - 1 || !UNNAMED.includes(name))
  return named
    .map((name) => {
      const asked = FIELD_NAMES.find((one) => name === `#${one}`)
      if (asked) return t(`channels.preChat.names.${asked}`)
      return i18n.global.te(`audit.field.${name}`) ? t(`audit.field.${name}` as MessageKey) : name
    })
    .join(' › ')
}

/** What numbers stand for. */
const NUMBERS: Record<string, Record<number, MessageKey>> = {
  status: { 0: 'audit.status.on', 1: 'audit.status.off', 2: 'audit.status.gone' },
  duty: { 0: 'audit.duty.off', 1: 'audit.duty.on', 2: 'audit.duty.paused' },
}

/** What each choice is called on the page where it is made. */
const CHOICES: Record<string, Record<string, MessageKey>> = {
  mode: { off: 'team.settings.modes.off', manual: 'team.settings.modes.manual' },
  visibility: {
    all: 'team.settings.visibilities.all',
    group: 'team.settings.visibilities.group',
    own: 'team.settings.visibilities.own',
  },
  policy: {
    leastLoad: 'team.group.policies.leastLoad',
    longestIdle: 'team.group.policies.longestIdle',
    level: 'team.group.policies.level',
  },
  offDuty: {
    leave: 'team.group.offDuties.leave',
    queue: 'team.group.offDuties.queue',
    fallback: 'team.group.offDuties.fallback',
  },
  kind: { web: 'audit.kind.web' },
  theme: {
    auto: 'channels.look.themes.auto',
    light: 'channels.look.themes.light',
    dark: 'channels.look.themes.dark',
  },
  position: { right: 'channels.look.positions.right', left: 'channels.look.positions.left' },
  locale: { auto: 'channels.locales.auto', zh: 'channels.locales.zh', en: 'channels.locales.en' },
  origins: { [OWN_ORIGIN]: 'channels.ownSite' },
}

/** What permissions, built-in roles, scopes and choices are called where they are given. */
function heldName(name: string, value: string): string {
  const permission = name === 'permissions' ? keyOf(value) : undefined
  if (permission) return t(`team.permission.${permission}`)
  const role = name === 'roles' ? builtInOf(value) : undefined
  if (role) return t(`team.roles.names.${role}`)
  const choice = CHOICES[name]?.[value]
  if (choice) return t(choice)
  const scope = name === 'scopes' ? SCOPES.find((one) => one === value) : undefined
  return scope ? t(`keys.scope.${scope}`) : value
}

/** A value as people read it. */
export function valueText(value: unknown, path: readonly string[]): string {
  const name = path.at(-1) ?? ''
  if (value === ABSENT || value === null || value === '' || (Array.isArray(value) && value.length === 0))
    return t('audit.nothing')
  if (typeof value === 'boolean') return t(value ? 'audit.yes' : 'audit.no')
  if (typeof value === 'number') {
    const known = NUMBERS[name]?.[value]
    if (known) return t(known)
    return /Time$/.test(name) && value > 1e11 ? fullTime(value, LOCALES[language()]) : String(value)
  }
  if (typeof value === 'string') return cut(heldName(name, value))
  if (Array.isArray(value) && value.every((one) => typeof one !== 'object'))
    return cut(value.map((one) => heldName(name, String(one))).join(t('timeline.comma')))
  return cut(JSON.stringify(value))
}

const cut = (text: string) => (text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text)
