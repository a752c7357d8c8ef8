/**
 * Rounds of service: who serves which member (docs/desk.md).
 *
 * {@link Desk} keeps the open rounds of a tenant. It reads them once, after each break of the socket and after a restore; in between
 * it follows the frames, so that no event causes a call. A round is known by its `version`: of a frame, an answer and a list
 * the newest counts, in whatever order they come.
 *
 * What has ended leaves the rounds. While a list is read, what frames and answers tell is noted and taken once more after it, so that
 * a list that is older than they are brings nothing back.
 */
import { Emitter } from './emitter.js'
import type { Overview, ServerFrame, Task } from './model.js'
import type { Client } from './types.js'

/** Where a round stands. What is below {@link OFFERED} has ended. */
export const WAITING = 3
export const MISSED = 4
export const OFFERED = 0
export const SERVING = 1

/** What an agent says about duty. */
export type Duty = 0 | 1 | 2
export const OFF_DUTY = 0 satisfies Duty
export const ON_DUTY = 1 satisfies Duty
export const PAUSED = 2 satisfies Duty

/** The codes with which the service refuses what is asked of a round. */
export const CHANGED = 1013021001
export const TAKEN = 1013021002
export const FULL = 1013021003

/** Rounds that one call lists. */
const PAGE = 200
/** Rounds that are read at most; the oldest come first. */
const MOST = 1000

/** What has changed at the desk. */
export type DeskChange =
  /** A round was opened or has changed, or has ended: see its `state`. */
  | { type: 'task'; task: Task; before: Task | undefined }
  /** A round is offered to the own agent. */
  | { type: 'offer'; task: Task }
  /** The own duty and number of rounds, or another agent's where supervisors are told. */
  | { type: 'agent'; adminId: number; duty: Duty | null; load: number }
  /** This conversation cannot be seen any more. */
  | { type: 'hidden'; conversationId: number }
  /** All rounds were read. */
  | { type: 'loaded' }

/** Whether a round has not ended. */
export const isOpen = ({ state }: Task): boolean => state >= OFFERED
/** Whether a round has no agent. */
export const isWaiting = ({ state }: Task): boolean => state === WAITING || state === MISSED

/** To whom a round goes. */
export type Receiver = { agentId: number } | { groupId: number }

export class Desk {
  /** The open rounds, by conversation. */
  readonly tasks = new Map<number, Task>()
  /** Whether the rounds are all here: there may be more than are read. */
  complete = true
  /** The last round of each conversation, ended ones included: what comes late opens none again. */
  readonly #latest = new Map<number, Task>()
  readonly #changes = new Emitter<DeskChange>()
  #loading: Promise<void> | null = null
  /** What was told while a list is read. */
  #told: Task[] | null = null

  constructor(private readonly client: Client) {
    client.socket.on('frame', (frame) => this.#apply(frame))
  }

  subscribe = this.#changes.subscribe

  /** Reads the open rounds. @throws {KefuError} */
  load(): Promise<void> {
    this.#loading ??= this.#read().finally(() => (this.#loading = this.#told = null))
    return this.#loading
  }

  /** Takes a conversation, whose round is opened when there is none. @throws {KefuError} {@link TAKEN}, {@link FULL} */
  async take(conversationId: number): Promise<Task> {
    return this.#took(
      await this.client.http.call('post', '/admin-api/promotion/kefu-task/take', { body: { conversationId } }),
    )
  }

