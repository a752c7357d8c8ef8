/** What the page says about a call that failed. */
import { KefuError } from '@kefu/client'
import { t } from '@/locales'

export interface Fault {
  text: string
  /** The service's name for the request, for its operator. */
  requestId: string | null
}

/** The cause in the user's language: the service's own message where there is one. */
export function faultOf(error: unknown): Fault {
  if (!(error instanceof KefuError)) return { text: t('app.fault.unexpected'), requestId: null }
  return { text: textOf(error), requestId: error.requestId }
}

/** Whole seconds to wait before the next try; at least one. */
export function secondsToWait(error: KefuError): number {
  return Math.max(1, Math.ceil((error.retryAfterMs ?? 1000) / 1000))
}

function textOf(error: KefuError): string {
  if (error.status === 0) return t('app.fault.network')
  if (error.code === 429) return t('app.fault.tooMany', { seconds: secondsToWait(error) })
  if (error.code === 403) return t('app.fault.forbidden')
  return error.msg || t('app.fault.unexpected')
}
