/** The panel's module, which the loader imports when it is needed. */
import { KefuError } from '@kefu/client'
import { Component, createElement, render } from 'preact'
import type { Panel, Shell } from '../shell.js'
import { fieldsOf, parseJson, safeUrl } from './content.js'
import { Controller } from './controller.js'
import sheet from './panel.css?inline'
import { ask, keepVisitor, storedVisitor } from './tokens.js'
import { Avatar } from './ui/Avatar.js'
import { Icon } from './ui/icons.js'
import { Widget } from './ui/Widget.js'

export function mount(shell: Shell): Panel {
  shell.adopt(sheet)
  const kit = {
    createElement,
    Component,
    KefuError,
    Avatar,
    Icon,
    safeUrl,
    parseJson,
    fieldsOf,
    ask,
    storedVisitor,
    keepVisitor,
  }
  return new Controller(shell, kit, (it) => render(<Widget it={it} />, shell.place))
}
