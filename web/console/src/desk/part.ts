/** Loads a part of the desk with its texts, when it is first shown. */
import { defineAsyncComponent } from 'vue'
import { withTexts } from '@/locales'

type Parts = typeof import('./parts')

export function deskPart<K extends keyof Parts>(name: K) {
  return defineAsyncComponent(withTexts(['desk'], async () => (await import('./parts'))[name] as Parts[K]))
}
