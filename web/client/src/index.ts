/** Client of the kefu customer-service backend. Begin with {@link createClient}; docs/websocket.md is what it follows. */
export { createClient } from './client'
export { KefuError } from './error'
export * from './model'
export type * from './platform'
export type * from './types'
