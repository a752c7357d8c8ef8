import { type MessageKey, t } from '@/locales'
import type { Card } from '../cards'
import type { Fact } from './Facts.vue'

/** Longest value that is shown of an attribute, in characters. */
const LONGEST = 500

/** What the shop calls the fields that the card shows, too. */
const NAMES: Readonly<Record<string, MessageKey>> = {
  mobile: 'panel.member.mobile',
  sex: 'panel.member.sex',
  areaName: 'panel.member.area',
  birthday: 'panel.member.birthday',
  levelName: 'panel.member.level',
  point: 'panel.member.point',
  experience: 'panel.member.experience',
}
const SEXES: Readonly<Record<string, MessageKey>> = { 1: 'panel.sex.male', 2: 'panel.sex.female' }

function nameOf(key: string): string {
  const name = NAMES[key]
  return name ? t(name) : key
}

function textOf(key: string, value: unknown): string {
  const sex = key === 'sex' ? SEXES[String(value)] : undefined
  if (sex) return t(sex)
  if (typeof value === 'boolean') return t(value ? 'panel.yes' : 'panel.no')
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/** What was told of a member, by the names that it was told under; `named` has words for some that the shop does not know. */
export function attributeFacts(
  card: Pick<Card, 'attributes' | 'email' | 'mobile'> | undefined,
  named: Readonly<Record<string, string>>,
): Fact[] {
  return Object.entries((card?.attributes ?? {}) as Record<string, unknown>).flatMap(([key, value]) => {
    if (value === null || value === '') return []
    // The card shows these by itself.
    if ((key === 'email' && value === card?.email) || (key === 'phone' && value === card?.mobile)) return []
    return [{ label: named[key] ?? nameOf(key), value: textOf(key, value).slice(0, LONGEST), copied: true }]
  })
}
