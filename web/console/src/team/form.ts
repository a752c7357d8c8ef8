/** What the forms of the team's pages share: what was typed, whether it is saved, what is wrong with it. */
import { computed, nextTick, onBeforeUnmount, onMounted, ref, type Ref } from 'vue'
import { onBeforeRouteLeave } from 'vue-router'
import { t } from '@/locales'
import { ask } from '@/ui/confirm'
import { fieldFaultOf } from './faults'

export interface FormOptions<Form, Field extends string> {
  /** What the service's sentence contains when it is about a field. */
  fields: Record<Field, RegExp>
  /** What can be said without the service. */
  check?: (form: Form) => Partial<Record<Field, string>>
  /** Asked before the form is sent, where saving does what has to be confirmed. */
  confirm?: (form: Form) => Promise<boolean>
}

/** A form. Leaving a page with one that is not saved asks first. Inputs carry their field's name as `data-field`. */
export function useForm<Form extends object, Field extends string>(options: FormOptions<Form, Field>) {
  const form = ref<Form>() as Ref<Form | undefined>
  const saved = ref('')
  const busy = ref(false)
  const faults = ref<Partial<Record<Field, string>>>({}) as Ref<Partial<Record<Field, string>>>
  /** What is wrong with the whole. */
  const refusal = ref<string>()
  const dirty = computed(() => form.value !== undefined && JSON.stringify(form.value) !== saved.value)
  const faulty = computed(() => Object.keys(faults.value).length > 0)

  /** Shows what the service has. */
  function take(taken: Form): void {
    form.value = structuredClone(taken)
    saved.value = JSON.stringify(form.value)
  }

  /** Forgets that something was typed, before the page leaves on purpose. */
  function settle(): void {
    saved.value = JSON.stringify(form.value)
  }

  function clear(): void {
    faults.value = {}
    refusal.value = undefined
  }

  async function showFault(): Promise<void> {
    await nextTick()
    const [name] = Object.keys(faults.value)
    const input = name && document.querySelector<HTMLElement>(`[data-field="${CSS.escape(name)}"]`)
    if (!input) return
    input.scrollIntoView({ block: 'center' })
    input.focus({ preventScroll: true })
  }

  /** Sends the form by `work`, unless something is wrong with it. What was typed stays whatever happens. */
  async function submit(work: (form: Form) => Promise<void>): Promise<void> {
    if (!form.value || busy.value) return
    clear()
    faults.value = options.check?.(form.value) ?? {}
    if (faulty.value) return showFault()
    if (options.confirm && !(await options.confirm(form.value))) return
    busy.value = true
    try {
      await work(form.value)
    } catch (error) {
      const { field, text } = fieldFaultOf(error, options.fields)
      if (field) faults.value = { [field]: text } as typeof faults.value
      else refusal.value = text
      busy.value = false
      await showFault()
    } finally {
      busy.value = false
    }
  }

  onBeforeRouteLeave(async () => {
    if (!dirty.value) return true
    return ask({
      title: t('team.leave.title'),
      text: t('team.leave.text'),
      confirm: t('team.leave.confirm'),
      danger: true,
    })
  })
  /** The browser asks before the page is closed. */
  function onUnload(event: BeforeUnloadEvent): void {
    if (dirty.value) event.preventDefault()
  }
  onMounted(() => addEventListener('beforeunload', onUnload))
  onBeforeUnmount(() => removeEventListener('beforeunload', onUnload))

  return { form, saved, busy, faults, refusal, dirty, faulty, take, settle, clear, submit }
}
