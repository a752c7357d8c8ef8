import { type Content, splitLinks } from '../content.js'
import type { Controller } from '../controller.js'
import { Late } from './Late.js'

/** What a message holds. */
export function Bubble({ it, content, onLoad }: { it: Controller; content: Content; onLoad?: () => void }) {
  if (content.kind === 'rich') {
    return (
      <Late it={it} name="extras">
        {({ Rich }) => <Rich it={it} content={content} onLoad={onLoad} />}
      </Late>
    )
  }
  if (content.kind === 'system') return <span class="chip">{content.text}</span>
  return (
    <div class="bubble">
      {content.left && <span class="left">{it.t('left')}</span>}
      {splitLinks(content.text).map(({ text, href }) =>
        href ? (
          <a href={href} target="_blank" rel="noopener noreferrer">
            {text}
          </a>
        ) : (
          text
        ),
      )}
    </div>
  )
}
