import type { Client } from '@kefu/client'
import { Attachments } from './attachments'
import { browserKeeper } from './keeper'

const ofClients = new WeakMap<Client, Attachments>()

/** What an agent has attached, one instance for each client. */
export function attachmentsOf(client: Client, userId: number): Attachments {
  let attachments = ofClients.get(client)
  if (attachments === undefined) {
    attachments = new Attachments(client, { keeper: browserKeeper(userId) })
    void attachments.restore()
    ofClients.set(client, attachments)
  }
  return attachments
}
