import { firstIndex } from './sorted'

/**
 * The arithmetic that keeps a timeline still. The component measures rows and applies what comes out; nothing here touches the DOM.
 *
 * Invariant: between two scrolls of the reader the anchor does not move on the screen, whatever is put in above it, taken away, or gets its
 * size late. At the end of the timeline the anchor is the end itself.
 */

/** The distance from the end, in pixels, up to which new messages are followed. */
export const followDistance = 60

/** A row as measured: top and bottom in the coordinates of the scrolled content. */
export interface RowBox {
  key: string
  top: number
  bottom: number
}

/** The part of the content that is seen. */
export interface View {
  scrollTop: number
  height: number
  contentHeight: number
}

/** What stays where it is: the end of the timeline, or a row at an offset from the upper edge of the view. */
export type Anchor = { kind: 'end' } | { kind: 'row'; key: string; offset: number }

/** The distance between the lower edge of the view and the end of the content. */
export function distanceFromEnd(view: View): number {
  return view.contentHeight - view.scrollTop - view.height
}

/**
 * Takes the anchor of a view: the end when it is near, otherwise the first row that is seen whole, so that a picture above it that is cut by
 * the upper edge may grow. Without one the row that fills the view.
 */
export function takeAnchor(view: View, rows: readonly RowBox[]): Anchor {
  if (rows.length === 0 || distanceFromEnd(view) <= followDistance) return { kind: 'end' }
  const first = firstBelow(rows, view.scrollTop)
  const next = rows[first + 1]
  const cut = rows[first]
  if (cut === undefined) return { kind: 'end' }
  const row = cut.top < view.scrollTop && next !== undefined && next.top < view.scrollTop + view.height ? next : cut
  return { kind: 'row', key: row.key, offset: row.top - view.scrollTop }
}

/** Where to scroll so that the anchor is where it was; `undefined` when its row is gone. */
export function scrollTopFor(anchor: Anchor, view: View, rows: readonly RowBox[]): number | undefined {
  const end = Math.max(0, view.contentHeight - view.height)
  if (anchor.kind === 'end') return end
  const row = rows.find((candidate) => candidate.key === anchor.key)
  return row === undefined ? undefined : Math.min(end, Math.max(0, row.top - anchor.offset))
}

/** The index of the first row whose bottom is below `y`; rows are in order. */
export function firstBelow(rows: readonly RowBox[], y: number): number {
  return firstIndex(rows, (row) => row.bottom > y)
}

/** The last row whose bottom is in view; what is read is read up to there. */
export function lastSeen(view: View, rows: readonly RowBox[]): RowBox | undefined {
  // A pixel of tolerance: positions are fractions on screens with other densities.
  const row = rows[firstBelow(rows, view.scrollTop + view.height + 1) - 1]
  return row !== undefined && row.bottom > view.scrollTop ? row : undefined
}
