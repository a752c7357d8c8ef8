import { type Client, type Conversation, MEMBER, type Message } from '@kefu/client'
import { computed, shallowRef } from 'vue'
import type { History } from '../messages'
import { Reading } from './reading'
import { type Divider, findDivider } from './rows'
import type { Place } from './scroll'

/** Milliseconds between two marks. */
const interval = 800

/**
 * One visit to a conversation: the line above what was unread when it began, what has been in view since, and what is marked as read.
 *
 * The line stays for the whole visit. It moves once it has been seen, and only to what came while the page was hidden.
 */
export class Visit {
  /** The line above what is unread. */
  readonly divider = shallowRef<Divider>()
  /** Whether the line is above the view and has not been seen. */
  readonly missed = computed(() => this.divider.value !== undefined && !this.#dividerSeen.value && this.#above.value)
  /** How many messages below the view are new. */
  readonly unseen = computed(() => {
    if (!this.#begun.value) return 0
    const shown = this.#history.shown.value.filter(
      ({ seq, senderType }) => seq > this.#seen.value && senderType === MEMBER,
    )
    return shown.length + this.#history.newerThan(this.#seen.value)
  })

  #client: Client
  #history: History
  #reading: Reading
  #begun = shallowRef(false)
  #dividerSeen = shallowRef(false)
  #above = shallowRef(false)
  /** The highest `seq` whose bottom was in view. */
  #seen = shallowRef(0)

  constructor(client: Client, history: History, mayMark: () => boolean) {
    this.#client = client
    this.#history = history
    this.#reading = new Reading({
      interval,
      now: () => performance.now(),
      later: (run, wait) => setTimeout(run, wait),
      cancel: (timer) => clearTimeout(timer as ReturnType<typeof setTimeout>),
      isUnread: (seq) => mayMark() && this.#isUnread(seq),
      send: (seq) =>
        client.http.call('put', '/admin-api/promotion/kefu-message/update-read-status', {
          query: { conversationId: history.conversationId, seq },
        }),
    })
  }

  /** The first messages are here. */
  begin({ lastSeq, adminUnreadMessageCount }: Conversation): void {
    const found = findDivider(this.#history.shown.value)
    // Of many unread messages only the first ones are loaded.
    if (found !== undefined)
      this.divider.value = { seq: found.seq, count: Math.max(found.count, adminUnreadMessageCount) }
    this.#seen.value = found === undefined ? lastSeq - adminUnreadMessageCount : found.seq - 1
    this.#begun.value = true
  }

  /** The page is visible, and shows messages up to `seq`; `place`: where the line is. */
  look(seq: number | undefined, place: Place): void {
    const { value } = this.divider
    if (value !== undefined && !this.#dividerSeen.value) {
      this.#above.value =
        place === 'above' || (place === 'gone' && (this.#history.shown.value[0]?.seq ?? 0) > value.seq)
      if (place === 'in') this.#dividerSeen.value = true
    }
    if (seq === undefined) return
    this.#seen.value = Math.max(this.#seen.value, seq)
    this.#reading.saw(seq)
  }

  /** Messages have come while the page is hidden: they are unread when the agent comes back. Answers whether the line is new. */
  missedWhileHidden(news: readonly Message[]): boolean {
    const theirs = news.filter(({ senderType }) => senderType === MEMBER)
    const first = theirs[0]
    if (first === undefined) return false
    const { value } = this.divider
    if (value !== undefined && !this.#dividerSeen.value) {
      this.divider.value = { seq: value.seq, count: value.count + theirs.length }
      return false
    }
    this.divider.value = { seq: first.seq, count: theirs.length }
    this.#dividerSeen.value = false
    return true
  }

  /** The agent has marked the conversation as unread: nothing is marked as read any more. */
  pause(): void {
    this.#reading.pause()
  }

  /** The agent leaves. */
  end(): void {
    this.#reading.flush()
  }

  #isUnread(seq: number): boolean {
    const conversation = this.#client.store.conversations.get(this.#history.conversationId)
    if (conversation?.markedUnread === true) return true
    // A count that has drifted ends with the last message.
    if (conversation !== undefined && conversation.adminUnreadMessageCount > 0 && seq >= conversation.lastSeq)
      return true
    return this.#history.shown.value.some(
      (message) => message.senderType === MEMBER && !message.readStatus && message.seq <= seq,
    )
  }
}
