// Members and admins by the public API, as the shop's servers and pages use it.
import { createHmac } from 'node:crypto'
import { createClient } from '../../client/dist/index.js'
import { MEMBER_SECRET, PASSWORD } from './service.mjs'

const base64 = (value) => Buffer.from(value).toString('base64url')

/** A token as the shop signs it. */
export function memberToken(id, nickname) {
  const claims = { sub: id, nickname, exp: Math.floor(Date.now() / 1000) + 86_400 }
  const head = `${base64('{"alg":"HS256","typ":"JWT"}')}.${base64(JSON.stringify(claims))}`
  return `${head}.${createHmac('sha256', MEMBER_SECRET).update(head).digest('base64url')}`
}

/** Calls the service with a token and answers the data. */
export async function call(service, token, method, path, { body, query } = {}) {
  const search = query ? `?${new URLSearchParams(query)}` : ''
  const answer = await fetch(`${service.origin}${path}${search}`, {
    method,
    headers: {
      ...(token && { Authorization: `Bearer ${token}` }),
      ...(body && { 'Content-Type': 'application/json' }),
    },
    body: body && JSON.stringify(body),
  })
  const { code, msg, data } = await answer.json()
  if (code !== 0) throw new Error(`${method} ${path}: ${code} ${msg}`)
  return data
}

export class Member {
  constructor(service, id, nickname) {
    this.service = service
    this.id = id
    this.nickname = nickname
    this.token = memberToken(id, nickname)
  }

  /** Sends a text and answers the message's id. */
  send(text) {
    return this.sendContent(1, JSON.stringify({ text }))
  }

  sendContent(contentType, content) {
    const body = { contentType, content }
    return call(this.service, this.token, 'POST', '/app-api/promotion/kefu-message/send', { body })
  }

  messages(query = {}) {
    return call(this.service, this.token, 'GET', '/app-api/promotion/kefu-message/list', {
      query: { limit: 200, ...query },
    })
  }

  /** Uploads a picture and answers its address. */
  async upload(bytes, name = 'picture.png', type = 'image/png') {
    const form = new FormData()
    form.append('file', new Blob([bytes], { type }), name)
    const answer = await fetch(`${this.service.origin}/app-api/infra/file/upload`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${this.token}` },
      body: form,
    })
    const { code, msg, data } = await answer.json()
    if (code !== 0) throw new Error(`upload: ${code} ${msg}`)
    return data
  }

  /** Opens a client with a socket, as a page of the shop has it. */
  async connect() {
    const token = { accessToken: this.token }
    this.client = createClient({
      baseUrl: this.service.origin,
      userType: 'member',
      tokens: { get: () => token, set: () => undefined, renew: () => Promise.resolve(token) },
    })
    const messages = await this.client.http.call('get', '/app-api/promotion/kefu-message/list', {
      query: { limit: 50 },
    })
    this.client.store.load({ messages })
    this.client.socket.start()
    await happened(this.client.socket, 'state', (state) => state === 'open')
    return this.client
  }

  /** The texts that the member's page shows, in order. */
  get shown() {
    const [id] = new Set([...this.#conversations()])
    return id === undefined ? [] : this.client.store.messages(id).map(textOf)
  }

  *#conversations() {
    if (this.conversationId !== undefined) yield this.conversationId
  }

  /** Waits until the member's page shows a text. */
  async sees(text) {
    const { store } = this.client
    const [message] = await this.messages({ limit: 1 })
    this.conversationId ??= message?.conversationId
    await new Promise((resolve) => {
      const look = () => {
        if (this.shown.includes(text)) resolve(end())
      }
      const end = store.subscribe((change) => {
        if (change.type === 'messages') this.conversationId = change.id
        look()
      })
      look()
    })
  }
}

export const textOf = ({ content }) => JSON.parse(content).text

/** Waits for an event of a client's socket. */
export function happened(socket, event, wanted = () => true) {
  return new Promise((resolve) => {
    const end = socket.on(event, (value) => {
      if (!wanted(value)) return
      end()
      resolve(value)
    })
  })
}

/** A token of an admin. */
export async function login(service, username, password = PASSWORD) {
  const data = await call(service, null, 'POST', '/admin-api/system/auth/login', { body: { username, password } })
  return data.accessToken
}
