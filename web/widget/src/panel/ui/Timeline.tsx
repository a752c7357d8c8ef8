import { MEMBER } from '@kefu/client'
import { Component } from 'preact'
import { clockTime, dayName } from '../../locales/index.js'
import { safeUrl } from '../content.js'
import type { Controller } from '../controller.js'
import { type MessageRow, rows } from '../rows.js'
import { Avatar } from './Avatar.js'
import { Bubble } from './Bubble.js'
import { Fault } from './Fault.js'
import { Icon } from './icons.js'

/** How near to its end, in pixels, the conversation follows what comes. */
const NEAR = 60

/**
 * The conversation. Whoever reads its end stays there, except that a long answer shows its beginning; whoever has scrolled up
 * is not moved, and a button counts what has come. What is put above (older pages, pictures) keeps the reader's place.
 */
export class Timeline extends Component<{ it: Controller }, { below?: number }> {
  #log: HTMLElement | null = null
  #atEnd = true
  /**
   * As it was drawn last: the `seq` of the oldest and of the newest message, what waits last to be sent, the height of all. What
   * waits, or could not be sent, stands below every answer.
   */
  #oldest = 0
  #newest = 0
  #waiting: string | undefined
  #height = 0
  readonly #watch = new ResizeObserver(() => this.#follow())

