// @vitest-environment node
import { type Client, KefuError } from '@kefu/client'
import { expect, test, vi } from 'vitest'
import { Attachments, type AttachmentsOptions, most } from './attachments'
import type { Keeper, Kept } from './keeper'
import { limits } from './limits'

interface Running {
  name: string
  done(url: string): void
  fail(error: Error): void
  progress(part: number): void
  signal: AbortSignal
}

/** Attachments whose uploads end when the test says so. */
function begin(options: AttachmentsOptions = {}) {
  const running: Running[] = []
  const sent: { conversationId: number; contentType: number; content: unknown }[] = []
  const client = {
    outbox: {
      add: (draft: { conversationId: number; contentType: number; content: string }) =>
        sent.push({ ...draft, content: JSON.parse(draft.content) as unknown }),
    },
  } as unknown as Client
  const attachments = new Attachments(client, {
    upload: (_client, _file, name, progress, signal) =>
      new Promise((done, fail) => {
        running.push({ name, done, fail, progress, signal })
        signal.addEventListener('abort', () => fail(new DOMException('aborted', 'AbortError')))
      }),
    measure: () => Promise.resolve({ width: 640, height: 480 }),
    preview: () => 'blob:preview',
    forget: () => undefined,
    ...options,
  })
  const states = (conversationId = 1) => attachments.of(conversationId).map(({ name, state }) => `${name} ${state}`)
  const upload = async (name: string) => {
    await vi.waitFor(() => expect(running.map((one) => one.name)).toContain(name))
    const index = running.findIndex((one) => one.name === name)
    return running.splice(index, 1)[0] as Running
  }
  return { attachments, sent, states, upload, running }
}

const picture = (name = 'a.png') => new File(['picture'], name, { type: 'image/png' })
const file = (name = 'a.pdf') => new File(['file'], name, { type: 'application/pdf' })

test('a picture is uploaded at once and sent with its size', async () => {
  const { attachments, sent, states, upload } = begin()
  attachments.add(1, [picture()])
  const running = await upload('a.png')
  running.progress(0.5)
  expect(attachments.of(1)[0]?.progress).toBe(0.5)
  running.done('/infra/file/a.png')
  await vi.waitFor(() => expect(states()).toEqual(['a.png ready']))
  expect(sent).toEqual([])
  attachments.release(1)
  expect(sent).toEqual([
    { conversationId: 1, contentType: 2, content: { picUrl: '/infra/file/a.png', width: 640, height: 480 } },
  ])
  expect(states()).toEqual([])
})

test('a file is sent as a text that names it', async () => {
  const { attachments, sent, upload } = begin()
  attachments.add(1, [file()])
  attachments.release(1)
  ;(await upload('a.pdf')).done('/infra/file/a.pdf')
  await vi.waitFor(() => expect(sent.length).toBe(1))
  expect(sent[0]).toEqual({
    conversationId: 1,
    contentType: 1,
    content: {
      text: 'a.pdf',
      file: { url: '/infra/file/a.pdf', name: 'a.pdf', size: 4, contentType: 'application/pdf' },
    },
  })
})

test('released ones arrive in the order of the tray, whichever is uploaded first; two at a time', async () => {
  const { attachments, sent, upload, running } = begin()
  attachments.add(1, [picture('1.png'), picture('2.png'), picture('3.png')])
  attachments.release(1)
  const second = await upload('2.png')
  expect(running.map(({ name }) => name)).toEqual(['1.png'])
  second.done('/2')
  const third = await upload('3.png')
  third.done('/3')
  await vi.waitFor(() => expect(attachments.of(1).map(({ state }) => state)).toEqual(['uploading', 'ready', 'ready']))
  expect(sent).toEqual([])
  ;(await upload('1.png')).done('/1')
  await vi.waitFor(() =>
    expect(sent.map(({ content }) => (content as { picUrl: string }).picUrl)).toEqual(['/1', '/2', '/3']),
  )
})

test('a failed one stays, holds back nothing, and is tried again alone', async () => {
  const { attachments, sent, states, upload } = begin()
  attachments.add(1, [picture('1.png'), picture('2.png')])
  attachments.release(1)
  ;(await upload('1.png')).fail(new KefuError(503, 'busy', 503))
  ;(await upload('2.png')).done('/2')
  await vi.waitFor(() => expect(sent.length).toBe(1))
  expect(states()).toEqual(['1.png failed'])
  attachments.retry(attachments.of(1)[0]?.id ?? '')
  ;(await upload('1.png')).done('/1')
  await vi.waitFor(() => expect(sent.length).toBe(2))
})

test('a cancelled upload is ended and forgotten', async () => {
  const { attachments, states, upload } = begin()
  attachments.add(1, [picture()])
  const running = await upload('a.png')
  attachments.remove(attachments.of(1)[0]?.id ?? '')
  expect([running.signal.aborted, states()]).toEqual([true, []])
})

test('what is too large or empty is said before anything is uploaded', () => {
  const { attachments, running } = begin()
  const large = Object.defineProperty(file('large.zip'), 'size', { value: limits.uploadBytes + 1 })
  attachments.add(1, [large, new File([], 'empty.txt')])
  expect(attachments.of(1).map(({ problem }) => problem?.kind)).toEqual(['tooLarge', 'empty'])
  attachments.retry(attachments.of(1)[0]?.id ?? '')
  expect([attachments.of(1)[0]?.state, running.length]).toEqual(['failed', 0])
})

test('conversations do not mix, and a tray has a limit', async () => {
  const { attachments, sent, states, upload } = begin()
  attachments.add(1, [picture('1.png')])
  expect(
    attachments.add(
      2,
      Array.from({ length: most + 3 }, (_, index) => picture(`${index}.gif`)),
    ),
  ).toBe(3)
  attachments.release(1)
  ;(await upload('1.png')).done('/1')
  await vi.waitFor(() => expect(sent.map(({ conversationId }) => conversationId)).toEqual([1]))
  expect(states(2).length).toBe(most)
})

test('what was attached survives a reload: uploaded ones are ready, others are uploaded again', async () => {
  const rows = new Map<string, Kept>()
  const keeper: Keeper = {
    keep: (one) => void rows.set(one.id, one),
    forget: (id) => void rows.delete(id),
    all: () => Promise.resolve([...rows.values()]),
  }
  const before = begin({ keeper })
  before.attachments.add(1, [picture('1.png'), picture('2.png')])
  ;(await before.upload('1.png')).done('/1')
  await vi.waitFor(() => expect(before.states()).toEqual(['1.png ready', '2.png uploading']))
  const after = begin({ keeper })
  await after.attachments.restore()
  expect(after.states()[0]).toBe('1.png ready')
  after.attachments.release(1)
  ;(await after.upload('2.png')).done('/2')
  await vi.waitFor(() => expect(after.sent.length).toBe(2))
  expect(rows.size).toBe(0)
})
