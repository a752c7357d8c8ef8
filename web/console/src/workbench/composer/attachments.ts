import { type Client, KefuError } from '@kefu/client'
import { shallowReactive } from 'vue'
import { contentTypes } from '../timeline/content'
import { limits } from './limits'
import { type Keeper, type Kept, noKeeper } from './keeper'
import { upload } from './upload'

/** Why an attachment cannot be sent: too large or empty (before it is uploaded), refused by the service, or not got through. */
export type Problem = { kind: 'tooLarge' } | { kind: 'empty' } | { kind: 'failed'; error: KefuError }

/** A picture or file that is to be sent. */
export interface Attachment {
  readonly id: string
  readonly conversationId: number
  readonly kind: 'picture' | 'file'
  readonly name: string
  readonly type: string
  readonly file: Blob
  /** An address of the picture in this page. */
  readonly preview: string | undefined
  width: number | undefined
  height: number | undefined
  state: 'waiting' | 'uploading' | 'ready' | 'failed'
  /** How much of it is uploaded, 0 to 1. */
  progress: number
  url: string | undefined
  problem: Problem | undefined
  /** The agent has sent it: it goes as soon as it is uploaded. */
  released: boolean
}

/** How many uploads run at once, and how many attachments a conversation may have waiting. */
const parallel = 2
export const most = 20

const pictureTypes = new Set(['image/png', 'image/jpeg', 'image/gif', 'image/webp', 'image/avif', 'image/bmp'])

export interface AttachmentsOptions {
  upload?: typeof upload
  keeper?: Keeper
  /** Reads the size of a picture. */
  measure?: (file: Blob) => Promise<{ width: number; height: number } | undefined>
  preview?: (file: Blob) => string
  forget?: (preview: string) => void
}

/**
 * What is attached, per conversation.
 *
 * Protocol: an attachment is uploaded as soon as it is added, two at a time, in order. `release` sends those of a conversation: each goes into the outbox
 * once it is uploaded and everything before it has gone, so that they arrive in the order of the tray. What waits survives a switch of the
 * conversation in memory and a reload through the keeper. A failed upload stays in the tray until the agent retries or removes it, and holds back nothing.
 */
export class Attachments {
  #client: Client
  #lists = shallowReactive(new Map<number, readonly Attachment[]>())
  #running = new Map<string, AbortController>()
  #options: Required<AttachmentsOptions>

