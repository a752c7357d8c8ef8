import type { Message } from '@kefu/client'
import { safeUrl } from '../content.js'
import type { Controller } from '../controller.js'
import { Avatar } from './Avatar.js'
import { excerpt } from './excerpt.js'
import { Icon } from './icons.js'

/** The newest message of an agent, beside the launcher. */
export function Preview({ it, message }: { it: Controller; message: Message }) {
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
