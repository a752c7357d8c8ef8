/** The audit: who changed what. */
import type { Client, Data } from '@kefu/client'

type Fields = Record<string, unknown>
type Described = Data<'get', '/admin-api/infra/audit/list'>[number]

/** A change. Its `adminId` is 0 and its `address` empty for the command line. */
export type AuditEntry = Omit<Described, 'before' | 'after'> & {
  /** What has changed, as it was and as it is since. */
  before: Fields | null
  after: Fields | null
}

/** Which entries; times in epoch milliseconds, `from` included and `to` not. */
export interface AuditQuery {
  adminId?: number
  objectType?: string
  objectId?: string
  from?: number
  to?: number
}

export type NamedAdmin = Data<'get', '/admin-api/system/user/simple-list'>[number]

/** What is known of somebody who can be named by an id. */
export type Named = Pick<NamedAdmin, 'nickname'> & Partial<NamedAdmin>

/** Entries that are loaded at once. */
export const PAGE = 50

/** The calls about it. Each throws KefuError. */
export class Audit {
  constructor(private readonly client: Client) {}

  /** The newest first, after the entry with a cursor. */
  list(query: AuditQuery, cursor: string | undefined, signal: AbortSignal): Promise<AuditEntry[]> {
    return this.client.http.call('get', '/admin-api/infra/audit/list', {
      query: { limit: PAGE, ...query, ...(cursor !== undefined && { cursor }) },
      signal,
    })
  }

  /** Who there is to choose from. */
  admins(): Promise<NamedAdmin[]> {
    return this.client.http.call('get', '/admin-api/system/user/simple-list')
  }

  /** The newest 10,000 that match, as a table. */
  export(query: AuditQuery, locale: string): Promise<Blob> {
    const { http } = this.client
    const search = new URLSearchParams(Object.entries(query).map(([name, value]) => [name, String(value)]))
    return http.withToken(async (token) => {
      const answer = await fetch(`${location.origin}/admin-api/infra/audit/export?${search}`, {
        headers: { Authorization: `Bearer ${token}`, 'Accept-Language': locale },
      })
      if (answer.headers.get('Content-Type')?.startsWith('text/csv') === true) return answer.blob()
      const envelope: unknown = await answer.json().catch(() => null)
      http.unwrap(answer.status, envelope, (name) => answer.headers.get(name))
      throw new Error('the answer is no table')
    })
  }
}
