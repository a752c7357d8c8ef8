/** Matching and ranking of the palette's entries. Pure. */

/**
 * How well a text fits what was typed: 3 it begins so, 2 a word of it does, 1 it contains it, 0 not at all. Each of the words
 * typed has to fit.
 */
export function fit(text: string, typed: string): number {
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean)
  const low = text.toLowerCase()
  let worst = 3
  for (const word of words) {
    const at = low.indexOf(word)
    if (at < 0) return 0
    const startsWord = at === 0 || /[\s\-_.,:;()（）[\]/]/.test(low.charAt(at - 1))
    worst = Math.min(worst, at === 0 ? 3 : startsWord ? 2 : 1)
  }
  return worst
}

/** The entries that fit, best first; equal ones keep their order. */
export function ranked<T>(entries: readonly T[], typed: string, text: (entry: T) => string): T[] {
  if (!typed.trim()) return [...entries]
  return entries
    .map((entry) => ({ entry, score: fit(text(entry), typed) }))
    .filter(({ score }) => score > 0)
    .sort((a, b) => b.score - a.score)
    .map(({ entry }) => entry)
}