  override componentDidMount() {
    // The keyboard of a phone, and a composer that grows, take from the conversation's height.
    if (this.#log) this.#watch.observe(this.#log)
    document.addEventListener('visibilitychange', this.#look)
    this.componentDidUpdate()
  }

  override componentWillUnmount() {
    this.#watch.disconnect()
    document.removeEventListener('visibilitychange', this.#look)
  }

  override componentDidUpdate() {
    const box = this.#log
    if (!box) return
    const { messages, entries } = this.props.it.chat
    const oldest = messages[0]?.seq ?? 0
    const answers = messages.filter(({ seq, senderType }) => seq > this.#newest && senderType !== MEMBER)
    const last = this.#newest ? answers.at(-1) : undefined
    const waiting = entries.at(-1)?.clientMessageId
    // Something was put above.
    if (oldest < this.#oldest && !this.#atEnd) box.scrollTop += box.scrollHeight - this.#height
    if (waiting && waiting !== this.#waiting) this.#atEnd = true
    else if (last && !this.#atEnd) this.setState({ below: (this.state.below ?? 0) + answers.length })
    this.#oldest = oldest
    this.#newest = messages.at(-1)?.seq ?? 0
    this.#waiting = waiting
    this.#follow()
    if (last && this.#atEnd) {
      const row = box.querySelector<HTMLElement>(`[data-key="${last.clientMessageId ?? last.id}"]`)
      if (row && row.offsetHeight > box.clientHeight) {
        box.scrollTop = row.offsetTop - 12
        this.#atEnd = false
      }
    }
    this.#height = box.scrollHeight
    this.#look()
  }

  #follow() {
    if (this.#log && this.#atEnd) this.#log.scrollTop = this.#log.scrollHeight
  }

  /** Whoever looks at the end has seen the newest message. */
  readonly #look = () => {
    if (this.#atEnd && !document.hidden) this.props.it.see()
  }

  #scrolled() {
    const box = this.#log
    if (!box) return
    const { chat } = this.props.it
    this.#atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < NEAR
    if (this.#atEnd && this.state.below) this.setState({ below: 0 })
    this.#look()
    if (box.scrollTop < 80 && chat.older === 'some') void chat.loadOlder()
  }

  render({ it }: { it: Controller }, { below = 0 }) {
    const { chat, t, locale } = it
    const list = rows({
      earlier: chat.earlier,
      messages: chat.messages,
      entries: chat.entries,
      read: (contentType, content) => it.content(contentType, content),
    })
    const { greeting } = it.shell.config.texts
    return (
      <div class="middle">
        <div
          ref={(log) => {
            this.#log = log
          }}
          class="log"
          role="log"
          aria-label={t('log')}
          aria-busy={chat.phase === 'loading'}
          tabIndex={0}
          onScroll={() => this.#scrolled()}
        >
          {chat.phase === 'loading' && !chat.started && <Skeleton label={t('loading')} />}
          {chat.phase === 'failed' && (
            <Fault text={t('loadFailed')} action={t('retry')} onClick={() => void chat.begin(true)} />
          )}
          {chat.older === 'loading' && <span class="chip">{t('loading')}</span>}
          {chat.older === 'failed' && (
            <Fault text={t('loadFailed')} action={t('retry')} onClick={() => void chat.loadOlder()} />
          )}
          {greeting && chat.older === 'none' && !chat.earlier.length && chat.phase === 'ready' && (
            <div class="row theirs last welcome">
              <div class="bubble">{greeting}</div>
            </div>
          )}
          {!greeting && !chat.started && chat.phase === 'ready' && <span class="note">{t('begin')}</span>}
          {list.map((row) =>
            row.kind === 'message' ? (
              <Message it={it} row={row} key={row.key} onLoad={() => this.#follow()} />
            ) : row.kind === 'split' ? (
              <hr key="split" />
            ) : (
              <span class="chip" key={row.key}>
                {row.kind === 'day' ? dayName(row.time, locale, Date.now(), t) : t('earlier')}
              </span>
            ),
          )}
          {/* Where a round says what the visitor can expect, that nobody is here is said in the head only. */}
          {(chat.messages.at(-1)?.taskId && it.part('rounds')?.(it)) ||
            (it.away && chat.started && chat.phase === 'ready' && <span class="note">{t('awayShort')}</span>)}
          {chat.typing && (
            <div class="row theirs first last" role="status" aria-label={`${t('agent')} ${t('typing')}`}>
              <div class="bubble dots">
                <i />
                <i />
                <i />
              </div>
            </div>
          )}
        </div>
        {below > 0 && (
          <button
            class="newer"
            onClick={() => {
              this.#atEnd = true
              this.setState({ below: 0 })
            }}
          >
            <Icon name="down" />
            {t('newer', { n: below })}
          </button>
        )}
      </div>
    )
  }
}

function Message({ it, row, onLoad }: { it: Controller; row: MessageRow; onLoad: () => void }) {
  const { t, locale, chat } = it
  const { own, content, progress, entry } = row
  if (content.kind === 'system') return <Bubble it={it} content={content} />
  const name = own ? t('you') : (row.name ?? t('agent'))
  const side = `row ${own ? 'own' : 'theirs'} ${row.first ? 'first' : ''} ${row.last ? 'last' : ''}`
  return (
    <article class={side} data-key={row.key} data-progress={progress} aria-label={name}>
      {!own && row.last && <Avatar id={row.senderId} name={name} url={safeUrl(row.avatar, it.shell.server)} />}
      <Bubble it={it} content={content} onLoad={onLoad} />
      {progress === 'failed' ? (
        <span class="meta failed" role="alert">
          {row.problem || t('failed')}
          {!chat.blocked && (
            <button class="textual" onClick={() => chat.client.outbox.retry(entry ?? '')}>
              {t('retry')}
            </button>
          )}
          <button class="textual" onClick={() => chat.client.outbox.remove(entry ?? '')}>
            {t('remove')}
          </button>
        </span>
      ) : (
        (row.last || progress === 'sending') && (
          <span class="meta">
            {!own && <span>{name} ·</span>}
            {own && progress && (
              <>
                <Icon name={progress === 'read' ? 'two' : progress === 'sent' ? 'one' : 'clock'} />
                {t(progress)}{' '}
              </>
            )}
            <time dateTime={new Date(row.time).toISOString()}>{clockTime(row.time, locale)}</time>
          </span>
        )
      )}
    </article>
  )
}

function Skeleton({ label }: { label: string }) {
  return (
    <div class="skeleton" role="status" aria-label={label}>
      <i />
      <i />
      <i />
    </div>
  )
}
