import type { Client, Message } from '@kefu/client'
import { beforeAll, expect, test } from 'vitest'
import { setLanguage } from '@/locales'
import { readTranscript, transcriptLimit, transcriptLines, transcriptText } from './transcript'

beforeAll(() => setLanguage('en'))

function message(seq: number, content = '{"text":"hello"}', contentType: Message['contentType'] = 1): Message {
  return {
    id: seq,
    conversationId: 1,
    senderId: 1001,
    senderType: 1,
    senderAvatar: null,
    senderNickname: 'Mia',
    receiverId: null,
    receiverType: null,
    contentType,
    content,
    readStatus: true,
    createTime: seq * 1000,
    seq,
    clientMessageId: null,
  }
}

/** A client whose conversation has so many messages. */
function clientWith(total: number, calls: number[] = []): Client {
  const call = (_method: string, _path: string, { query }: { query: { limit: number; beforeSeq: number } }) => {
    calls.push(query.beforeSeq)
    const last = Math.min(total, query.beforeSeq - 1)
    return Promise.resolve(Array.from({ length: Math.min(query.limit, last) }, (_, index) => message(last - index)))
  }
  return { http: { call } } as unknown as Client
}

const read = (total: number, calls?: number[]) =>
  readTranscript(clientWith(total, calls), 1, () => undefined, new AbortController().signal)

test('a transcript has all messages, oldest first', async () => {
  const { messages, complete } = await read(401)
  expect(messages.map(({ seq }) => seq)).toEqual(Array.from({ length: 401 }, (_, index) => index + 1))
  expect(complete).toBe(true)
})

test('a transcript has a limit and says so', async () => {
  const calls: number[] = []
  const { messages, complete } = await read(transcriptLimit + 1, calls)
  expect([messages.length, messages[0]?.seq, complete]).toEqual([transcriptLimit, 2, false])
  expect(calls.length).toBe(transcriptLimit / 200)
  expect((await read(transcriptLimit)).complete).toBe(true)
})

test('a transcript as text', () => {
  const style = { nameOf: () => 'Amy', day: (time: number) => `day ${time}`, clock: () => '12:00' }
  const lines = transcriptLines(
    [message(1, '{"text":"one\\ntwo"}'), message(2, '{"picUrl":"https://a.example/b.png"}', 2), message(90_000, 'x')],
    style,
  )
  expect(transcriptText(['Head'], lines)).toBe(
    'Head\n\n— day 1000 —\n[12:00] Amy: one\n    two\n[12:00] Amy: [Picture] https://a.example/b.png\n\n— day 90000000 —\n[12:00] Amy: x\n',
  )
})
