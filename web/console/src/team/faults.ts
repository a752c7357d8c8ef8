/** Which input of a form a refusal is about. */
import { KefuError } from '@kefu/client'
import { faultOf } from '@/app/faults'

export interface FieldFault<Field extends string> {
  /** `null`: about the whole. */
  field: Field | null
  text: string
}

/** The service begins its sentence about a parameter with the parameter's name, after one of these. */
const PREFIX = /^(?:invalid request parameter|请求参数不正确)[:：]\s*/i

/**
 * The field that a refusal is about, found by `fields`: what the service's sentence contains when it speaks of the field. The
 * name of the parameter itself is left out of the sentence, since it is shown at the field.
 */
export function fieldFaultOf<Field extends string>(error: unknown, fields: Record<Field, RegExp>): FieldFault<Field> {
  const { text } = faultOf(error)
  if (!(error instanceof KefuError) || error.status === 0 || [401, 403, 404, 429, 500, 503].includes(error.code))
    return { field: null, text }
  const sentence = text.replace(PREFIX, '')
  for (const [field, pattern] of Object.entries(fields) as [Field, RegExp][]) {
    if (!pattern.test(sentence)) continue
    const rest = sentence.startsWith(field) ? sentence.slice(field.length).trim() : sentence
    return { field, text: capital(rest) }
  }
  return { field: null, text: capital(sentence) }
}

const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1)
