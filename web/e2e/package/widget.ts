// What a page of an integrator does with `@kefu/widget`, with the compiler at its strictest.
import { load, type AgentMessage, type Kefu } from '@kefu/widget'

export async function start(server: string, key: string): Promise<{ kefu: Kefu; count: () => number }> {
  let unread = 0
  const gone = new AbortController()
  const early = load({ server, key, signal: gone.signal })
  gone.abort()
  const refused = await early.then(
    () => false,
    () => true,
  )
  if (!refused || document.querySelector('kefu-widget')) throw new Error('a component that is gone has left a widget')
  const kefu = await load({ server, key, locale: 'en', theme: 'light' })
  const stop = kefu.on('unread', (count: number) => (unread = count))
  kefu.on('message', ({ id, content }: AgentMessage) => console.log(id, content))
  kefu.on('ready', () => stop())
  kefu.setAttributes({ plan: 'gold' })
  kefu.card({ product: { spuName: 'Blue mug', price: 2900 } })
  return { kefu, count: () => unread }
}
