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
import { agentOf, lineOf, MISSED, type Round, say } from './round.js'

/** A face beside its words. */
const SIDE = 'display:flex;align-items:center;gap:8px'

export function make({ createElement, Avatar, safeUrl }: Kit): Parts['rounds'] {
  use(createElement)
  const rounds = new WeakMap<Chat, Round>()

  /** Names who serves in the head; answers whether that is news. */
  function name({ locale }: Controller, chat: Chat, round: Round): boolean {
    const agent = agentOf(round)
    const before = chat.agent
    chat.agent = agent && say(locale, 'serving', agent)
    return chat.agent !== before
  }

  /** The round of a chat, which is followed from here on. */
  function roundOf(it: Controller, chat: Chat): Round {
    const known = rounds.get(chat)
    if (known) return known
    const round: Round = { task: null }
    const change = (changed: Partial<Round>) => {
      Object.assign(round, changed)
      const { task } = round
      if (task) it.shell.config.online = task.state !== MISSED
      name(it, chat, round)
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
        change({ task: content as OwnTask, ...(round.task?.id !== content.id && { place: null }) })
      if (type === 'kefu_queue_position') change(content)
    })
    chat.client.socket.on('recovered', () => void ask())
    void ask()
    return round
  }

  return (it) => {
    const { chat, locale, shell } = it
    const round = roundOf(it, chat)
    // The head is drawn before this: another language of the panel takes one turn more.
    if (name(it, chat, round)) it.changed()
    const line = lineOf(round, chat.messages)
    if (!line) return null
    const { task, place } = round
    const agent = task?.agentNickname ?? ''
    // The colour of a face without a picture comes from the agent's number, which the member is not told.
    const picture = line === 'serving' && safeUrl(task?.agentAvatar, shell.server)
    return (
      <span class="note" role="status" data-line={line} style={picture ? SIDE : ''}>
        {picture && <Avatar name={agent} url={picture} />}
        {say(locale, line, line === 'place' ? (place ?? '') : agent)}
      </span>
    )
  }
}
