import type { Message } from '@kefu/client'
import type { Controller } from '../controller.js'
import { use } from '../part-jsx.js'
import type { Chat } from '../chat.js'
import type { Content } from '../content.js'
import type { Kit, Parts } from '../parts.js'
import { bytes, money, ORDER, parseRich, PRODUCT } from './content.js'
import { excerpt } from './excerpt.js'
import sheet from './extras.css?inline'
import { play } from './sound.js'
import { type Upload, Uploads } from './uploads.js'

export { sheet }

interface RichProps {
  it: Controller
  content: Extract<Content, { kind: 'rich' }>
  onLoad?: (() => void) | undefined
}

/** A sheet of paper (ui/icons.tsx). */
const FILE = 'M13.5 3H7a1.5 1.5 0 0 0-1.5 1.5v15A1.5 1.5 0 0 0 7 21h10a1.5 1.5 0 0 0 1.5-1.5V8zM13.5 3v5h5'
const EMOJI = [...'😀😄😁😂🙂😊😍😘😜🤔😏😒😔😢😭😡😱😅😴👌👍👎👏🙏💪🤝👋🌹🎉💖💔🔥']

/** Pictures, files and cards, emoji, the preview of a message and its sound. */
export function make({ createElement, KefuError, Avatar, Icon, safeUrl }: Kit): Parts['extras'] {
  use(createElement)

  /** What is more than a text. */
  function Rich({ it, content: { contentType, raw }, onLoad }: RichProps) {
    const { t } = it
    const outside = { target: '_blank', rel: 'noopener noreferrer' } as const
    const content = parseRich(safeUrl, contentType, raw, it.shell.server)
    switch (content.kind) {
      case 'picture': {
        const { url, width, height } = content
        // The place is kept, so that nothing moves when the picture comes.
        const size =
          width && height
            ? { aspectRatio: `${width} / ${height}`, width: `${Math.min(width, 240, (280 * width) / height)}px` }
            : {}
        return (
          <a class="picture" href={url} {...outside}>
            <img src={url} alt={t('picture')} style={size} onLoad={onLoad} />
          </a>
        )
      }
      case 'file':
      case 'link':
        return (
          <a class="bubble file" href={content.url} {...outside}>
            <Icon shape={FILE} />
            <span>
              <u>{content.kind === 'file' ? content.name : t(content.label)}</u>
              {content.kind === 'file' && content.size ? <small dir="ltr">{bytes(content.size)}</small> : null}
            </span>
          </a>
        )
      case 'card': {
        const { label, title, picture, price, note } = content
        return (
          <div class="card">
            {picture && <img src={picture} alt="" />}
            <span>
              {note?.no && <small>{t('orderNo', { no: note.no })}</small>}
              <span class="name">{title || t(label)}</span>
              <span class="facts">
                {price !== undefined && <b>{money(price)}</b>}
                {note?.count && <small>{t('count', { n: note.count })}</small>}
              </span>
            </span>
          </div>
        )
      }
      default:
        return <div class="bubble unknown">{t('unknown')}</div>
    }
  }

  /** A card that the page offers. */
  function Offered({ it }: { it: Controller }) {
    const card = it.offered
    if (!card) return null
    const [contentType, content] = 'product' in card ? [PRODUCT, card.product] : [ORDER, card.order]
    const raw = JSON.stringify(content)
    return (
      <div class="offered">
        <Rich it={it} content={{ kind: 'rich', contentType, raw }} />
        <button
          type="button"
          class="solid"
          onClick={() => {
            it.chat.send(contentType, content)
            it.dropCard()
          }}
        >
          {it.t('sendCard')}
        </button>
        <button type="button" class="plain" aria-label={it.t('dismiss')} onClick={() => it.dropCard()}>
          <Icon name="close" />
        </button>
      </div>
    )
  }

  function UploadList({ it, uploads }: { it: Controller; uploads: Uploads }) {
    if (!uploads.list.length) return null
    return (
      <ul class="uploads">
        {uploads.list.map((upload) => (
          <li key={upload.id} class={upload.problem ? 'fault' : ''}>
            <span class="name" role={upload.problem ? 'alert' : undefined}>
              {describe(it, upload)}
            </span>
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

  function Faces({ it, onPick }: { it: Controller; onPick: (face: string) => void }) {
    return (
      <div class="faces-grid" role="group" aria-label={it.t('emoji')}>
        {EMOJI.map((face) => (
          <button type="button" class="plain" key={face} onClick={() => onPick(face)}>
            {face}
          </button>
        ))}
      </div>
    )
  }

  /** The newest message of an agent, beside the launcher. */
  function Preview({ it, message }: { it: Controller; message: Message }) {
    const { t, shell } = it
    const name = message.senderNickname ?? it.text('title', 'title')
    return (
      <div class="preview" role="status">
        <button type="button" class="said" onClick={() => it.open()}>
          <Avatar id={message.senderId} name={name} url={safeUrl(message.senderAvatar, shell.server)} />
          <span class="words">
            <strong>{name}</strong>
            <span class="excerpt">{excerpt(safeUrl, it, message)}</span>
          </span>
          <span class="hidden">{t('open')}</span>
        </button>
        <button type="button" class="plain dismiss" aria-label={t('dismiss')} onClick={() => it.dismiss()}>
          <Icon name="close" />
        </button>
      </div>
    )
  }

  /** Uploads the files that wait; each becomes a message once it is there. */
  function upload(it: Controller, chat: Chat) {
    const files = chat.files
    if (!files.length) return
    chat.files = []
    chat.tokens.want()
    chat.uploads ??= new Uploads(chat.client.http, it.shell, () => it.changed(), KefuError)
    chat.uploads.add(files, ({ url, name, type, size, width, height }: Required<Upload>) => {
      // The name is the text, too: other clients show the text of a message and nothing else.
      if (width) chat.send(2, { picUrl: url, width, height })
      else chat.send(1, { text: name, file: { url, name, size, contentType: type || 'application/octet-stream' } })
    })
  }

  return { play, upload, Rich, UploadList, Offered, Faces, Preview }
}
