/** Client of the kefu customer-service backend. Begin with {@link createClient}; docs/websocket.md is what it follows. */
export { createClient } from './client.js'
export { KefuError } from './error.js'
export * from './model.js'
export type * from './platform.js'
export type * from './types.js'
