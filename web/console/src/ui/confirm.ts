/** Asks before something that cannot be taken back. The dialog itself is `ConfirmHost.vue`, loaded with the first question. */
import { shallowRef } from 'vue'

export interface Question {
  title: string
  text: string
  /** The name of the button that goes on. */
  confirm: string
  danger?: boolean
}

export const question = shallowRef<(Question & { answer: (yes: boolean) => void }) | null>(null)

/** Shows the question and answers whether to go on. */
export function ask(asked: Question): Promise<boolean> {
  question.value?.answer(false)
  return new Promise((resolve) => {
    question.value = {
      ...asked,
      answer: (yes) => {
        question.value = null
        resolve(yes)
      },
    }
  })
}
