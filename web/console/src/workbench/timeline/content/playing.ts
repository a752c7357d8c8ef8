import { shallowRef } from 'vue'

/** The voice message that is heard now: one at a time in the whole page. */
export const playing = shallowRef<HTMLAudioElement | null>(null)
