import { type Client, KefuError } from '@kefu/client'

/**
 * Uploads a file and answers its address. It goes by XMLHttpRequest, because `fetch` does not tell how far it has come.
 * @throws KefuError as every call, with code 0 when there was no answer; an AbortError when `signal` ended it.
 */
export function upload(
  client: Client,
  file: Blob,
  name: string,
  onProgress: (part: number) => void,
  signal: AbortSignal,
): Promise<string> {
  return client.http.withToken((token) => send(client, token, file, name, onProgress, signal))
}

function send(
  client: Client,
  token: string,
  file: Blob,
  name: string,
  onProgress: (part: number) => void,
  signal: AbortSignal,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest()
    const abort = () => request.abort()
    const done = (finish: () => void) => {
      signal.removeEventListener('abort', abort)
      finish()
    }
    request.open('POST', '/admin-api/infra/file/upload')
    request.setRequestHeader('Authorization', `Bearer ${token}`)
    request.setRequestHeader('Accept-Language', document.documentElement.lang)
    request.upload.onprogress = (event) => {
      if (event.lengthComputable && event.total > 0) onProgress(event.loaded / event.total)
    }
    request.onload = () =>
      done(() => {
        try {
          const url = client.http.unwrap(request.status, parse(request.responseText), (header) =>
            request.getResponseHeader(header),
          )
          resolve(String(url))
        } catch (error) {
          reject(error as Error)
        }
      })
    request.onerror = () => done(() => reject(new KefuError(0, '', 0)))
    request.onabort = () => done(() => reject(new DOMException('aborted', 'AbortError')))
    if (signal.aborted) {
      reject(new DOMException('aborted', 'AbortError'))
      return
    }
    signal.addEventListener('abort', abort)
    const form = new FormData()
    form.append('file', file, name)
    request.send(form)
  })
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
