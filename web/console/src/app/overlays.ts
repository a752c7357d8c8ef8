/** Which of the page's own dialogs is open. */
import { ref } from 'vue'

export type Overlay = 'palette' | 'shortcuts' | 'begin'

export const overlay = ref<Overlay | null>(null)
