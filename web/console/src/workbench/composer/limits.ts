import { shallowReactive } from 'vue'

/** The service's limits, as far as a composer must know them before it sends. */
export interface Limits {
  /** The longest content of a message, in characters. */
  contentLength: number
  /** The largest upload, in bytes. */
  uploadBytes: number
}

/** The service's defaults, until it has told its own. */
export const limits = shallowReactive<Limits>({ contentLength: 2048, uploadBytes: 16 * 1024 * 1024 })

let asked = false

/** Asks the service for its limits, once. A service that does not tell them has its defaults, and refuses what is above its own. */
export async function askForLimits(): Promise<void> {
  if (asked) return
  asked = true
  try {
    const answer = await fetch(`${import.meta.env.BASE_URL}version.json`, { cache: 'no-store' })
    const told = ((await answer.json()) as { limits?: Partial<Limits> }).limits
    if (typeof told?.contentLength === 'number') limits.contentLength = told.contentLength
    if (typeof told?.uploadBytes === 'number') limits.uploadBytes = told.uploadBytes
  } catch {
    asked = false
  }
}
