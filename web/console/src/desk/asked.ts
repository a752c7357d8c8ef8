/** Which dialog of the desk is open, and for which round. */
import type { Task } from '@kefu/client'
import { shallowRef } from 'vue'

export interface Asked {
  what: 'transfer' | 'assign' | 'close'
  /** The round as it was when the dialog was opened: it is this one that is changed, or the service refuses. */
  task: Task
}

const asked = shallowRef<Asked | null>(null)

/** The one dialog of the desk. */
export function useAsked() {
  return {
    asked,
    ask: (what: Asked['what'], task: Task) => (asked.value = { what, task }),
    done: () => (asked.value = null),
  }
}
