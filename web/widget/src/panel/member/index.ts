/**
 * Logs a member in.
 *
 * With a visitor's login in this browser the two are linked first, and the member's chat begins afterwards: what the visitor
 * writes meanwhile stays in the visitor's outbox until the service refuses its login, and moves to the member's outbox under
 * the same `clientMessageId`.
 */
import type { Chat } from '../chat.js'
import type { Controller } from '../controller.js'
import type { Kit, Parts } from '../parts.js'
import { MemberTokens, slotOf } from './tokens.js'

/** How long a message in flight is waited for before the visitor's chat ends, in milliseconds. */
const SETTLE = 5_000

export function make({ KefuError, ask, keepVisitor, storedVisitor }: Kit): Parts['member'] {
  return {
    async identify(it, { token, getToken }, current) {
      const first = token ?? (await getToken?.())
      if (!current()) return
      if (!first) throw new Error('identify needs a token')
      const slot = slotOf(first)
      const { tokens, expired } = it.chat
      if (tokens.member && tokens.slot === slot) {
        tokens.replace(first, getToken)
        if (!expired) return
      }
      await link(it, first, slot)
      if (!current()) return
      it.become(new MemberTokens(first, getToken, KefuError))
      await it.chat.begin(it.isOpen || it.chat.entries.length > 0)
      if (!current() || it.chat.expired || it.chat.phase !== 'ready') return
      it.shell.emit('identified', { userId: it.chat.conversation?.userId ?? null })
    },
  }

  /** Gives the conversation of the visitor of this browser to the member. */
  async function link(it: Controller, token: string, slot: string): Promise<void> {
    const { shell, chat } = it
    const visitor = storedVisitor(shell)
    if (!visitor) return
    it.linking = true
    try {
      // A visitor whom one member could not be linked with yet is no other member's.
      if (!visitor.owner || visitor.owner === slot) {
        await ask(shell, '/app-api/promotion/kefu-visitor/link', { visitorToken: visitor.refreshToken }, token)
      }
      keepVisitor(shell, null)
    } catch (error) {
      const { code, temporary } = error as { code: number; temporary: boolean }
      const later = temporary || code === 401
      keepVisitor(shell, later ? { ...visitor, owner: slot } : null)
      if (!later) shell.emit('error', { code, message: (error as Error).message })
    }
    if (!chat.tokens.member) await carry(it, chat, slot)
    it.linking = false
  }
}

/** Lets the member send what the visitor has written and the service has not taken. */
async function carry(it: Controller, from: Chat, slot: string): Promise<void> {
  const under = () => from.entries.find(({ state }) => state === 'sending')
  const settled = () => !under() || under()?.error?.code === 401
  await new Promise<void>((resolve) => {
    const finish = () => {
      clearTimeout(timer)
      end()
      resolve()
    }
    const timer = setTimeout(finish, SETTLE)
    const end = from.client.outbox.subscribe(() => {
      if (settled()) finish()
    })
    if (settled()) finish()
  })
  const { tab, local } = it.shell
  const left = from.entries.filter(({ state }) => state !== 'sent')
  from.dispose()
  if (left.length) {
    const known = JSON.parse(tab.get(`${slot}:outbox`) ?? '[]') as object[]
    tab.set(`${slot}:outbox`, JSON.stringify([...known, ...left]))
  }
  if (it.draft && !local.get(`${slot}:draft`)) local.set(`${slot}:draft`, it.draft)
  for (const keep of [local, tab]) for (const name of keep.names()) if (name.startsWith('v:')) keep.set(name, null)
}