  /** Accepts the own offered round. @throws {KefuError} {@link CHANGED}, {@link TAKEN} */
  async accept({ id, version }: Task): Promise<Task> {
    return this.#took(
      await this.client.http.call('put', '/admin-api/promotion/kefu-task/accept', { body: { id, version } }),
    )
  }

  /** Refuses the own offered round, which waits again. @throws {KefuError} {@link CHANGED}, {@link TAKEN} */
  async refuse({ id, version }: Task): Promise<Task> {
    return this.#took(
      await this.client.http.call('put', '/admin-api/promotion/kefu-task/refuse', { body: { id, version } }),
    )
  }

  /** Gives a round to an agent or a group. @throws {KefuError} {@link CHANGED}, {@link FULL} */
  async transfer({ id, version }: Task, to: Receiver, reason: string): Promise<Task> {
    const body = { id, version, reason, ...to }
    return this.#took(await this.client.http.call('put', '/admin-api/promotion/kefu-task/transfer', { body }))
  }

  /** Gives a round, also one that waits, to an agent. @throws {KefuError} {@link CHANGED}, {@link FULL} */
  async assign({ id, version }: Task, agentId: number): Promise<Task> {
    const body = { id, version, agentId }
    return this.#took(await this.client.http.call('put', '/admin-api/promotion/kefu-task/assign', { body }))
  }

  /** Ends a round. @throws {KefuError} {@link CHANGED} */
  async close({ id, version }: Task, reason = ''): Promise<Task> {
    const body = { id, version, ...(reason && { reason }) }
    return this.#took(await this.client.http.call('put', '/admin-api/promotion/kefu-task/close', { body }))
  }

  /** The rounds of a conversation, the newest first. @throws {KefuError} */
  async history(conversationId: number): Promise<Task[]> {
    const query = { conversationId }
    const rounds = await this.client.http.call('get', '/admin-api/promotion/kefu-task/history', { query })
    if (rounds[0]) this.#took(rounds[0])
    return rounds
  }

  /** What goes on, with who is on duty, for supervisors. @throws {KefuError} */
  overview(): Promise<Overview> {
    return this.client.http.call('get', '/admin-api/promotion/kefu-task/overview')
  }

  /** Says that the own agent, or another, is on duty or not. The frame that follows tells the pages. @throws {KefuError} */
  async setDuty(duty: Duty, adminId?: number): Promise<void> {
    const body = { duty, ...(adminId !== undefined && { adminId }) }
    await this.client.http.call('put', '/admin-api/promotion/kefu-agent/duty', { body })
  }

  async #read(): Promise<void> {
    this.#told = []
    const found: Task[] = []
    let complete = false
    for (let cursor: string | undefined; !complete && found.length < MOST; cursor = found.at(-1)?.cursor) {
      const query = { state: '0,1,3,4', limit: PAGE, ...(cursor !== undefined && { cursor }) }
      const page = await this.client.http.call('get', '/admin-api/promotion/kefu-task/list', { query })
      found.push(...page)
      complete = page.length < PAGE
    }
    this.complete = complete
    this.tasks.clear()
    this.#latest.clear()
    for (const task of [...found, ...this.#told]) this.#keep(task)
    this.#changes.emit({ type: 'loaded' })
  }

  #apply(frame: ServerFrame): void {
    switch (frame.type) {
      case 'kefu_task':
        // An admin's frame names the member.
        if ('userId' in frame.content) this.#took(frame.content)
        break
      case 'kefu_task_offer':
        this.#took(frame.content)
        this.#changes.emit({ type: 'offer', task: frame.content })
        break
      case 'kefu_agent': {
        const { adminId, duty, load } = frame.content
        this.#changes.emit({ type: 'agent', adminId, duty: duty as Duty | null, load })
        break
      }
      case 'kefu_conversation_hidden':
        this.tasks.delete(frame.content.conversationId)
        this.#latest.delete(frame.content.conversationId)
        this.#changes.emit({ type: 'hidden', conversationId: frame.content.conversationId })
        break
    }
  }

  /** Takes what a frame or an answer tells of a round. */
  #took(task: Task): Task {
    this.#told?.push(task)
    const before = this.tasks.get(task.conversationId)
    if (this.#keep(task)) this.#changes.emit({ type: 'task', task, before })
    return task
  }

  /** Keeps a round that is newer than what is known; answers whether it is. */
  #keep(task: Task): boolean {
    const known = this.#latest.get(task.conversationId)
    // Ids of rounds do not grow in order across nodes: of two rounds of a conversation the later one begins with a later message.
    if (known && (known.id === task.id ? known.version >= task.version : known.firstSeq > task.firstSeq)) return false
    this.#latest.set(task.conversationId, task)
    if (isOpen(task)) this.tasks.set(task.conversationId, task)
    else this.tasks.delete(task.conversationId)
    return true
  }
}
