/** The panel on a phone: the whole screen, above the keyboard, closed by the back button. */

export const phone = matchMedia('(max-width: 667px)')

/** Fits the panel to what the keyboard leaves, and keeps the page behind it from scrolling. What comes back ends that. */
export function fillScreen(panel: HTMLElement): () => void {
  const { style } = document.documentElement
  const before = style.overflow
  const [x, y] = [scrollX, scrollY]
  style.overflow = 'hidden'
  const view = window.visualViewport
  const fit = () => {
    if (!view) return
    panel.style.setProperty('--height', `${view.height}px`)
    panel.style.setProperty('--top', `${view.offsetTop}px`)
  }
  const end = new AbortController()
  for (const event of ['resize', 'scroll']) view?.addEventListener(event, fit, { signal: end.signal })
  fit()
  return () => {
    end.abort()
    style.overflow = before
    scrollTo(x, y)
  }
}

/**
 * An entry of the history stands for the open panel, with the page's own address and state, so that a router sees nothing new.
 * A panel that is closed otherwise takes its entry away, unless the page has gone on from it.
 */
export function closeByBackButton(close: () => void): () => void {
  history.pushState({ ...(history.state as object | null), kefu: true }, '')
  const back = () => {
    if (!isOurs()) close()
  }
  addEventListener('popstate', back)
  return () => {
    removeEventListener('popstate', back)
    if (isOurs()) history.back()
  }
}

const isOurs = () => (history.state as { kefu?: boolean } | null)?.kefu === true
