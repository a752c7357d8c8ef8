import { bytes, type Content, money, splitLinks } from '../content.js'
import type { Controller } from '../controller.js'
import { Icon } from './icons.js'

/** What a message holds. */
export function Bubble({ it, content, onLoad }: { it: Controller; content: Content; onLoad?: () => void }) {
  const { t } = it
  const outside = { target: '_blank', rel: 'noopener noreferrer' } as const
  switch (content.kind) {
    case 'text':
      return (
        <div class="bubble">
          {content.left && <span class="left">{t('left')}</span>}
          {splitLinks(content.text).map(({ text, href }) =>
            href ? (
              <a href={href} {...outside}>
                {text}
              </a>
            ) : (
              text
            ),
          )}
        </div>
      )
    case 'picture': {
      const { url, width, height } = content
      // The place is kept, so that nothing moves when the picture comes.
      const size = width && height ? { aspectRatio: `${width} / ${height}`, width: `${Math.min(width, 240)}px` } : {}
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
          <Icon name="file" />
          <span>
            {content.kind === 'file' ? content.name : t(content.label)}
            {content.kind === 'file' && content.size ? <small>{bytes(content.size)}</small> : null}
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
    case 'system':
      return <span class="chip">{content.text}</span>
    default:
      return <div class="bubble unknown">{t('unknown')}</div>
  }
}
