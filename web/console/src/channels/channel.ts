/** Web channels: what they hold, and the calls that manage them. */
import type { Http } from '@kefu/client'

/** The permission that the pages of channels need. */
export const MANAGE = 'promotion:kefu-channel:manage'

/** Stands among the origins for the address of the service itself. */
export const OWN_ORIGIN = 'self'

export const FIELD_NAMES = ['name', 'email', 'phone', 'topic'] as const
export type FieldName = (typeof FIELD_NAMES)[number]

/** A field that visitors fill in before the first message. */
export interface PreChatField {
  name: FieldName
  label?: string | null
  required?: boolean
}

export const TEXT_NAMES = ['title', 'greeting', 'reply', 'away', 'placeholder'] as const
export type TextName = (typeof TEXT_NAMES)[number]

export interface ChannelSettings {
  origins: string[]
  allowNoOrigin: boolean
  locale: 'auto' | 'zh' | 'en'
  look: {
    color: string
    position: 'right' | 'left'
    side: number
    bottom: number
    zIndex: number
    theme: 'auto' | 'light' | 'dark'
    avatar?: string | null
  }
  /** `null`: the widget's own text, in its language. */
  texts: Partial<Record<TextName, string | null>>
  preChat: { enabled: boolean; fields: PreChatField[] }
}

export interface Channel {
  id: number
  kind: string
  name: string
  /** What pages name it by. */
  key: string
  enabled: boolean
  settings: ChannelSettings
}

/** What can be changed of a channel. */
export type ChannelDraft = Pick<Channel, 'name' | 'enabled' | 'settings'>

/** What a channel is made with. */
export function newDraft(): ChannelDraft {
  return {
    name: '',
    enabled: true,
    settings: {
      origins: [],
      allowNoOrigin: false,
      locale: 'auto',
      look: { color: '#4F5BD5', position: 'right', side: 20, bottom: 20, zIndex: 1000, theme: 'auto', avatar: null },
      texts: { title: null, greeting: null, reply: null, away: null, placeholder: null },
      preChat: { enabled: false, fields: [] },
    },
  }
}

/** The calls of channels. Each throws KefuError. */
export class Channels {
  constructor(private readonly http: Http) {}

  /** The oldest first. */
  list(): Promise<Channel[]> {
    return this.http.call('get', '/admin-api/promotion/kefu-channel/list')
  }

  /** `null` when there is none. */
  get(id: number): Promise<Channel | null> {
    return this.http.call('get', '/admin-api/promotion/kefu-channel/get', { query: { id } })
  }

  /** Answers the new one's id. */
  create(draft: ChannelDraft): Promise<number> {
    return this.http.call('post', '/admin-api/promotion/kefu-channel/create', { body: { kind: 'web', ...draft } })
  }

  async update(id: number, draft: ChannelDraft): Promise<void> {
    await this.http.call('put', '/admin-api/promotion/kefu-channel/update', { body: { id, ...draft } })
  }

  async delete(id: number): Promise<void> {
    await this.http.call('delete', '/admin-api/promotion/kefu-channel/delete', { query: { id } })
  }
}
