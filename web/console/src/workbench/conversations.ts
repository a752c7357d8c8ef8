/**
 * The list of conversations: which of them it shows, in which order, and what can be done with them.
 *
 * Protocol. The rows mirror the client's store, which frames keep up to date; no frame causes a call but those that
 * name a conversation that is not known, and those of members that are described in other words. The numbers beside the tabs
 * and who is online are asked for once in ten seconds at most, whatever the frames. The list shows one
 * view at a time: all, unread, or what a search has found. A view is loaded from the top in pages. Until its end is
 * loaded it is complete only down to its `floor`, the last row of the last page: what stands below is not shown, so that
 * no row appears at a place where others are lacking.
 *
 * Invariants. `ids` is sorted by `compare` and holds only rows of the view, once each. A frame moves a row within the view
 * or brings it in only when the row belongs there: the unread view takes unread ones, a search takes none that the
 * service did not find. A call's answer is dropped when the view has changed meanwhile.
 */
import { MEMBER, type Conversation, type Task } from '@kefu/client'
import { defineStore } from 'pinia'
import { computed, markRaw, ref, shallowReactive, shallowRef } from 'vue'
import { faultOf, type Fault } from '@/app/faults'
import { local, session as tabStorage } from '@/app/storage'
import { useSession } from '@/app/session'
import { Actions } from './list/actions'
import { Counts } from './list/counts'
import { compare, isUnread, place } from './order'
import { Presence } from './list/presence'
import { Typing } from './list/typing'

/** `mine` and `waiting` where the tenant has rounds of service: the desk says which rows are theirs (`setQueue`). */
export type Tab = 'all' | 'unread' | 'mine' | 'waiting'
/** What the service lists; the desk knows the others by itself. */
type Listed = 'all' | 'unread'

const PAGE = 100
/** The most rows that one call answers. */
const LARGEST_PAGE = 1000
/** Rows that are painted at once after a reload, before the service has answered. */
const CACHED = 40
const BURST = 60
const MOST_SINGLE_CALLS = 5
/** Members are described in other words with each page that a visitor opens, so that rows are fetched again in their turn. */
const RENEWAL = 1000
const MOST_STALE = 20

interface View {
  tab: Tab
  query: string
  /** What a search has found; `null` for a view that takes what fits its tab. */
  found: Set<number> | null
  /** The last row of the last page; `null` before the first page and after the end. */
  floor: Conversation | null
  loaded: boolean
  done: boolean
}

const isListed = (tab: Tab): tab is Listed => tab === 'all' || tab === 'unread'

/** Whether what was typed finds a member among those that are here: by the beginning of a word of the name, or by the id. */
function fits({ userId, userNickname }: { userId: number; userNickname: string }, typed: string): boolean {
  const text = typed.trim().toLowerCase()
  if (!text) return true
  const words = [userNickname.toLowerCase(), ...userNickname.toLowerCase().split(/\s+/)]
  return String(userId) === text || words.some((word) => word.startsWith(text))
}

