/** Calls that the document does not describe yet. */
import type { Http } from '@kefu/client'

interface Untyped {
  call(method: string, path: string, request?: { query?: object; body?: unknown; signal?: AbortSignal }): Promise<never>
}

export const untyped = (http: Http): Untyped => http as unknown as Untyped
