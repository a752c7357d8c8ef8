/** Initial and colour of a user who has no picture. */

/** Dark enough for white letters (4.5:1 and more) in both themes. */
const COLOURS = ['#b4541a', '#2563a8', '#6941c6', '#0e7a6b', '#b83268', '#56607a', '#85600f', '#3d7529'] as const

/** The colour of a user: the same for one id on every page. */
export function avatarColour(id: number): string {
  return COLOURS[Math.abs(id) % COLOURS.length] ?? COLOURS[0]
}

/** The letter that stands for a name. A Chinese name of address, such as 小明, is known by its second character. */
export function avatarInitial(name: string): string {
  const characters = Array.from(name.trim())
  const first = characters[0]
  if (first === undefined) return '?'
  const second = characters[1]
  if (second !== undefined && /[小老阿]/u.test(first) && /\p{Script=Han}/u.test(second)) return second
  return first.toUpperCase()
}
