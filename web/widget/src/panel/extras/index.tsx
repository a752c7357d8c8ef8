import type { Http, Message } from '@kefu/client'
import type { Shell } from '../../shell.js'
import type { Controller } from '../controller.js'
import { use } from '../part-jsx.js'
import type { Kit, Parts } from '../parts.js'
import { excerpt } from './excerpt.js'
import sheet from './extras.css?inline'
import { play } from './sound.js'
import { type Upload, Uploads } from './uploads.js'

export { sheet }

const PRODUCT = 10
const ORDER = 11
const EMOJI = [...'😀😄😁😂🙂😊😍😘😜🤔😏😒😔😢😭😡😱😅😴👌👍👎👏🙏💪🤝👋🌹🎉❤💔🔥']

/** Files, emoji, cards to send, the preview of a message and its sound. */
export function make({ createElement, KefuError, Bubble, Avatar, Icon, bytes, safeUrl }: Kit): Parts['extras'] {
  use(createElement)

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

  function UploadList({ it, uploads }: { it: Controller; uploads: Uploads }) {
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
            <span class="excerpt">{excerpt(it.content(message.contentType, message.content), t)}</span>
          </span>
          <span class="hidden">{t('open')}</span>
        </button>
        <button type="button" class="plain dismiss" aria-label={t('dismiss')} onClick={() => it.dismiss()}>
          <Icon name="close" />
        </button>
      </div>
    )
  }

  const uploads = (http: Http, shell: Shell, changed: () => void) => new Uploads(http, shell, changed, KefuError)
  return { play, uploads, UploadList, Offered, Faces, Preview }
}
