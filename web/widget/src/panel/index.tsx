/** The panel's module, which the loader imports when it is needed. */
import { KefuError } from '@kefu/client'
import { Component, createElement, render } from 'preact'
import type { LoaderShell, Panel } from '../shell.js'
import { safeUrl } from './content.js'
import { Controller } from './controller.js'
import { keep } from './keep.js'
import sheet from './panel.css?inline'
import { ask, keepVisitor, storedVisitor } from './tokens.js'
import { Avatar } from './ui/Avatar.js'
import { Icon } from './ui/icons.js'
import { Widget } from './ui/Widget.js'

export function mount(loader: LoaderShell): Panel {
  const { options } = loader
  const [local, tab] = (options.kept ??= [keep('localStorage', options.key), keep('sessionStorage', options.key)])
  // The loader goes on putting the settings and words into the same object.
  const shell = Object.assign(loader, { local, tab })
  shell.adopt(sheet)
  const kit = {
    createElement,
    Component,
    KefuError,
    Avatar,
    Icon,
    safeUrl,
    ask,
    storedVisitor,
    keepVisitor,
  }
  return new Controller(shell, kit, (it) => render(<Widget it={it} />, shell.place))
}