  constructor(client: Client, options: AttachmentsOptions = {}) {
    this.#client = client
    this.#options = {
      upload,
      keeper: noKeeper,
      measure: measurePicture,
      preview: (file) => URL.createObjectURL(file),
      forget: (preview) => URL.revokeObjectURL(preview),
      ...options,
    }
  }

  /** What is attached to a conversation, reactive, in order. */
  of(conversationId: number): readonly Attachment[] {
    return this.#lists.get(conversationId) ?? []
  }

  /** Attaches files and begins to upload them. Answers how many were too many. */
  add(conversationId: number, files: readonly File[]): number {
    const taken = files.slice(0, Math.max(0, most - this.of(conversationId).length))
    for (const file of taken) {
      const attachment = this.#make(conversationId, {
        id: newId(),
        name: file.name || defaultName(file),
        type: file.type,
        file,
      })
      this.#put([...this.of(conversationId), attachment])
      if (attachment.state === 'waiting') this.#options.keeper.keep(kept(attachment))
    }
    this.#pump()
    return files.length - taken.length
  }

  /** Takes up what was attached before the page was loaded anew. */
  async restore(): Promise<void> {
    for (const one of await this.#options.keeper.all()) {
      if (this.of(one.conversationId).some(({ id }) => id === one.id)) continue
      const attachment = this.#make(one.conversationId, one)
      if (one.url !== undefined)
        Object.assign(attachment, { url: one.url, width: one.width, height: one.height, state: 'ready', progress: 1 })
      this.#put([...this.of(one.conversationId), attachment])
    }
    this.#pump()
  }

  /** Sends what is attached to a conversation, each as soon as it is uploaded. */
  release(conversationId: number): void {
    this.#put(
      this.of(conversationId).map((one) => (one.state === 'failed' ? one : { ...one, released: true })),
      conversationId,
    )
    this.#flush(conversationId)
  }

  /** Uploads a failed one again. */
  retry(id: string): void {
    const found = this.#find(id)
    if (found?.state !== 'failed' || found.problem?.kind !== 'failed') return
    this.#set(id, { state: 'waiting', progress: 0, problem: undefined })
    this.#pump()
  }

  /** Takes an attachment away and ends its upload. */
  remove(id: string): void {
    const found = this.#find(id)
    if (found === undefined) return
    this.#put(
      this.of(found.conversationId).filter((one) => one.id !== id),
      found.conversationId,
    )
    this.#running.get(id)?.abort()
    this.#options.keeper.forget(id)
    if (found.preview !== undefined) this.#options.forget(found.preview)
    this.#flush(found.conversationId)
  }

  #make(conversationId: number, { id, name, type, file }: Pick<Kept, 'id' | 'name' | 'type' | 'file'>): Attachment {
    const kind = pictureTypes.has(type) ? 'picture' : 'file'
    const problem: Problem | undefined =
      file.size === 0 ? { kind: 'empty' } : file.size > limits.uploadBytes ? { kind: 'tooLarge' } : undefined
    return {
      id,
      conversationId,
      kind,
      name,
      type,
      file,
      preview: kind === 'picture' ? this.#options.preview(file) : undefined,
      width: undefined,
      height: undefined,
      state: problem === undefined ? 'waiting' : 'failed',
      progress: 0,
      url: undefined,
      problem,
      released: false,
    }
  }

  #pump(): void {
    for (const list of this.#lists.values())
      for (const one of list) if (one.state === 'waiting' && this.#running.size < parallel) void this.#run(one)
  }

  async #run(attachment: Attachment): Promise<void> {
    const { id, file, name, conversationId } = attachment
    const controller = new AbortController()
    this.#running.set(id, controller)
    this.#set(id, { state: 'uploading' })
    try {
      const size = attachment.kind === 'picture' ? await this.#options.measure(file) : undefined
      const url = await this.#options.upload(
        this.#client,
        file,
        name,
        (progress) => this.#set(id, { progress }),
        controller.signal,
      )
      this.#set(id, { state: 'ready', progress: 1, url, width: size?.width, height: size?.height })
      const ready = this.#find(id)
      if (ready !== undefined) this.#options.keeper.keep(kept(ready))
    } catch (error) {
      if (!controller.signal.aborted) {
        const failure = error instanceof KefuError ? error : new KefuError(0, '', 0, null, null, { cause: error })
        this.#set(id, { state: 'failed', problem: { kind: 'failed', error: failure } })
      }
    } finally {
      this.#running.delete(id)
    }
    this.#flush(conversationId)
    this.#pump()
  }

  /** Sends what is released and uploaded, as far as nothing before it is still on its way. */
  #flush(conversationId: number): void {
    for (const one of this.of(conversationId)) {
      if (one.state === 'failed') continue
      if (!one.released || one.state !== 'ready' || one.url === undefined) return
      this.#client.outbox.add({ conversationId, ...contentOf(one, one.url) })
      this.#options.keeper.forget(one.id)
      if (one.preview !== undefined) this.#options.forget(one.preview)
      this.#put(
        this.of(conversationId).filter(({ id }) => id !== one.id),
        conversationId,
      )
    }
  }

  #find(id: string): Attachment | undefined {
    for (const list of this.#lists.values()) {
      const found = list.find((one) => one.id === id)
      if (found !== undefined) return found
    }
    return undefined
  }

  #set(id: string, change: Partial<Attachment>): void {
    const found = this.#find(id)
    if (found !== undefined)
      this.#put(this.of(found.conversationId).map((one) => (one.id === id ? { ...one, ...change } : one)))
  }

  #put(list: readonly Attachment[], conversationId = list[0]?.conversationId): void {
    if (conversationId === undefined) return
    if (list.length === 0) this.#lists.delete(conversationId)
    else this.#lists.set(conversationId, list)
  }
}

/** The message that an uploaded attachment becomes. */
export function contentOf(attachment: Attachment, url: string): { contentType: 1 | 2; content: string } {
  const { kind, name, type, file, width, height } = attachment
  if (kind === 'picture')
    return {
      contentType: contentTypes.picture,
      content: JSON.stringify({ picUrl: url, ...(width && height ? { width, height } : {}) }),
    }
  // The name is the text, too: stock clients show the text of a message and nothing else.
  const about = { url, name, size: file.size, contentType: type || 'application/octet-stream' }
  return { contentType: contentTypes.text, content: JSON.stringify({ text: name, file: about }) }
}

function kept({ id, conversationId, name, type, file, url, width, height }: Attachment): Kept {
  return { id, conversationId, name, type, file, url, width, height }
}

function newId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, '0')).join('')
}

function defaultName(file: File): string {
  return `file.${file.type.split('/')[1]?.split('+')[0] ?? 'bin'}`
}

async function measurePicture(file: Blob): Promise<{ width: number; height: number } | undefined> {
  try {
    const { width, height } = await createImageBitmap(file)
    return { width, height }
  } catch {
    // Not a picture that this browser knows; the service decides.
    return undefined
  }
}
