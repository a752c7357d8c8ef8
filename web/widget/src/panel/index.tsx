/** The panel's module, which the loader imports when it is needed. */
import { render } from 'preact'
import type { Panel, Shell } from '../shell.js'
import { Controller } from './controller.js'
import sheet from './panel.css?inline'
import { Widget } from './ui/Widget.js'

export function mount(shell: Shell): Panel {
  shell.adopt(sheet)
  const controller = new Controller(shell, (it) => render(<Widget it={it} />, shell.place))
  return controller
}
