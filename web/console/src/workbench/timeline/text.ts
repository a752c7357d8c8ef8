/** A stretch of a message's text: plain, or an address that can be opened. */
export interface Piece {
  text: string
  /** The address, for a link only. */
  href?: string
}

// An address ends at blanks, quotes and everything that is not ASCII: in Chinese nothing else separates it from the text.
const address = /\b(?:https?:\/\/|www\.)[\w\-.~:/?#[\]@!$&'()*+,;=%]{1,2048}/giu

/**
 * Splits a text into plain stretches and links, so that it is rendered as nodes and never as HTML. Only `http` and `https` become
 * links; the punctuation that ends a sentence does not belong to the address.
 */
export function splitLinks(text: string): Piece[] {
  const pieces: Piece[] = []
  let from = 0
  for (const match of text.matchAll(address)) {
    const link = withoutTrailing(match[0])
    const href = parseHref(link)
    if (href === undefined) continue
    if (match.index > from) pieces.push({ text: text.slice(from, match.index) })
    pieces.push({ text: link, href })
    from = match.index + link.length
  }
  if (from < text.length) pieces.push({ text: text.slice(from) })
  return pieces
}

function withoutTrailing(link: string): string {
  let end = link.length
  for (; end > 0; end--) {
    const last = link.charAt(end - 1)
    if (".,;:!?'*".includes(last)) continue
    // A closing bracket belongs to the address only when it was opened in it.
    const open = last === ')' ? '(' : last === ']' ? '[' : undefined
    if (open === undefined) break
    const inside = link.slice(0, end)
    if (count(inside, open) >= count(inside, last)) break
  }
  return link.slice(0, end)
}

function count(text: string, character: string): number {
  return text.split(character).length - 1
}

function parseHref(link: string): string | undefined {
  try {
    const url = new URL(/^www\./i.test(link) ? `https://${link}` : link)
    return url.hostname.includes('.') || url.hostname === 'localhost' ? url.href : undefined
  } catch {
    return undefined
  }
}

const emojiOnly =
  /^(?:\p{Extended_Pictographic}(?:\p{Emoji_Modifier}|\uFE0F|\u200D\p{Extended_Pictographic})*\s*){1,3}$/u

/** Whether a text is nothing but one to three emoji, which are shown larger. */
export function isEmojiOnly(text: string): boolean {
  return text.length <= 40 && emojiOnly.test(text.trim())
}
