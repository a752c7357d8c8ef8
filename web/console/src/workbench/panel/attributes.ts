import type { Card } from '../cards'
import type { Fact } from './Facts.vue'

/** Longest value that is shown of an attribute, in characters. */
const LONGEST = 500

/** What was told of a member, by the names that it was told under; `named` has words for some of them. */
export function attributeFacts(
  card: Pick<Card, 'attributes' | 'email' | 'mobile'> | undefined,
  named: Readonly<Record<string, string>>,
): Fact[] {
  return Object.entries((card?.attributes ?? {}) as Record<string, unknown>).flatMap(([key, value]) => {
    if (value === null || value === '') return []
    // The card shows these by itself.
    if ((key === 'email' && value === card?.email) || (key === 'phone' && value === card?.mobile)) return []
    const text = typeof value === 'string' ? value : JSON.stringify(value)
    return [{ label: named[key] ?? key, value: text.slice(0, LONGEST), copied: true }]
  })
}
