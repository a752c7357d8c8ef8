import { Component } from 'preact'
import { bytes, ORDER, PRODUCT } from '../content.js'
import type { Controller } from '../controller.js'
import type { Upload } from '../uploads.js'
import { Bubble } from './Bubble.js'
import { Icon } from './icons.js'

const EMOJI = [...'😀😄😁😂🙂😊😍😘😜🤔😏😒😔😢😭😡😱😅😴👌👍👎👏🙏💪🤝👋🌹🎉❤💔🔥']
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
        <UploadList it={it} />
        <Offered it={it} />
        {emoji && (
          <div class="faces-grid" role="group" aria-label={t('emoji')}>
            {EMOJI.map((face) => (
              <button type="button" class="plain" key={face} onClick={() => this.#insert(face)}>
                {face}
              </button>
            ))}
          </div>
        )}
        <div class="line">
          <button
            type="button"
            class="plain"
            aria-label={t('emoji')}
            aria-expanded={emoji}
            disabled={disabled}
            onClick={() => this.setState({ emoji: !emoji })}
          >
            <Icon name="emoji" />
          </button>
          <button
            type="button"
            class="plain"
            aria-label={t('attach')}
            disabled={disabled}
            onClick={() => this.#files?.click()}
          >
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
              chat.attach([...(currentTarget.files ?? [])])
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
              chat.attach(pasted)
            }}
          />
          <button
            type="button"
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

/** A card that the page offers. */
function Offered({ it }: { it: Controller }) {
  const card = it.offered
  if (!card) return null
  const [type, content] = 'product' in card ? [PRODUCT, card.product] : [ORDER, card.order]
  return (
    <div class="offered">
      <Bubble it={it} content={it.content(type, JSON.stringify(content))} />
      <button type="button" class="solid" onClick={() => it.submitCard()}>
        {it.t('sendCard')}
      </button>
      <button type="button" class="plain" aria-label={it.t('dismiss')} onClick={() => it.dropCard()}>
        <Icon name="close" />
      </button>
    </div>
  )
}

function UploadList({ it }: { it: Controller }) {
  const { uploads } = it.chat
  if (!uploads.list.length) return null
  return (
    <ul class="uploads">
      {uploads.list.map((upload) => (
        <li key={upload.id} class={upload.problem ? 'fault' : ''} role={upload.problem ? 'alert' : undefined}>
          <span class="name">{describe(it, upload)}</span>
          {!upload.problem && (
            <progress value={upload.progress} aria-label={it.t('uploading', { name: upload.name })} />
          )}
          {upload.problem === 'failed' && (
            <button type="button" class="textual" onClick={() => uploads.retry(upload.id)}>
              {it.t('retry')}
            </button>
          )}
          <button type="button" class="plain" aria-label={it.t('cancel')} onClick={() => uploads.remove(upload.id)}>
            <Icon name="close" />
          </button>
        </li>
      ))}
    </ul>
  )
}

function describe({ t, shell }: Controller, { name, problem, reason }: Upload): string {
  if (problem === 'tooLarge') return t('tooLarge', { name, limit: bytes(shell.config.uploadBytes) })
  if (problem === 'empty') return t('empty', { name })
  return problem ? `${t('uploadFailed', { name })}${reason ? ` · ${reason}` : ''}` : name
}
