/** Where another part of the workbench wants the reader of a conversation to go. */
import { shallowRef } from 'vue'

/** The message to show, until the timeline has gone there. */
export const jump = shallowRef<{ conversationId: number; seq: number } | null>(null)

/** Shows a message of the open conversation. */
export function jumpTo(conversationId: number, seq: number): void {
  jump.value = { conversationId, seq }
}
