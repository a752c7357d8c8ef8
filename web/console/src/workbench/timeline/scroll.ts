import { nextTick, onBeforeUnmount, onMounted, type Ref, shallowRef } from 'vue'
import {
  type Anchor,
  distanceFromEnd,
  followDistance,
  lastSeen,
  type RowBox,
  scrollTopFor,
  takeAnchor,
  type View,
} from './anchor'

/** What can be an anchor. Not the line above what is unread, nor dates: they move to other messages when older ones are put in. */
const anchors = '[data-key]:not([data-key="unread"])'

/** A row of the page, measured when it is asked for: finding one among hundreds measures a few. */
class MeasuredRow implements RowBox {
  constructor(
    readonly element: HTMLElement,
    private readonly origin: number,
  ) {}

  get key(): string {
    return this.element.dataset['key'] ?? ''
  }

  get top(): number {
    return this.element.getBoundingClientRect().top - this.origin
  }

  get bottom(): number {
    return this.element.getBoundingClientRect().bottom - this.origin
  }
}

/** Where a row is: above the view, in it, below it, or not among the rows. */
export type Place = 'above' | 'in' | 'below' | 'gone'

/**
 * Holds the timeline still.
 *
 * Protocol: a scroll of the reader takes the anchor (`anchor.ts`). Whatever changes a size, i.e. rows put in or taken away, pictures that get theirs,
 * the composer that grows, is noticed by one ResizeObserver, which runs after layout and before the page is painted, and puts the anchor back. The
 * component calls `hold` after it has changed the rows, `moveTo` to go elsewhere. Messages carry `data-key`, stored ones `data-seq`, too, and the line above what is unread `data-key="unread"`.
 */
export function useAnchoredScroll(
  scroller: Ref<HTMLElement | null>,
  content: Ref<HTMLElement | null>,
  onMoved: () => void,
) {
  let anchor: Anchor = { kind: 'end' }
  /** The position that this has set itself: its scroll event does not take the anchor anew. */
  let applied = -1
  /** The height of the view when the anchor was put back last. */
  let held = 0
  const atEnd = shallowRef(true)

  function view(element: HTMLElement): View {
    return { scrollTop: element.scrollTop, height: element.clientHeight, contentHeight: element.scrollHeight }
  }

  function rows(element: HTMLElement, selector: string): MeasuredRow[] {
    const origin = element.getBoundingClientRect().top - element.scrollTop
    return Array.from(
      content.value?.querySelectorAll<HTMLElement>(selector) ?? [],
      (row) => new MeasuredRow(row, origin),
    )
  }

  function hold(): void {
    const element = scroller.value
    if (element === null || element.clientHeight === 0) return
    held = element.clientHeight
    const top = scrollTopFor(anchor, view(element), anchor.kind === 'end' ? [] : rows(element, '[data-key]'))
    if (top !== undefined && Math.abs(top - element.scrollTop) > 0.1) {
      element.scrollTop = top
      applied = element.scrollTop
    }
    moved()
  }

  function onScroll(): void {
    const element = scroller.value
    if (element === null) return
    // Comes with another height of the view, before the observer is told, and goes no further than a view: not the reader has left
    // the end.
    const isLayout = element.clientHeight !== held && distanceFromEnd(view(element)) < element.clientHeight
    if (anchor.kind === 'end' && isLayout) return hold()
    if (element.scrollTop !== applied) anchor = takeAnchor(view(element), rows(element, anchors))
    applied = -1
    moved()
  }

  function moved(): void {
    const element = scroller.value
    if (element !== null) atEnd.value = distanceFromEnd(view(element)) <= followDistance
    onMoved()
  }

  /** Goes to an anchor and stays there. */
  async function moveTo(next: Anchor): Promise<void> {
    anchor = next
    await nextTick()
    hold()
    // Fewer rows than fill the view end up at the end: from there on the end is followed.
    if (atEnd.value && document.visibilityState === 'visible') anchor = { kind: 'end' }
  }

  /** The `seq` of the last message whose bottom is in view. */
  function seenSeq(): number | undefined {
    const element = scroller.value
    if (element === null || element.clientHeight === 0) return undefined
    const row = lastSeen(view(element), rows(element, '[data-seq]'))
    return row instanceof MeasuredRow ? Number(row.element.dataset['seq']) : undefined
  }

  function placeOf(key: string): Place {
    const element = scroller.value
    if (element === null) return 'gone'
    const row = rows(element, '[data-key]').find((candidate) => candidate.key === key)
    if (row === undefined) return 'gone'
    if (row.bottom <= element.scrollTop) return 'above'
    return row.top < element.scrollTop + element.clientHeight ? 'in' : 'below'
  }

  /** The message that holds the place, for a reload; `null` at the end. */
  function position(): { seq: number; offset: number } | null {
    const element = scroller.value
    if (element === null || anchor.kind === 'end') return null
    const messages = rows(element, '[data-seq]')
    const row = messages.find((candidate) => candidate.top >= element.scrollTop) ?? messages.at(-1)
    return row === undefined ? null : { seq: Number(row.element.dataset['seq']), offset: row.top - element.scrollTop }
  }

  const observer = new ResizeObserver(() => hold())
  onMounted(() => {
    if (scroller.value !== null) observer.observe(scroller.value)
    if (content.value === null) return
    observer.observe(content.value)
    // A picture that is loaded takes its size with the next rendering. Load events do not bubble, but are captured.
    content.value.addEventListener('load', () => void nextTick(hold), true)
  })
  onBeforeUnmount(() => observer.disconnect())

  return { atEnd, hold, moveTo, onScroll, placeOf, position, seenSeq }
}
