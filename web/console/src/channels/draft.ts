/** The form of a channel: what is typed, what it stands for, and which field a refusal is about. */
import { KefuError } from '@kefu/client'
import { faultOf } from '@/app/faults'
import { type ChannelDraft, FIELD_NAMES, type FieldName, OWN_ORIGIN, type PreChatField, TEXT_NAMES } from './channel'

/** A field of the form before the first message, asked for or not. */
export interface FormField {
  name: FieldName
  asked: boolean
  label: string
  required: boolean
}

/** What the form holds. Texts are never `null`: an empty one stands for the widget's own. */
export interface Form extends Omit<ChannelDraft, 'settings'> {
  /** Without the service's own address. */
  origins: string[]
  own: boolean
  allowNoOrigin: boolean
  locale: ChannelDraft['settings']['locale']
  look: Omit<ChannelDraft['settings']['look'], 'avatar'> & { avatar: string }
  texts: Record<(typeof TEXT_NAMES)[number], string>
  preChat: { enabled: boolean; fields: FormField[] }
}

export function toForm({ name, enabled, settings }: ChannelDraft): Form {
  const { origins, allowNoOrigin, locale, look, texts, preChat } = structuredClone(settings)
  // Those that are asked for come first, in their order.
  const names = [...new Set([...preChat.fields.map((field) => field.name), ...FIELD_NAMES])]
  const fields = names.map((name): FormField => {
    const field = preChat.fields.find((one) => one.name === name)
    return { name, asked: field !== undefined, label: field?.label ?? '', required: field?.required ?? false }
  })
  return {
    name,
    enabled,
    origins: origins.filter((origin) => origin !== OWN_ORIGIN),
    own: origins.includes(OWN_ORIGIN),
    allowNoOrigin,
    locale,
    look: { ...look, avatar: look.avatar ?? '' },
    texts: Object.fromEntries(TEXT_NAMES.map((key) => [key, texts[key] ?? ''])) as Form['texts'],
    preChat: { enabled: preChat.enabled, fields },
  }
}

export function toDraft(form: Form): ChannelDraft {
  const fields = form.preChat.fields.filter(({ asked }) => asked)
  return {
    name: form.name.trim(),
    enabled: form.enabled,
    settings: {
      origins: [...(form.own ? [OWN_ORIGIN] : []), ...form.origins.map(toOrigin).filter((origin) => origin !== '')],
      allowNoOrigin: form.allowNoOrigin,
      locale: form.locale,
      look: { ...form.look, color: form.look.color.trim(), avatar: orNull(form.look.avatar) },
      texts: Object.fromEntries(
        TEXT_NAMES.map((key) => [key, orNull(form.texts[key])]),
      ) as ChannelDraft['settings']['texts'],
      preChat: {
        enabled: form.preChat.enabled,
        fields: fields.map(({ name, label, required }): PreChatField => ({ name, label: orNull(label), required })),
      },
    },
  }
}

const orNull = (text: string) => text.trim() || null

/**
 * The origin that somebody means who typed this: of an address its beginning, of a bare host the one with `https`. What is
 * none of these stays, for the service to say what is wrong with it.
 */
export function toOrigin(typed: string): string {
  const text = typed.trim()
  if (text === '') return ''
  const full = /^[a-z][a-z\d+.-]*:\/\//i.test(text) ? text : `https://${text}`
  const [, origin] = /^(https?:\/\/[^/?#\s]+)(?:[/?#]\S*)?$/i.exec(full) ?? []
  return origin?.toLowerCase() ?? text
}

/** A refusal and the field that it is about, as a path of the draft, e.g. `settings.look.color`; else about the whole. */
export interface FieldFault {
  field: string | null
  text: string
}

/** Which field a refusal names. The service begins its sentence with the key. */
export function fieldFaultOf(error: unknown): FieldFault {
  const { text } = faultOf(error)
  if (!(error instanceof KefuError) || error.code !== 400) return { field: null, text }
  const key = /\bsettings(?:\.\w+|\[\d+\])+/.exec(text)?.[0]
  if (key) {
    const [, ...rest] = text.split(key)
    // After the key stands what it must be.
    const rule = rest.join(key).trim()
    return { field: key, text: rule ? rule.charAt(0).toUpperCase() + rule.slice(1) : text }
  }
  return { field: /名称|\bname\b/.test(text) ? 'name' : null, text }
}

/** Whether a field of the draft is one of the allowed sites. */
export const isOrigin = (field: string): boolean => /^settings\.origins\[\d+\]$/.test(field)

/** Which input of the form a field of the draft is: the service counts the origins that it was sent. */
export function inputOf(field: string, form: Form): string {
  const origin = /^settings\.origins\[(\d+)\]/.exec(field)?.[1]
  if (origin !== undefined) {
    const sent = form.origins.map((typed, at) => ({ at, typed })).filter(({ typed }) => typed.trim() !== '')
    return `origins.${sent[Number(origin) - (form.own ? 1 : 0)]?.at ?? 0}`
  }
  const [, index, rest] = /^settings\.preChat\.fields\[(\d+)\]\.?(\w*)/.exec(field) ?? []
  if (index !== undefined) {
    const asked = form.preChat.fields.filter((one) => one.asked)[Number(index)]
    return `preChat.${asked?.name ?? ''}.${rest}`
  }
  return field.replace(/^settings\./, '')
}

/** Whether the widget can take it as its colour. */
export const isColor = (text: string): boolean => /^#[\da-f]{6}$/i.test(text.trim())
