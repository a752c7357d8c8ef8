/** Calls that the service is getting and that openapi.json does not have yet. Goes when it does. */
import type { components, paths } from './schema.js'

interface Call<Query, Body, D> {
  parameters: { query?: Query }
  requestBody: { content: { 'application/json': Body } }
  responses: { 200: { content: { 'application/json': { code: number; data: D; msg: string } } } }
}
type List = paths['/admin-api/promotion/kefu-conversation/list']['get']

export interface Upcoming {
  '/admin-api/promotion/kefu-conversation/list': {
    get: Omit<List, 'parameters'> & {
      parameters: { query?: { q?: string; unread?: boolean; limit?: number; cursor?: string } }
    }
  }
  '/admin-api/promotion/kefu-conversation/counts': { get: Call<never, never, { all: number; unread: number }> }
  '/admin-api/promotion/kefu-conversation/open': {
    post: Call<never, { userId: number }, components['schemas']['ConversationId']>
  }
  '/admin-api/system/login/list': {
    get: Call<
      { userId?: number; userType?: 1 | 2 },
      never,
      {
        id: number
        device: string | null
        address: string | null
        createTime: number
        lastUsedTime: number
        current: boolean
      }[]
    >
  }
  '/admin-api/system/login/delete': { delete: Call<{ id: number }, never, boolean> }
  '/admin-api/member/user/page': {
    get: Call<
      { nickname?: string; pageNo?: number; pageSize?: number },
      never,
      { list: { id: number; nickname: string; avatar: string | null }[]; total: number }
    >
  }
}
