/**
 * What the panel loads only when it is needed: the form before the first message, the member's login, the extras (pictures,
 * files and cards, emoji, the preview of a message and its sound), and what it says of rounds of service.
 *
 * A part imports nothing at run time. A browser does not ask a second time for a module that it could not load, so the loader
 * asks for it under another address; a part that imported the panel would then find it under the first one again, or not at
 * all. So the panel hands over what it shares (`Kit`).
 */
import type { Component, ComponentType, createElement, VNode } from 'preact'
import type { KefuError, Message } from '@kefu/client'
import type { Identity } from '../api.js'
import type { Shell } from '../shell.js'
import type { Chat } from './chat.js'
import type { Content, safeUrl } from './content.js'
import type { Controller } from './controller.js'
import type { Icon } from './ui/icons.js'
import type { Uploads } from './extras/uploads.js'
import type { ask, keepVisitor, storedVisitor } from './tokens.js'

export interface Kit {
  createElement: typeof createElement
  Component: typeof Component
  KefuError: typeof KefuError
  Avatar(props: { name: string; url: string | null | undefined; id?: number }): VNode
  Icon: typeof Icon
  safeUrl: typeof safeUrl
  ask: typeof ask
  storedVisitor: typeof storedVisitor
  keepVisitor: typeof keepVisitor
}

export interface Parts {
  form: ComponentType<{ it: Controller; kind: 'preChat' | 'leave' }>
  member: {
    /** Logs the member in, unless `current` says that something else was asked meanwhile. @throws */
    identify(it: Controller, identity: Identity, current: () => boolean): Promise<void>
  }
  extras: {
    play(shell: Shell, id: number): void
    /** Uploads the files that wait. */
    upload(it: Controller, chat: Chat): void
    Rich(props: {
      it: Controller
      content: Extract<Content, { kind: 'rich' }>
      onLoad?: (() => void) | undefined
    }): VNode
    UploadList(props: { it: Controller; uploads: Uploads }): VNode | null
    Offered(props: { it: Controller }): VNode | null
    Faces(props: { it: Controller; onPick: (face: string) => void }): VNode
    Preview(props: { it: Controller; message: Message }): VNode
  }
  /** What is said of the round of service, below the messages. */
  rounds(it: Controller): VNode | null
}

export type PartName = keyof Parts

/** A part's module. */
export interface PartModule<P extends PartName> {
  sheet?: string
  make(kit: Kit): Parts[P]
}
