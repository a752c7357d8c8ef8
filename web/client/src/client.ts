import type { Client, ClientOptions } from './types'

/** Makes a client of one login. */
export function createClient(options: ClientOptions): Client {
  throw new Error(`not written yet: ${options.baseUrl}`)
}
