/** Members as supervisors look after them. */
import type { Http } from '@kefu/client'
import type { Card } from '@/workbench/cards'

/** Members on a page of the list. */
export const PAGE = 50
/** The service lists no more than these. */
export const MOST = 1000

export interface ListedMember {
  id: number
  nickname: string
  avatar: string
  externalId?: string
  createTime: number
  blocked?: boolean
}

export interface MemberPage {
  list: ListedMember[]
  /** At most {@link MOST}. */
  total: number
}

/** The calls about members. Each throws KefuError. */
export class Members {
  constructor(private readonly http: Http) {}

  /** Those whose nickname begins with a text, or whose id it is; the newest for none. */
  page(text: string, pageNo: number, signal: AbortSignal): Promise<MemberPage> {
    return this.http.call('get', '/admin-api/member/user/page', {
      query: { pageNo, pageSize: PAGE, ...(text && { nickname: text }) },
      signal,
    })
  }

  /** Ends what a member is logged in with, on every device. */
  async endSessions(userId: number): Promise<void> {
    await this.http.call('delete', '/admin-api/promotion/kefu-member/sessions', { query: { userId } })
  }
}

/** Whether the service itself made the id up, for who came without one. */
export const isVisitor = (member: Pick<Card, 'externalId'>): boolean =>
  member.externalId?.startsWith('visitor:') === true

/** Pages that are joined, where a member may move between two while they are loaded. */
export function joined(before: readonly ListedMember[], after: readonly ListedMember[]): ListedMember[] {
  const known = new Set(before.map(({ id }) => id))
  return [...before, ...after.filter(({ id }) => !known.has(id))]
}
