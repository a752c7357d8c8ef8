/** Files on their way to the service. Each becomes a message once it is there; a refused one stays until it is taken away. */
import type { Http, KefuError } from '@kefu/client'
import type { Shell } from '../../shell.js'

export interface Upload {
  id: number
  name: string
  type: string
  size: number
  /** From 0 to 1. */
  progress: number
  problem?: 'tooLarge' | 'empty' | 'refused' | 'failed'
  /** The service's reason. */
  reason?: string
  url?: string
  width?: number
  height?: number
}

/** The pictures that every browser shows. */
const PICTURE = /^image\/(png|jpe?g|gif|webp|avif|bmp)$/

export class Uploads {
  list: readonly Upload[] = []
  #count = 0
  readonly #files = new Map<number, { file: File; done: (upload: Required<Upload>) => void; end: AbortController }>()
  #turn: Promise<void> = Promise.resolve()

  constructor(
    private readonly http: Http,
    private readonly shell: Shell,
    private readonly changed: () => void,
    private readonly Fault: typeof KefuError,
  ) {}

  /** Uploads the files one after the other, in order. */
  add(files: readonly File[], done: (upload: Required<Upload>) => void): void {
    for (const file of files) {
      const id = ++this.#count
      const { name, type, size } = file
      const problem = size === 0 ? 'empty' : size > this.shell.config.uploadBytes ? 'tooLarge' : undefined
      this.#put([...this.list, { id, name, type, size, progress: 0, ...(problem && { problem }) }])
      this.#files.set(id, { file, done, end: new AbortController() })
      if (!problem) this.#start(id)
    }
  }

  retry(id: number): void {
    this.#set(id, { problem: undefined, progress: 0 })
    this.#start(id)
  }

  remove(id: number): void {
    this.#files.get(id)?.end.abort()
    this.#files.delete(id)
    this.#put(this.list.filter((upload) => upload.id !== id))
  }

  dispose(): void {
    for (const { end } of this.#files.values()) end.abort()
  }

  #start(id: number): void {
    this.#turn = this.#turn.then(() => this.#run(id))
  }

  async #run(id: number): Promise<void> {
    const { file, done, end } = this.#files.get(id) ?? {}
    if (!file || !done || !end) return
    try {
      const size = PICTURE.test(file.type) ? await measure(file) : undefined
      const url = await this.http.withToken((token) => this.#post(file, token, id, end.signal))
      if (end.signal.aborted) return
      const upload = this.list.find((one) => one.id === id)
      this.remove(id)
      if (upload) done({ ...upload, url, ...size } as Required<Upload>)
    } catch (error) {
      if (end.signal.aborted) return
      const { code, msg } = error as KefuError
      // What the service does not take, it does not take the next time. It names the kind of its refusal first.
      this.#set(id, { problem: code === 400 ? 'refused' : 'failed', reason: code ? msg.replace(/.*?: ?/, '') : '' })
    }
  }

  /** By XMLHttpRequest, because `fetch` does not tell how far it has come. */
  #post(file: File, token: string, id: number, signal: AbortSignal): Promise<string> {
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest()
      request.open('POST', `${this.shell.server}/app-api/infra/file/upload`)
      request.responseType = 'json'
      request.setRequestHeader('Authorization', `Bearer ${token}`)
      request.setRequestHeader('Accept-Language', this.shell.locale())
      request.upload.onprogress = ({ loaded, total }) => this.#set(id, { progress: total ? loaded / total : 0 })
      request.onload = () => {
        try {
          const header = (name: string) => request.getResponseHeader(name)
          resolve(String(this.http.unwrap(request.status, request.response, header)))
        } catch (error) {
          reject(error as Error)
        }
      }
      request.onerror = request.onabort = () => reject(new this.Fault(0))
      signal.addEventListener('abort', () => request.abort())
      const form = new FormData()
      form.append('file', file, file.name)
      request.send(form)
    })
  }

  #set(id: number, fields: Partial<Upload>): void {
    this.#put(this.list.map((upload) => (upload.id === id ? { ...upload, ...fields } : upload)))
  }

  #put(list: readonly Upload[]): void {
    this.list = list
    this.changed()
  }
}

async function measure(file: File): Promise<{ width: number; height: number } | undefined> {
  try {
    const { width, height } = await createImageBitmap(file)
    return { width, height }
  } catch {
    // Not a picture after all; it goes as a file.
    return undefined
  }
}
