/**
 * The round of service of the visitor: who serves, the place of who waits, that nobody is on duty, and its end.
 *
 * It is loaded with the first message that came in a round, so that it costs nothing where there are none. The state is asked
 * for once, and after a break; frames keep it.
 */
import type { OwnTask } from '@kefu/client'
import type { Chat } from '../chat.js'
import type { Controller } from '../controller.js'
import { use } from '../part-jsx.js'
import type { Kit, Parts } from '../parts.js'
import { agentOf, lineOf, type Round, say } from './round.js'

export function make({ createElement, Avatar, safeUrl }: Kit): Parts['rounds'] {
  use(createElement)
  const rounds = new WeakMap<Chat, Round>()

  /** The round of a chat, which is followed from here on. */
  function roundOf(it: Controller, chat: Chat): Round {
    const known = rounds.get(chat)
    if (known) return known
    const round: Round = { task: null }
    const change = (changed: Partial<Round>) => {
      Object.assign(round, changed)
      const name = agentOf(round)
      chat.agent = name && say(it.locale, 'serving', name)
      it.changed()
    }
    const ask = async () => {
      try {
        change((await chat.call('get', '/app-api/promotion/kefu-task/current')) as Round)
      } catch {
        // What is known stays, until the next frame.
      }
    }
    rounds.set(chat, round)
    chat.client.socket.on('frame', ({ type, content }) => {
      if (type === 'kefu_task')
        change({ task: content as OwnTask, ...(round.task?.id !== content.id && { place: null, text: '' }) })
      if (type === 'kefu_queue_position') change(content)
    })
    chat.client.socket.on('recovered', () => void ask())
    void ask()
    return round
  }

  return (it) => {
    const { chat, locale, shell } = it
    const round = roundOf(it, chat)
    const line = lineOf(round, chat.messages)
    if (!line) return null
    const { task, text, place } = round
    const name = task?.agentNickname ?? ''
    return (
      <span class="note" role="status" data-line={line}>
        {line === 'serving' && <Avatar name={name} url={safeUrl(task?.agentAvatar, shell.server)} id={task?.id ?? 0} />}
        {line === 'place' && text ? text : say(locale, line, line === 'place' ? (place ?? '') : name)}
      </span>
    )
  }
}
