import type { ComponentChild } from 'preact'
import type { Controller } from '../controller.js'
import type { PartName, Parts } from '../parts.js'
import { Fault } from './Fault.js'

interface Props<P extends PartName> {
  it: Controller
  name: P
  children: (part: Parts[P]) => ComponentChild
}

/** A part of the panel: it is loaded when it is first drawn, and asked for again when the visitor says so. */
export function Late<P extends PartName>({ it, name, children }: Props<P>) {
  const part = it.part(name)
  if (part) return <>{children(part)}</>
  if (it.lost.has(name)) {
    return <Fault text={it.t('partFailed')} action={it.t('retry')} onClick={() => it.retry(name)} />
  }
  return (
    <p class="note" role="status">
      {it.t('loading')}
    </p>
  )
}
