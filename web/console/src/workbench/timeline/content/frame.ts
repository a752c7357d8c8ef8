/** The space that pictures and videos take in the timeline, known before they are loaded. */

/** The largest width and height, in pixels. */
const limit = 260
const smallest = 72

/** Sizes of pictures that were loaded in this page and came without one. */
const seen = new Map<string, { width: number; height: number }>()

export interface Frame {
  width: number
  height: number
  /** Whether the size is a guess: the picture is cut to it until it is known. */
  guessed: boolean
}

/** The frame for a picture of the given natural size; one of a common shape when the size is not known yet. */
export function frameFor(url: string, width?: number, height?: number): Frame {
  const known = width !== undefined && height !== undefined ? { width, height } : seen.get(url)
  if (known === undefined) return { width: 220, height: 165, guessed: true }
  const scale = Math.min(1, limit / known.width, limit / known.height)
  return {
    width: Math.max(smallest, Math.round(known.width * scale)),
    height: Math.max(smallest, Math.round(known.height * scale)),
    guessed: false,
  }
}

/** Remembers the size of a loaded picture; at most a thousand. */
export function rememberSize(url: string, width: number, height: number): void {
  if (width <= 0 || height <= 0) return
  const oldest = seen.keys().next()
  if (seen.size >= 1000 && oldest.done !== true) seen.delete(oldest.value)
  seen.set(url, { width, height })
}
