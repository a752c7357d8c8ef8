/** Asks whether all sessions of a member are to end, and ends them. */
import type { Http } from '@kefu/client'
import { faultOf } from '@/app/faults'
import { t } from '@/locales'
import { ask } from '@/ui/confirm'
import { toast } from '@/ui/toast'
import { Members } from './members'

export async function endSessions(http: Http, userId: number, name: string, visitor: boolean): Promise<void> {
  const yes = await ask({
    title: t('members.sessions.title', { name }),
    text: t(visitor ? 'members.sessions.visitorText' : 'members.sessions.text'),
    confirm: t('members.sessions.confirm'),
    danger: true,
  })
  if (!yes) return
  try {
    await new Members(http).endSessions(userId)
    void toast(t('members.sessions.done', { name }), 'success')
  } catch (error) {
    void toast(faultOf(error).text, 'error')
  }
}
