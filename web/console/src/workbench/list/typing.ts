/** In which conversations the member is typing. A notice holds for some seconds, since none says that it has ended. */
import { shallowReactive } from 'vue'

const HOLDS = 6000

export class Typing {
  readonly value = shallowReactive(new Set<number>())
  private readonly timers = new Map<number, ReturnType<typeof setTimeout>>()

  start(conversationId: number): void {
    clearTimeout(this.timers.get(conversationId))
    this.value.add(conversationId)
    this.timers.set(
      conversationId,
      setTimeout(() => this.stop(conversationId), HOLDS),
    )
  }

  stop(conversationId: number): void {
    clearTimeout(this.timers.get(conversationId))
    this.timers.delete(conversationId)
    this.value.delete(conversationId)
  }
}
