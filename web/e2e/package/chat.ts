// What an integrator writes: a member and an admin, both by the packed library.
import { createClient, KefuError, type Client, type Message, type StoredTokens } from '@kefu/client'

declare const process: { argv: string[]; exit(code: number): never }
declare const console: { log(text: string): void }

const [, , baseUrl = '', memberToken = '', username = '', password = ''] = process.argv

function clientOf(userType: 'admin' | 'member', tokens: StoredTokens | null): Client {
  let stored = tokens
  return createClient({
    baseUrl,
    userType,
    tokens: { get: () => stored, set: (fresh) => void (stored = fresh) },
    language: () => 'en',
  })
}

const text = (words: string) => ({ contentType: 1 as const, content: JSON.stringify({ text: words }) })

/** Waits for a message with these words. */
function arrives(client: Client, words: string): Promise<Message> {
  return new Promise((resolve) => {
    const end = client.store.subscribe((change) => {
      const message = change.type === 'messages' && change.added.find(({ content }) => content === text(words).content)
      if (!message) return
      end()
      resolve(message)
    })
  })
}

const member = clientOf('member', { accessToken: memberToken })
const admin = clientOf('admin', null)

const wrong = await admin.http
  .call('post', '/admin-api/system/auth/login', { body: { username, password: 'wrong' } })
  .catch((error: unknown) => error)
if (!(wrong instanceof KefuError) || wrong.code !== 1002000000) throw new Error('a wrong password was not refused')

const login = await admin.http.call('post', '/admin-api/system/auth/login', { body: { username, password } })
const agent = clientOf('admin', login)
agent.store.load({ conversations: await agent.http.call('get', '/admin-api/promotion/kefu-conversation/list') })
agent.socket.start()
member.store.load({ messages: await member.http.call('get', '/app-api/promotion/kefu-message/list') })
member.socket.start()
for (const { socket } of [agent, member]) {
  if (socket.state !== 'open')
    await new Promise<void>((resolve) => socket.on('state', (state) => state === 'open' && resolve()))
}

const question = arrives(agent, 'is it in stock?')
member.outbox.add(text('is it in stock?'))
const { conversationId, seq } = await question
const answer = arrives(member, 'it is')
agent.outbox.add({ conversationId, ...text('it is') })
await answer
await agent.http.call('put', '/admin-api/promotion/kefu-message/update-read-status', { query: { conversationId, seq } })

const shown = (client: Client) => client.store.messages(conversationId).map(({ content }) => content)
if (JSON.stringify(shown(agent)) !== JSON.stringify(shown(member))) throw new Error('the two sides differ')
console.log(`both sides show ${shown(agent).length} messages`)
agent.dispose()
member.dispose()
process.exit(0)
