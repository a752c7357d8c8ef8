/**
 * The numbers beside the tabs. The service counts; between its answers the rows that change are added up, so that a
 * number moves with its row. At most one call in ten seconds, and none while the page is hidden.
 */
import type { Conversation, Http } from '@kefu/client'
import { shallowRef } from 'vue'
import { isUnread } from '../order'
import { Soon } from './soon'

const PERIOD = 10_000

export interface Numbers {
  all: number
  unread: number
}

export class Counts {
  readonly value = shallowRef<Numbers | null>(null)
  private last = 0
  private readonly soon = new Soon(
    PERIOD,
    () => this.last,
    () => {
      if (document.visibilityState === 'visible') void this.fetch()
    },
  )

  constructor(private readonly http: Http) {
    document.addEventListener('visibilitychange', () => document.visibilityState === 'visible' && this.refresh())
  }

  /** Asks the service, now or as soon as the last call is long enough ago. */
  refresh(): void {
    this.soon.ask()
  }

  /** Takes the change of one row; `undefined` where it is not in the list. */
  changed(before: Conversation | undefined, after: Conversation | undefined): void {
    if (!this.value.value) return
    // A row that was only not loaded yet is counted already. Which rows are new the service tells.
    if (before && after) {
      const unread = Number(isUnread(after)) - Number(isUnread(before))
      if (unread === 0) return
      this.value.value = { ...this.value.value, unread: Math.max(0, this.value.value.unread + unread) }
    }
    this.refresh()
  }

  private async fetch(): Promise<void> {
    this.last = Date.now()
    try {
      const { all, unread } = await this.http.call('get', '/admin-api/promotion/kefu-conversation/counts')
      this.value.value = { all, unread }
    } catch {
      // The numbers stay as they are until the next change.
    }
  }
}
