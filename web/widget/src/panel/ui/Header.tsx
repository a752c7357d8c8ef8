import type { Controller } from '../controller.js'
import { safeUrl } from '../content.js'
import { Avatar } from './Avatar.js'
import { Icon } from './icons.js'

/** Who is here and how soon they answer. */
export function Header({ it }: { it: Controller }) {
  const { chat, shell, t } = it
  const { look, texts } = shell.config
  const title = it.text('title', 'title')
  const agents = new Map(
    chat.messages
      .filter(({ senderType, senderId }) => senderType === 2 && senderId)
      .map(({ senderId, senderNickname, senderAvatar }) => [senderId, { name: senderNickname, url: senderAvatar }]),
  )
  const faces = [...agents].slice(-3)
  const state = !chat.connected ? 'connecting' : it.away ? 'offline' : 'online'
  return (
    <header class="header">
      <span class="faces">
        {faces.length ? (
          faces.map(([id, { name, url }]) => (
            <Avatar key={id} id={id} name={name ?? t('agent')} url={safeUrl(url, shell.server)} />
          ))
        ) : (
          <Avatar name={title} url={safeUrl(look.avatar, shell.server)} />
        )}
      </span>
      <span class="who">
        <h2 class="title">{title}</h2>
        <span class="state" role="status">
          <span class={`dot ${state}`} />
          {/* The dot says that somebody is there. */}
          {chat.agent || (state === 'online' && texts.reply) || t(state)}
        </span>
      </span>
      <button class="plain shut" aria-label={t('close')} onClick={() => it.leaveToLauncher()}>
        <Icon name="close" />
      </button>
    </header>
  )
}
