/** API keys: what other programs call the service with. */
import type { Http } from '@kefu/client'

export const SCOPES = ['member', 'message', 'bot', 'export'] as const
export type Scope = (typeof SCOPES)[number]
/** Those that open something. The service takes the others for what is to come. */
export const OFFERED = ['member', 'message'] as const satisfies readonly Scope[]

export interface ApiKey {
  id: number
  name: string
  scopes: string[]
  createTime: number
  lastUsedTime: number | null
  /** The name of who made it. */
  creator: string
}

export interface MadeKey {
  id: number
  /** Shown once: the service keeps its hash. */
  secret: string
}

/** The calls about them. Each throws KefuError. */
export class Keys {
  constructor(private readonly http: Http) {}

  list(): Promise<ApiKey[]> {
    return this.http.call('get', '/admin-api/promotion/kefu-api-key/list')
  }

  create(name: string, scopes: readonly Scope[]): Promise<MadeKey> {
    return this.http.call('post', '/admin-api/promotion/kefu-api-key/create', { body: { name, scopes: [...scopes] } })
  }

  async delete(id: number): Promise<void> {
    await this.http.call('delete', '/admin-api/promotion/kefu-api-key/delete', { query: { id } })
  }
}

/** A call to begin with, for the scopes that a key has; `null` where they name none. */
export function exampleOf(origin: string, secret: string, scopes: readonly Scope[]): string | null {
  const head = (method: string, path: string) =>
    `curl -X ${method} ${origin}/open-api/${path} \\\n  -H "Authorization: Bearer ${secret}"`
  const body = (value: object) => ` \\\n  -H "Content-Type: application/json" \\\n  -d '${JSON.stringify(value)}'`
  if (scopes.includes('message'))
    return (
      head('POST', 'members/42/messages') +
      body({ contentType: 1, content: JSON.stringify({ text: 'Order shipped' }), clientMessageId: 'order-7-shipped' })
    )
  if (scopes.includes('member'))
    return head('PUT', 'members/42') + body({ nickname: 'Mia', attributes: { level: 'gold' } })
  return null
}
