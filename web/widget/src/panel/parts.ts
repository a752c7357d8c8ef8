/**
 * What the panel loads only when it is needed: the form before the first message, and the extras (files, emoji, cards to
 * send, the preview of a message and its sound).
 *
 * A part imports nothing at run time. A browser does not ask a second time for a module that it could not load, so the loader
 * asks for it under another address; a part that imported the panel would then find it under the first one again, or not at
 * all. So the panel hands over what it shares (`Kit`).
 */
import type { Component, ComponentType, createElement, VNode } from 'preact'
import type { Http, KefuError, Message } from '@kefu/client'
import type { PreChatField, Shell } from '../shell.js'
import type { Content } from './content.js'
import type { Controller } from './controller.js'
import type { IconName } from './ui/icons.js'
import type { Uploads } from './extras/uploads.js'

export interface Kit {
  createElement: typeof createElement
  Component: typeof Component
  KefuError: typeof KefuError
  Bubble(props: { it: Controller; content: Content }): VNode
  Avatar(props: { name: string; url: string | null | undefined; id?: number }): VNode
  Icon(props: { name: IconName }): VNode
  bytes(count: number): string
  safeUrl(value: unknown, server: string): string | undefined
}

export interface Parts {
  form: ComponentType<{ it: Controller; kind: 'preChat' | 'leave' }>
  extras: {
    play(shell: Shell, id: number): void
    uploads(http: Http, shell: Shell, changed: () => void): Uploads
    UploadList(props: { it: Controller; uploads: Uploads }): VNode | null
    Offered(props: { it: Controller }): VNode | null
    Faces(props: { it: Controller; onPick: (face: string) => void }): VNode
    Preview(props: { it: Controller; message: Message }): VNode
  }
}

export type PartName = keyof Parts

/** What was filled into the form. */
export type Filled = Partial<Record<PreChatField['name'] | 'contact' | 'message', string>>

/** A part's module. */
export interface PartModule<P extends PartName> {
  sheet: string
  make(kit: Kit): Parts[P]
}
