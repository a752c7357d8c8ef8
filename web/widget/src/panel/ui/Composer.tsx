import { Component } from 'preact'
import type { Controller } from '../controller.js'
import { Icon } from './icons.js'
import { Late } from './Late.js'

/** The longest text. */
const LENGTH = 2000

/** Where one writes, and what is said when one cannot. */
export class Composer extends Component<{ it: Controller }, { emoji?: boolean }> {
  #field: HTMLTextAreaElement | null = null
  #files: HTMLInputElement | null = null
  /** Where the caret goes once the draft is drawn. */
  #caret: number | null = null
  #timer = 0

  override componentDidMount() {
    this.componentDidUpdate()
  }

  override componentDidUpdate() {
    const { chat } = this.props.it
    const field = this.#field
    clearTimeout(this.#timer)
    // The seconds are counted down.
    if (chat.limitedUntil > Date.now()) this.#timer = window.setTimeout(() => this.forceUpdate(), 500)
    if (!field) return
    // As many lines as are written, up to five.
    field.style.height = 'auto'
    field.style.height = `${Math.min(field.scrollHeight, 120)}px`
    if (this.#caret === null) return
    field.focus()
    field.setSelectionRange(this.#caret, this.#caret)
    this.#caret = null
  }

  override componentWillUnmount() {
    clearTimeout(this.#timer)
  }

  #submit() {
    const { it } = this.props
    this.setState({ emoji: false })
    it.submit(it.draft)
    this.#caret = 0
  }

  #insert(face: string) {
    const { it } = this.props
    const { selectionStart = 0, selectionEnd = 0 } = this.#field ?? {}
    this.#caret = selectionStart + face.length
    it.write(it.draft.slice(0, selectionStart) + face + it.draft.slice(selectionEnd))
  }

  render({ it }: { it: Controller }, { emoji = false }) {
    const { chat, t } = it
    const wait = Math.max(0, Math.ceil((chat.limitedUntil - Date.now()) / 1000))
    const closed = chat.blocked || chat.expired
    const disabled = closed || wait > 0
    const note = closed
      ? t(chat.blocked ? 'blocked' : 'ended')
      : wait
        ? t('limited', { n: wait })
        : !chat.connected && chat.entries.length
          ? t('offlineNet')
          : !it.shell.local.lasting && chat.started
            ? t('memory')
            : ''
    const placeholder = it.text('placeholder', 'placeholder')
    return (
      <footer class="composer">
        {note && (
          <p class={`note ${closed ? 'fault' : ''}`} role="status">
            {note}
          </p>
        )}
        {(emoji || it.offered || chat.files.length > 0 || !!chat.uploads?.list.length) && (
          <Late it={it} name="extras">
            {({ UploadList, Offered, Faces }) => (
              <>
                {chat.uploads && <UploadList it={it} uploads={chat.uploads} />}
                <Offered it={it} />
                {emoji && <Faces it={it} onPick={(face) => this.#insert(face)} />}
              </>
            )}
          </Late>
        )}
        <div class="line">
          <button
            class="plain"
            aria-label={t('emoji')}
            aria-expanded={emoji}
            disabled={disabled}
            onClick={() => this.setState({ emoji: !emoji })}
          >
            <Icon name="emoji" />
          </button>
          <button class="plain" aria-label={t('attach')} disabled={disabled} onClick={() => this.#files?.click()}>
            <Icon name="attach" />
          </button>
          <input
            ref={(input) => {
              this.#files = input
            }}
            type="file"
            multiple
            hidden
            aria-label={t('attach')}
            onChange={({ currentTarget }) => {
              it.attach([...(currentTarget.files ?? [])])
              currentTarget.value = ''
            }}
          />
          <textarea
            ref={(field) => {
              this.#field = field
            }}
            rows={1}
            maxLength={LENGTH}
            enterkeyhint="send"
            placeholder={placeholder}
            aria-label={placeholder}
            disabled={disabled}
            value={it.draft}
            onInput={({ currentTarget }) => {
              it.write(currentTarget.value)
              chat.type()
            }}
            onKeyDown={(event) => {
              // Enter that ends a composition is not for us; Safari tells that by the code 229 only.
              if (event.key !== 'Enter' || event.shiftKey || event.isComposing || event.keyCode === 229) return
              event.preventDefault()
              this.#submit()
            }}
            onPaste={(event) => {
              const pasted = [...(event.clipboardData?.files ?? [])]
              if (!pasted.length) return
              event.preventDefault()
              it.attach(pasted)
            }}
          />
          <button
            class="send"
            aria-label={t('send')}
            disabled={disabled || !it.draft.trim()}
            onClick={() => this.#submit()}
          >
            <Icon name="send" />
          </button>
        </div>
        <p class="by">kefu</p>
      </footer>
    )
  }
}