export const useConversations = defineStore('conversations', () => {
  const session = useSession()
  const { http, store, socket } = session.client()
  const cacheKey = `kefu.list.${session.user?.id ?? 0}`
  const cacheStorage = session.remembers() ? local : tabStorage

  const rows = shallowReactive(new Map<number, Conversation>())
  const ids = shallowRef<readonly number[]>([])
  const tab = ref<Tab>('all')
  const query = ref('')
  /** `loading` only while there is nothing to show. */
  const phase = ref<'loading' | 'ready' | 'fault'>('loading')
  const more = ref<'idle' | 'loading' | 'fault' | 'end'>('idle')
  const searching = ref(false)
  const fault = shallowRef<Fault | null>(null)
  const openId = ref<number | null>(null)
  /** The open conversation when this agent may not see it any more: the workbench leaves it. */
  const lost = ref<number | null>(null)
  /** The conversation that was asked for last and does not exist. */
  const missing = ref<number | null>(null)
  const views: Record<Tab, View> = {
    all: makeView('all', ''),
    unread: makeView('unread', ''),
    mine: makeView('mine', ''),
    waiting: makeView('waiting', ''),
  }
  let view = views.all

  const counts = new Counts(http)
  const presence = new Presence(http, socket)
  const typing = new Typing()
  const actions = new Actions(http, store)

  /** The conversations that this agent serves, and those whose members wait, the oldest first. */
  const own = shallowRef<ReadonlySet<number>>(new Set())
  const queue = shallowRef<readonly Task[]>([])

  function makeView(forTab: Tab, text: string): View {
    const listed = isListed(forTab)
    const found = listed && text ? new Set<number>() : null
    return { tab: forTab, query: text, found, floor: null, loaded: !listed, done: !listed }
  }

  function belongs(row: Conversation, shown: boolean): boolean {
    // A colleague may have taken it out of the list while this agent serves it.
    if (view.tab === 'mine') return own.value.has(row.id) && fits(row, view.query)
    if (row.adminDeleted) return false
    if (view.found) return view.found.has(row.id)
    // The open conversation stays in the unread view after it was read, so that it does not vanish below the pointer.
    if (view.tab === 'unread' && !isUnread(row) && !(shown && row.id === openId.value)) return false
    return view.done || !view.floor || compare(row, view.floor) <= 0
  }

  function rebuild(): void {
    if (view.tab === 'waiting') {
      ids.value = queue.value.filter((task) => fits(task, view.query)).map((task) => task.conversationId)
      return
    }
    const before = new Set(ids.value)
    const kept = [...rows.values()].filter((row) => belongs(row, before.has(row.id)))
    ids.value = kept.sort(compare).map((row) => row.id)
  }

  function mirror(id: number): void {
    const row = store.conversations.get(id)
    const old = rows.get(id)
    if (row === old) return
    if (row) rows.set(id, row)
    else rows.delete(id)
    const known = row ?? old
    if (!known) return
    counts.changed(old, row)
    // Who waits stands in the order of the desk.
    if (view.tab === 'waiting') return
    ids.value = place(ids.value, known, row !== undefined && belongs(row, ids.value.includes(id)), (other) =>
      rows.get(other),
    )
  }

  function fetchPage(of: View, cursor: string | undefined, limit: number): Promise<Conversation[]> {
    return http.call('get', '/admin-api/promotion/kefu-conversation/list', {
      query: {
        limit,
        lastAdmin: true,
        ...(cursor !== undefined && { cursor }),
        ...(of.query && { q: of.query }),
        ...(of.tab === 'unread' && { unread: true }),
      },
    })
  }

  function takePage(page: Conversation[], limit: number): void {
    for (const row of page) view.found?.add(row.id)
    view.done = page.length < limit
    view.floor = view.done ? null : (page.at(-1) ?? null)
    view.loaded = true
    more.value = view.done ? 'end' : 'idle'
    phase.value = 'ready'
    rebuild()
  }

  /** Loads the view from its top, as deep as it was before. What is shown stays until the answer is there. */
  async function refresh(): Promise<void> {
    const of = view
    if (!isListed(of.tab)) return refreshBehind()
    const limit = Math.min(LARGEST_PAGE, Math.max(PAGE, of.loaded ? ids.value.length : 0))
    if (ids.value.length === 0) phase.value = 'loading'
    try {
      const page = await fetchPage(of, undefined, limit)
      if (of !== view) return
      const first = of.tab === 'all' && !of.query
      if (first) store.load({ conversations: page })
      else store.upsert(page)
      if (of.found) of.found.clear()
      takePage(page, limit)
      if (first) dropMissing(page)
      fault.value = null
    } catch (error) {
      if (of !== view) return
      fault.value = faultOf(error)
      // What is shown already is better than an error in its place.
      phase.value = ids.value.length > 0 ? 'ready' : 'fault'
    } finally {
      if (of === view) searching.value = false
    }
  }

  /** Loads the list of all while the desk's view is shown: rows and frames go on from there. */
  async function refreshBehind(): Promise<void> {
    const limit = Math.min(LARGEST_PAGE, Math.max(PAGE, rows.size))
    try {
      const page = await fetchPage(views.all, undefined, limit)
      store.load({ conversations: page })
      const done = page.length < limit
      Object.assign(views.all, { loaded: true, done, floor: done ? null : page.at(-1) })
      fault.value = null
    } catch (error) {
      fault.value = faultOf(error)
    }
    for (const id of own.value) know(id)
  }

  /** Takes out what another agent has removed while nothing told so: rows above the floor that the service did not name. */
  function dropMissing(page: Conversation[]): void {
    const named = new Set(page.map((row) => row.id))
    const newest = Math.max(0, ...page.map((row) => row.lastMessageTime))
    for (const id of ids.value) {
      const row = rows.get(id)
      // A row that a frame has brought meanwhile is newer than the answer.
      if (!row || named.has(id) || row.lastMessageTime > newest) continue
      if (store.conversations.has(id))
        store.apply({ type: 'kefu_conversation_deleted', content: { conversationId: id } })
      rows.delete(id)
    }
    rebuild()
  }

  /** Loads the next page of the view, if there is one. */
  async function loadMore(): Promise<void> {
    if (!view.loaded || view.done || more.value === 'loading') return
    const of = view
    more.value = 'loading'
    try {
      const page = await fetchPage(of, of.floor?.cursor, PAGE)
      if (of !== view) return
      store.upsert(page)
      takePage(page, PAGE)
    } catch {
      if (of === view) more.value = 'fault'
    }
  }

  /** Shows another view: what is known of it at once, then what the service says. */
  function show(nextTab: Tab, nextQuery: string): void {
    const text = nextQuery.trim()
    tab.value = nextTab
    query.value = nextQuery
    view = text ? makeView(nextTab, text) : views[nextTab]
    searching.value = view.found !== null
    more.value = view.done ? 'end' : 'idle'
    fault.value = null
    if (!isListed(nextTab)) phase.value = 'ready'
    // A search keeps what was shown until its own answer comes.
    if (view.found) view.found = new Set(ids.value)
    else rebuild()
    void refresh()
  }

  const wanted = new Set<number>()
  let fetching: ReturnType<typeof setTimeout> | undefined

  /** Fetches conversations that frames named and nobody knows, several at a time. */
  function want(id: number): void {
    wanted.add(id)
    fetching ??= setTimeout(() => void fetchWanted(), BURST)
  }

  async function fetchWanted(): Promise<void> {
    fetching = undefined
    const batch = [...wanted]
    wanted.clear()
    if (batch.length > MOST_SINGLE_CALLS) {
      counts.refresh()
      return refresh()
    }
    const fetched = await Promise.all(batch.map((id) => ensure(id).catch(() => null)))
    for (const row of fetched) if (row) presence.wrote(row.userId)
  }

  /** Fetches one conversation; `null` when there is none. @throws KefuError */
  async function ensure(id: number): Promise<Conversation | null> {
    const row = await http.call('get', '/admin-api/promotion/kefu-conversation/get', { query: { id, lastAdmin: true } })
    const before = rows.get(id)
    if (row) {
      store.upsert([row])
      counts.changed(before, row)
    } else missing.value = id
    return row
  }

  /** Fetches a conversation, unless it is known: something has happened in it. */
  function know(id: number): void {
    if (!rows.has(id)) want(id)
  }

  /** Takes from the desk what this agent serves, and who waits, the oldest first. */
  function setQueue(mine: readonly Task[], waiting: readonly Task[]): void {
    own.value = new Set(mine.map((task) => task.conversationId))
    queue.value = waiting
    if (!isListed(view.tab)) rebuild()
  }

  /** Forgets a conversation that this agent may not see any more. */
  function hide(id: number): void {
    store.apply({ type: 'kefu_conversation_deleted', content: { conversationId: id } })
    if (openId.value === id) lost.value = id
  }

  const stale = new Set<number>()
  let renewing: ReturnType<typeof setTimeout> | undefined

  /** Fetches a row whose member is described in other words: the open one soon, of the others one a second. */
  function renew(id: number): void {
    if (id === openId.value) return want(id)
    if (!rows.has(id) || stale.size >= MOST_STALE) return
    stale.add(id)
    renewing ??= setTimeout(renewNext, RENEWAL)
  }

  function renewNext(): void {
    const [id] = stale
    renewing = undefined
    if (id === undefined) return
    stale.delete(id)
    if (stale.size > 0) renewing = setTimeout(renewNext, RENEWAL)
    ensure(id).catch(() => null)
  }

  store.subscribe((change) => {
    switch (change.type) {
      case 'conversation':
        return mirror(change.id)
      case 'conversations': {
        for (const id of change.ids) {
          const row = store.conversations.get(id)
          if (row) rows.set(id, row)
        }
        return rebuild()
      }
      case 'unknown':
        return want(change.id)
      case 'member':
        return renew(change.id)
      case 'messages': {
        const last = change.added.at(-1)
        if (last?.senderType !== MEMBER) return
        if (change.live) presence.wrote(last.senderId)
        return typing.stop(change.id)
      }
      case 'typing':
        if (change.userType !== MEMBER) return
        presence.saw(change.userId)
        return typing.start(change.id)
      case 'reload':
        if (change.forgotten) rows.clear()
        counts.refresh()
        return void refresh()
    }
  })

  function readCache(): void {
    for (const row of cacheStorage.read<Conversation[]>(cacheKey) ?? []) rows.set(row.id, row)
    if (rows.size > 0) {
      rebuild()
      phase.value = 'ready'
    }
  }

  function writeCache(): void {
    if (session.status !== 'in' || tab.value !== 'all' || query.value) return
    cacheStorage.write(
      cacheKey,
      ids.value.slice(0, CACHED).map((id) => rows.get(id)),
    )
  }

  let started = false
  /** Paints what is cached, loads the first page and opens the socket. Once. */
  async function start(): Promise<void> {
    if (started) return
    started = true
    readCache()
    addEventListener('pagehide', writeCache)
    socket.on('recovered', () => {
      void refresh()
      counts.refresh()
    })
    counts.refresh()
    presence.start()
    await refresh()
    // After a failed first load the socket starts from nothing; the list's own retry then loads it.
    socket.start()
  }

  /** Tells which conversation is looked at. */
  function setOpen(id: number | null): void {
    const before = openId.value
    openId.value = id
    const row = before === null ? undefined : rows.get(before)
    // Who waits stands in the order of the desk, and who was taken no longer does.
    if (row && view.tab !== 'waiting') ids.value = place(ids.value, row, belongs(row, true), (other) => rows.get(other))
  }

  /** The conversation beside the open one, or the first; `unread`: the next that is. Wraps around. */
  function neighbour(step: 1 | -1, unread = false): number | null {
    const list = ids.value
    const at = openId.value === null ? -1 : list.indexOf(openId.value)
    const start = at < 0 ? (step === 1 ? -1 : list.length) : at
    for (let index = 1; index <= list.length; index++) {
      const position = start + step * index
      if (!unread && (position < 0 || position >= list.length)) return null
      const id = list[(position + list.length * 2) % list.length]
      if (id === undefined || id === openId.value) continue
      const row = rows.get(id)
      // Who waits need not be a row that is loaded.
      if (unread ? row && isUnread(row) : (row ?? !isListed(tab.value))) return id
    }
    return null
  }

  /** An unread conversation beside the open one; where no row that is loaded is unread, the service is asked for one. */
  async function findUnread(step: 1 | -1): Promise<number | null> {
    const near = neighbour(step, true)
    if (near !== null || !counts.value.value?.unread) return near
    const some = await http.call('get', '/admin-api/promotion/kefu-conversation/list', {
      query: { unread: true, limit: 2, lastAdmin: true },
    })
    store.upsert(some)
    return some.find(({ id }) => id !== openId.value)?.id ?? null
  }

  const isForbidden = computed(() => !session.may('promotion:kefu-conversation:query'))

  return {
    rows,
    ids,
    tab,
    query,
    phase,
    more,
    searching,
    fault,
    openId,
    lost,
    missing,
    isForbidden,
    counts: counts.value,
    presence: presence.value,
    typing: typing.value,
    actions: markRaw(actions),
    start,
    refresh,
    loadMore,
    show,
    ensure,
    know,
    setQueue,
    hide,
    setOpen,
    neighbour,
    findUnread,
  }
})
