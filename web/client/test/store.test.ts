import { expect, test } from 'vitest'
import { ADMIN, MEMBER, type Change, type ServerFrame, type Store } from '../src/index.js'
import { conversation, message, world } from './fakes.js'

function admin(): { store: Store; changes: Change[] } {
  const { store } = world().client
  const changes: Change[] = []
  store.subscribe((change) => changes.push(change))
  return { store, changes }
}

const frame = (type: string, content: unknown) => ({ type, content }) as ServerFrame
const arrives = (store: Store, ...args: Parameters<typeof message>) =>
  store.apply(frame('kefu_message_type', message(...args)))
const seqs = (store: Store) => store.messages(1).map(({ seq }) => seq)

test('messages are in the order of seq, each once, whatever the order they come in', () => {
  const { store, changes } = admin()
  store.add([message(5), message(3)])
  arrives(store, 4)
  arrives(store, 4)
  store.add([message(2), message(5), message(9)])
  expect(seqs(store)).toEqual([2, 3, 4, 5, 9])
  expect(store.gaps(1)).toEqual([[6, 8]])
  const added = changes.flatMap((change) => (change.type === 'messages' ? change.added.map(({ seq }) => seq) : []))
  expect(added).toEqual([3, 5, 4, 2, 9].sort((a, b) => added.indexOf(a) - added.indexOf(b)))
  expect(added).toHaveLength(5)
})

test('the array stays the same until a message changes', () => {
  const { store, changes } = admin()
  store.add([message(1)])
  const before = store.messages(1)
  const count = changes.length
  store.add([message(1)])
  expect(store.messages(1)).toBe(before)
  expect(changes).toHaveLength(count)
})

test('a read frame marks the other side up to its seq, now and later, and stays', () => {
  const { store, changes } = admin()
  store.add([message(1), message(2, { senderType: ADMIN }), message(3)])
  store.apply(frame('kefu_message_read_status_change', { conversationId: 1, readerType: ADMIN, seq: 2 }))
  expect(store.messages(1).map(({ readStatus }) => readStatus)).toEqual([true, false, false])
  expect(changes.at(-1)).toMatchObject({ type: 'messages', added: [], changed: [{ seq: 1 }] })
  // An older answer of a list call does not take it back, and an older message is read as well.
  store.add([message(1), message(0)])
  expect(store.messages(1).map(({ readStatus }) => readStatus)).toEqual([true, true, false, false])
  store.apply(frame('kefu_message_read_by_member', { conversationId: 1, readerType: MEMBER, seq: 9 }))
  expect(store.messages(1).map(({ readStatus }) => readStatus)).toEqual([true, true, true, false])
  expect([store.readUpTo(1, ADMIN), store.readUpTo(1, MEMBER)]).toEqual([2, 9])
})

test('a message that was read stays read when an older answer comes late', () => {
  const { store, changes } = admin()
  store.add([message(1, { readStatus: true })])
  store.add([message(1)])
  expect(store.messages(1)[0]?.readStatus).toBe(true)
  expect(changes).toHaveLength(1)
})

test('a conversation follows the frames, and each message counts once', () => {
  const { store } = admin()
  store.load({ conversations: [conversation(1, { lastSeq: 4, adminUnreadMessageCount: 1 })] })
  arrives(store, 4)
  arrives(store, 5)
  arrives(store, 5)
  arrives(store, 6, { senderType: ADMIN })
  const row = () => store.conversations.get(1)!
  expect(row()).toMatchObject({
    lastSeq: 6,
    lastMessageTime: 10_006,
    lastMessageContent: '{"text":"6"}',
    adminUnreadMessageCount: 2,
    memberUnreadMessageCount: 1,
  })
  store.apply(frame('kefu_message_read_status_change', { conversationId: 1, readerType: ADMIN, seq: 4 }))
  expect(row().adminUnreadMessageCount).toBe(1)
  store.apply(frame('kefu_message_read_status_change', { conversationId: 1, readerType: ADMIN, seq: 6 }))
  expect(row().adminUnreadMessageCount).toBe(0)
  store.apply(frame('kefu_conversation_pinned', { conversationId: 1, adminPinned: true }))
  store.apply(frame('kefu_conversation_marked', { conversationId: 1, markedUnread: true }))
  expect(row()).toMatchObject({ adminPinned: true, markedUnread: true })
})

test('a line of the service moves the row on, and is not its last message', () => {
  const { store } = admin()
  store.load({ conversations: [conversation(1, { lastSeq: 4, lastMessageContent: 'hello' })] })
  arrives(store, 5, { senderType: ADMIN, senderId: 0, contentType: 5, readStatus: true, style: 'toast' })
  expect(store.conversations.get(1)).toMatchObject({
    lastSeq: 5,
    lastMessageTime: 10_005,
    lastMessageContent: 'hello',
    lastMessageContentType: 1,
    memberUnreadMessageCount: 0,
  })
})

test('a list call that is older than the frames does not turn the row back', () => {
  const { store } = admin()
  store.load({ conversations: [conversation(1, { lastSeq: 4 })] })
  arrives(store, 5)
  store.upsert([conversation(1, { lastSeq: 4, adminPinned: true })])
  expect(store.conversations.get(1)).toMatchObject({ lastSeq: 5, adminUnreadMessageCount: 1, adminPinned: true })
  // Nor does one that was asked before the frame said "read".
  store.apply(frame('kefu_message_read_status_change', { conversationId: 1, readerType: ADMIN, seq: 5 }))
  store.upsert([conversation(1, { lastSeq: 5, adminUnreadMessageCount: 1 })])
  expect(store.conversations.get(1)?.adminUnreadMessageCount).toBe(0)
})

