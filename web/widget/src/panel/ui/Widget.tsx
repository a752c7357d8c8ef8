import { Component } from 'preact'
import type { Controller } from '../controller.js'
import { closeByBackButton, fillScreen, phone } from '../phone.js'
import { Composer } from './Composer.js'
import { Header } from './Header.js'
import { Late } from './Late.js'
import { Timeline } from './Timeline.js'

/** Everything of the panel; nothing while it is closed and has nothing to tell. */
export function Widget({ it }: { it: Controller }) {
  if (it.isOpen) return <Panel it={it} />
  // What cannot be loaded is not told while the panel is closed: the launcher counts the message.
  const Preview = it.preview && it.part('extras')?.Preview
  return Preview && it.preview ? <Preview it={it} message={it.preview} /> : null
}

class Panel extends Component<{ it: Controller }> {
  #panel: HTMLElement | null = null
  /** Takes back what the whole screen asks of the page. */
  #ends: (() => void)[] = []
  #focused: string | null = null

  override componentDidMount() {
    phone.onchange = () => {
      this.#leave()
      this.#enter()
      this.forceUpdate()
    }
    this.#enter()
    this.componentDidUpdate()
  }

  /** The focus goes to where one writes. On a phone that would bring the keyboard up, so the panel itself takes it there. */
  override componentDidUpdate() {
    const { it } = this.props
    // A form that is still loading has no field yet.
    const place = it.form === 'none' || it.parts.form ? it.form : ''
    if (!it.takesFocus || this.#focused === place) return
    this.#focused = place
    const field = phone.matches ? null : this.#panel?.querySelector<HTMLElement>('textarea, .form input')
    ;(field ?? this.#panel)?.focus()
  }

  override componentWillUnmount() {
    phone.onchange = null
    this.#leave()
  }

  #enter() {
    const { it } = this.props
    if (!phone.matches || !this.#panel) return
    this.#ends = [fillScreen(this.#panel)]
    if (it.shell.options.history !== false) this.#ends.push(closeByBackButton(() => it.close()))
  }

  #leave() {
    for (const end of this.#ends.splice(0)) end()
  }

  render({ it }: { it: Controller }) {
    const { chat, form } = it
    return (
      <div
        ref={(panel) => {
          this.#panel = panel
        }}
        class="panel"
        role="dialog"
        aria-modal={phone.matches}
        aria-label={it.text('title', 'title')}
        tabIndex={-1}
        onKeyDown={(event) => {
          if (event.key === 'Escape' && !event.isComposing) it.leaveToLauncher()
          if (event.key === 'Tab' && phone.matches) keepInside(event, event.currentTarget)
        }}
        onDragOver={(event) => event.preventDefault()}
        onDrop={(event) => {
          event.preventDefault()
          if (form === 'none') it.attach([...(event.dataTransfer?.files ?? [])])
        }}
      >
        <Header it={it} />
        {form === 'none' ? (
          <>
            <Timeline it={it} key={chat.tokens.slot} />
            <Composer it={it} />
          </>
        ) : (
          <Late it={it} name="form">
            {(Form) => <Form it={it} kind={form} key={form} />}
          </Late>
        )}
      </div>
    )
  }
}

/** The page behind a full screen cannot be seen: Tab stays here. */
function keepInside(event: KeyboardEvent, panel: HTMLElement): void {
  const stops = [
    ...panel.querySelectorAll<HTMLElement>('button:not(:disabled), textarea, input, a, [tabindex="0"]'),
  ].filter((stop) => !stop.hidden)
  const active = (panel.getRootNode() as ShadowRoot).activeElement
  const [from, to] = event.shiftKey ? [stops[0], stops.at(-1)] : [stops.at(-1), stops[0]]
  if (active !== from && active !== panel) return
  event.preventDefault()
  to?.focus()
}
