/** What compiled JSX calls: Preact's own `createElement`, with the key where it expects it. */
import { createElement, Fragment } from 'preact'

export const jsx = (type: string, props: object, key?: unknown) =>
  createElement(type, key === undefined ? props : { ...props, key })
export const jsxs = jsx
export { Fragment }
