/**
 * Notices that the service has got another console than this page.
 *
 * The service names its build at `version.json`. It is asked when the page starts and after each break of the connection,
 * since a new version needs a restart. A part of the old build that cannot be loaded any more means the same.
 */
import { ref, readonly } from 'vue'
import { t } from '@/locales'
import { toast } from '@/ui/toast'
import { isWarmingUp } from './warmup'

/** `ready`: reload when convenient; `stale`: the page cannot go on without. */
export type VersionState = 'current' | 'ready' | 'stale'

const state = ref<VersionState>('current')
let build: string | null = null

export const versionState = readonly(state)

/** Asks the service for its build, and compares it with the first answer. */
export async function checkVersion(): Promise<void> {
  let answer: Response
  try {
    answer = await fetch(`${import.meta.env.BASE_URL}version.json`, { cache: 'no-store' })
    if (!answer.ok || !answer.headers.get('content-type')?.includes('json')) return
    const named = (await answer.json()) as { build?: unknown }
    if (typeof named.build !== 'string') return
    if (build !== null && build !== named.build && state.value === 'current') state.value = 'ready'
    build ??= named.build
  } catch {
    // The service is away. It is asked again after the next break.
  }
}

/**
 * Listens for parts of the page that cannot be loaded. With a new build they are gone for good; otherwise the service is
 * out of reach, and the part can be asked for again.
 */
export function watchForMissingParts(): void {
  addEventListener('vite:preloadError', () => {
    const asked = !isWarmingUp()
    void checkVersion().then(() => {
      if (state.value !== 'current') state.value = 'stale'
      else if (asked) toast(t('app.fault.network'), 'error').catch(() => undefined)
    })
  })
}
