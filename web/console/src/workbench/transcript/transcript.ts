import type { Client, Message } from '@kefu/client'
import { inFull } from '../timeline/announcements'
import { parseContent } from '../timeline/content'
import { sameDay } from '../timeline/rows'

/** The most messages of one transcript. */
export const transcriptLimit = 2000

const page = 200

/** The messages of a transcript, oldest first. `complete`: nothing was left out. */
export interface Transcript {
  messages: Message[]
  complete: boolean
}

/** Reads a conversation from its end, up to the limit. @throws KefuError */
export async function readTranscript(
  client: Client,
  conversationId: number,
  onRead: (messages: number) => void,
  signal: AbortSignal,
): Promise<Transcript> {
  const messages: Message[] = []
  while (messages.length < transcriptLimit) {
    const older = await client.http.call('get', '/admin-api/promotion/kefu-message/list', {
      query: { conversationId, limit: page, beforeSeq: messages.at(-1)?.seq ?? Number.MAX_SAFE_INTEGER },
      signal,
    })
    messages.push(...older)
    onRead(messages.length)
    if (older.length < page) return { messages: messages.reverse(), complete: true }
  }
  return { messages: messages.reverse(), complete: messages[0]?.seq === 1 }
}

/** How names and times are written. */
export interface Style {
  nameOf(message: Message): string
  day(time: number): string
  clock(time: number): string
}

/** One entry of a transcript; `day` where a new one begins. */
export interface Line {
  key: number
  day?: string
  time: string
  name: string
  text: string
}

/** A transcript line by line. */
export function transcriptLines(messages: readonly Message[], style: Style): Line[] {
  let previous: Message | undefined
  return messages.map((message) => {
    const newDay = previous === undefined || !sameDay(previous.createTime, message.createTime)
    previous = message
    return {
      key: message.id,
      ...(newDay && { day: style.day(message.createTime) }),
      time: style.clock(message.createTime),
      name: style.nameOf(message),
      text: inFull(parseContent(message.contentType, message.content)),
    }
  })
}

/** A transcript as plain text. */
export function transcriptText(head: readonly string[], lines: readonly Line[]): string {
  const body = lines.flatMap(({ day, time, name, text }) => [
    ...(day === undefined ? [] : ['', `— ${day} —`]),
    `[${time}] ${name}: ${text.replaceAll('\n', '\n    ')}`,
  ])
  return [...head, ...body, ''].join('\n')
}
