/** What compiled JSX calls in a part: the panel's own Preact (see parts.ts). */
import type { createElement } from 'preact'

let create: typeof createElement

export const use = (own: typeof createElement) => (create = own)
export const jsx = (type: string, props: object, key?: unknown) =>
  create(type, key === undefined ? props : { ...props, key })
export const jsxs = jsx