test('what frames cannot say is reported as unknown', () => {
  const { store, changes } = admin()
  const unknown = () => changes.splice(0).flatMap((change) => (change.type === 'unknown' ? [change.id] : []))
  arrives(store, 1)
  expect(unknown()).toEqual([1])
  store.apply(frame('kefu_conversation_created', { conversationId: 2, userId: 3 }))
  expect(unknown()).toEqual([2])
  store.upsert([conversation(1, { lastSeq: 1 })])
  arrives(store, 4)
  expect(unknown()).toEqual([1])
  store.apply(frame('kefu_message_read_status_change', { conversationId: 1, readerType: ADMIN, seq: 2 }))
  expect(unknown()).toEqual([1])
})

test('a deleted conversation goes, and the next message asks for it', () => {
  const { store, changes } = admin()
  store.load({ conversations: [conversation(1, { lastSeq: 1 })] })
  store.apply(frame('kefu_conversation_deleted', { conversationId: 1 }))
  expect(store.conversations.size).toBe(0)
  expect(changes.at(-1)).toEqual({ type: 'conversation', id: 1 })
  arrives(store, 2)
  expect(changes.some((change) => change.type === 'unknown')).toBe(true)
})

test('what a replay brings of the time before the first load is no news', () => {
  const { store, changes } = admin()
  store.load({ conversations: [conversation(1, { lastSeq: 2, lastMessageTime: 10_002 })] })
  arrives(store, 2)
  expect(changes.at(-1)).toMatchObject({ type: 'messages', live: false })
  arrives(store, 3)
  expect(changes.at(-1)).toMatchObject({ type: 'messages', live: true })
})

test('a first load replaces the rows', () => {
  const { store } = admin()
  store.load({ conversations: [conversation(1), conversation(2)] })
  store.load({ conversations: [conversation(2), conversation(3)] })
  expect([...store.conversations.keys()]).toEqual([2, 3])
})

test('a restore of the database empties the store; a correction of the clock asks for a fresh look', () => {
  const { store, changes } = admin()
  store.load({ conversations: [conversation(1, { lastSeq: 1 })] })
  arrives(store, 2)
  store.apply(frame('kefu_resync_done', { restoredAt: null }))
  store.apply(frame('kefu_resync_done', { restoredAt: null, reload: true }))
  expect(changes.at(-1)).toEqual({ type: 'reload', forgotten: false })
  expect(store.messages(1)).toHaveLength(1)
  store.apply(frame('kefu_resync_done', { restoredAt: 5 }))
  expect(changes.at(-1)).toEqual({ type: 'reload', forgotten: true })
  expect([store.conversations.size, store.messages(1).length, store.readUpTo(1, ADMIN)]).toEqual([0, 0, 0])
})

test('a conversation that nothing retains keeps its newest messages', () => {
  const { store } = world({ keep: 3 }).client
  for (let seq = 1; seq <= 5; seq++) arrives(store, seq)
  expect(seqs(store)).toEqual([3, 4, 5])
  const release = store.retain(1)
  store.add([message(1), message(2)])
  expect(seqs(store)).toEqual([1, 2, 3, 4, 5])
  release()
  release()
  expect(seqs(store)).toEqual([3, 4, 5])
})

test('typing and viewers are told on', () => {
  const { store, changes } = admin()
  store.apply(frame('kefu_typing', { conversationId: 1, userId: 3, userType: ADMIN }))
  store.apply(frame('kefu_viewers', { conversationId: 1, userIds: [3, 4] }))
  expect(changes).toEqual([
    { type: 'typing', id: 1, userId: 3, userType: ADMIN },
    { type: 'viewers', id: 1, userIds: [3, 4] },
  ])
})

test('a row names the admin who sent its newest message, also after a list call that does not', () => {
  const { store } = admin()
  const named = () => store.conversations.get(1)?.lastMessageAdminId
  store.load({ conversations: [conversation(1, { lastSeq: 4 })] })
  expect(named()).toBe(undefined)
  store.apply(frame('kefu_message_type', message(5, { senderType: ADMIN, senderId: 9 })))
  store.upsert([conversation(1, { lastSeq: 5 })])
  expect(named()).toBe(9)
  store.upsert([conversation(1, { lastSeq: 6 })])
  expect(named()).toBe(undefined)
  store.upsert([conversation(1, { lastSeq: 6, lastMessageAdminId: 8 })])
  expect(named()).toBe(8)
  arrives(store, 7)
  expect(named()).toBe(undefined)
})

test('a linked conversation changes its member in place, and is fetched again', () => {
  const { store, changes } = admin()
  store.upsert([conversation(1, { userId: 900, lastSeq: 2 })])
  store.add([message(1, { senderId: 900 }), message(2, { senderType: ADMIN, senderId: 900 })])
  const before = changes.length
  store.apply(frame('kefu_conversation_linked', { conversationId: 1, userId: 247, previousUserId: 900 }))
  expect(store.messages(1).map(({ senderId }) => senderId)).toEqual([247, 900])
  expect(changes.slice(before).map(({ type }) => type)).toEqual(['messages', 'unknown', 'member'])
  expect(changes.at(-1)).toEqual({ type: 'member', id: 1, userId: 247 })
  store.apply(frame('kefu_member_update', { conversationId: 1, userId: 247 }))
  expect(changes.at(-1)).toEqual({ type: 'member', id: 1, userId: 247 })
  expect(changes).toHaveLength(before + 4)
})
