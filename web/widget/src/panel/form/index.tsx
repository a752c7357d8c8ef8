import type { KefuError } from '@kefu/client'
import type { PreChatField } from '../../shell.js'
import { use } from '../part-jsx.js'
import type { Kit, Parts } from '../parts.js'
import sheet from './form.css?inline'
import type { Controller } from '../controller.js'

type Name = PreChatField['name'] | 'contact' | 'message'

interface Field {
  name: Name
  label: string
  required: boolean
}

const TYPES: Partial<Record<Name, string>> = { email: 'email', phone: 'tel' }
const LONGEST: Partial<Record<Name, number>> = { name: 64, phone: 32, message: 2000 }
const PATTERNS: Partial<Record<Name, RegExp>> = { email: /^\S+@\S+\.\S+$/, phone: /^[\d+()\-\s]{5,30}$/ }
const COMPLETE: Partial<Record<Name, string>> = { name: 'name', email: 'email', phone: 'tel' }

interface Props {
  it: Controller
  kind: 'preChat' | 'leave'
}

type Values = Partial<Record<Name, string>>

interface State {
  problems: Values
  fault: string
  busy: boolean
}

export { sheet }

/** What is asked before the first message: the channel's fields, and with nobody there the message itself. */
export function make({ createElement, Component }: Kit): Parts['form'] {
  use(createElement)
  return class Form extends Component<Props, State> {
    override state: State = { problems: {}, fault: '', busy: false }
    readonly #values: Values = { message: this.props.it.draft }

    get #fields(): Field[] {
      const { it, kind } = this.props
      const { t, chat, shell } = it
      const { enabled, fields: asked } = shell.config.preChat
      const fields: Field[] = []
      if (enabled && !chat.tokens.member && !chat.tokens.exists) {
        for (const { name, label, required = false } of asked) fields.push({ name, label: label ?? t(name), required })
      }
      if (kind === 'leave') {
        const reachable = chat.tokens.member || fields.some(({ name }) => name === 'email' || name === 'phone')
        if (!reachable) fields.push({ name: 'contact', label: t('contact'), required: false })
        fields.push({ name: 'message', label: t('message'), required: true })
      }
      return fields
    }

    async #submit(form: HTMLFormElement) {
      const { it, kind } = this.props
      const { t } = it
      if (this.state.busy) return
      const problems: Values = {}
      for (const { name, required } of this.#fields) {
        const value = this.#values[name]?.trim() ?? ''
        const pattern = PATTERNS[name]
        if (!value && required) problems[name] = t('required')
        else if (value && pattern && !pattern.test(value)) problems[name] = t('invalid')
      }
      const [wrong] = Object.keys(problems)
      this.setState({ problems, fault: '', busy: !wrong })
      if (wrong) {
        form.querySelector<HTMLElement>(`[name=${wrong}]`)?.focus()
        return
      }
      try {
        await leave(it, this.#values)
        if (kind === 'leave') it.write('')
      } catch (error) {
        const { code, msg, retryAfterMs } = error as KefuError
        const seconds = Math.ceil((retryAfterMs ?? 5_000) / 1000)
        this.setState({ fault: code === 429 ? t('slow', { n: seconds }) : msg || t('failed'), busy: false })
      }
    }

    render({ it, kind }: Props, { problems, fault, busy }: State) {
      const { t, shell } = it
      return (
        <form
          class="form"
          noValidate
          onSubmit={(event) => {
            event.preventDefault()
            void this.#submit(event.currentTarget)
          }}
        >
          <p class="bubble greeting">
            {kind === 'leave' ? it.text('away', 'away') : (shell.config.texts.greeting ?? t('preChat'))}
          </p>
          {this.#fields.map(({ name, label, required }) => {
            const problem = problems[name]
            const shared = {
              id: name,
              name,
              required,
              defaultValue: this.#values[name] ?? '',
              maxLength: LONGEST[name] ?? 200,
              'aria-invalid': !!problem,
              'aria-describedby': problem && `${name}-problem`,
              onInput: ({ currentTarget }: { currentTarget: { value: string } }) => {
                this.#values[name] = currentTarget.value
              },
            }
            return (
              <p class="field" key={name}>
                <label for={name}>
                  {label}
                  {required && <span aria-hidden="true"> *</span>}
                </label>
                {name === 'message' ? (
                  <textarea {...shared} rows={4} />
                ) : (
                  <input {...shared} type={TYPES[name] ?? 'text'} autocomplete={COMPLETE[name] ?? 'off'} />
                )}
                {problem && (
                  <span class="fault" id={`${name}-problem`} role="alert">
                    {problem}
                  </span>
                )}
              </p>
            )
          })}
          {fault && (
            <p class="fault" role="alert">
              {fault}
            </p>
          )}
          <button type="submit" class="solid" disabled={busy}>
            {t(kind === 'leave' ? 'leave' : 'begin')}
          </button>
        </form>
      )
    }
  }
}

/** The form was filled in. @throws {KefuError} */
async function leave(it: Controller, filled: Values): Promise<void> {
  const values = Object.fromEntries(Object.entries(filled).map(([field, value]) => [field, value.trim()]))
  const { name, email, phone, topic, message } = values
  const { chat } = it
  if (!chat.tokens.member) {
    chat.tokens.want(name)
    const about = { ...(email && { email }), ...(phone && { phone }), ...(topic && { attributes: { topic } }) }
    if (Object.keys(about).length) await chat.call('put', '/app-api/promotion/kefu-visitor/update', { body: about })
    else await chat.client.http.withToken(() => Promise.resolve())
  }
  const contact = values['contact'] ?? email ?? phone
  if (message) chat.send(1, { text: message, left: true, ...(contact && { contact }) })
  it.describe()
  it.changed()
}
