/**
 * What the panel is and does, without how it looks: the login in force, open or closed, the draft, the newest unread message.
 *
 * There is one `Chat` at a time. `identify` and `logout` put another one in its place; what the one before still brings is
 * dropped with it. How a member is logged in is in member/.
 *
 * Tabs of one site tell each other what they cannot know from the service: that a visitor was made, that the visitor has
 * logged out, that messages were seen, that the panel is open.
 */
import type { EndReason, Message } from '@kefu/client'
import type { Card, Identity, Page } from '../api.js'
import { type Key, type Translate, translate } from '../locales/index.js'
import type { Panel, Shell } from '../shell.js'
import { Chat } from './chat.js'
import { readableOn } from './colour.js'
import { parseContent, TEXT } from './content.js'
import type { Kit, PartModule, PartName, Parts } from './parts.js'
import { phone } from './phone.js'
import { ask, keepVisitor, type LoginTokens, storedVisitor, VisitorTokens } from './tokens.js'

/** What stands behind texts, in the light and the dark theme. */
const GROUNDS = [
  [246, 247, 249],
  [34, 40, 50],
] as const
/** For how long the settings say who is there, in milliseconds. */
const FRESH = 60_000
/** After how long a new message sounds, unless it was seen by then, in milliseconds. */
const SOUND_AFTER = 400

type TabMessage =
  { type: 'made' | 'logout' | 'open' } | { type: 'read'; slot: string; conversation: number; seq: number }

export class Controller implements Panel {
  chat: Chat
  isOpen = false
  /** Whether the panel was opened by the visitor or the page, and takes the focus. */
  takesFocus = false
  /** The newest message that came while the panel was closed. */
  preview: Message | null = null
  draft = ''
  offered: Card | null = null
  /** The parts that are here, and those that could not be loaded. */
  readonly parts: Partial<Parts> = {}
  readonly lost = new Set<PartName>()
  readonly #coming = new Map<PartName, Promise<void>>()
  t!: Translate
  locale = ''
  #attributes: Record<string, unknown> = {}
  #page: Page = {}
  #turn = 0
  /** A member is being logged in: the end of the visitor's login is no news. */
  linking = false
  #identity: Identity | null = null
  #fresh = Date.now()
  #queued = false
  #gone = false
  readonly #tabs: BroadcastChannel | null

  constructor(
    readonly shell: Shell,
    private readonly kit: Kit,
    private readonly render: (controller: Controller) => void,
  ) {
    const name = `kefu:${shell.options.key}`
    this.#tabs = 'BroadcastChannel' in globalThis ? new BroadcastChannel(name) : null
    if (this.#tabs) this.#tabs.onmessage = ({ data }) => this.#told(data as TabMessage)
    this.chat = this.#visitor()
    this.update()
    void this.chat.begin(false)
    // A phone's panel hides the page, which the visitor went on to see.
    if (shell.tab.get('open') && !phone.matches) this.#opened(false)
  }

  // What the page asks --------------------------------------------------------------------------------------------------

  open(): void {
    this.#opened(true)
  }

  close(): void {
    if (!this.isOpen) return
    this.isOpen = false
    this.shell.tab.set('open', null)
    this.shell.setOpen(false)
    this.changed()
  }

  identify(identity: Identity): void {
    const turn = ++this.#turn
    this.#identity = identity
    void this.bring('member').then(async () => {
      try {
        // Without the part the panel asks for it again when it is opened.
        await this.parts.member?.identify(this, identity, () => turn === this.#turn && !this.#gone)
      } catch (error) {
        this.shell.emit('error', { code: 0, message: String(error) })
      }
    })
  }

  logout(): void {
    const visitor = storedVisitor(this.shell)
    if (visitor) {
      ask(this.shell, '/app-api/member/auth/logout', undefined, visitor.accessToken).catch(() => undefined)
    }
    this.#tell({ type: 'logout' })
    this.#wipe()
  }

  setAttributes(attributes: Record<string, unknown>): void {
    this.#attributes = { ...this.#attributes, ...attributes }
    this.describe()
  }

  page(page: Page = {}): void {
    this.#page = page
    this.chat.report(page)
  }

  send(text: string, { submit = false } = {}): void {
    this.open()
    if (submit) this.submit(text)
    else this.write(text)
  }

  card(card: Card): void {
    this.offered = card
    this.open()
  }

  rest(): unknown[][] {
    return [
      ['setAttributes', this.#attributes],
      ['page', this.#page],
      ...(this.#identity ? [['identify', this.#identity]] : []),
      ...(this.offered ? [['card', this.offered]] : []),
      ...(this.isOpen ? [['open']] : []),
      ...(this.chat.files.length ? [['attach', this.chat.files]] : []),
    ]
  }

  update(): void {
    this.locale = this.shell.locale()
    this.t = translate(this.shell.words)
    const { place, config, parse, luminance } = this.shell
    const ground = GROUNDS[place.parentElement?.dataset['theme'] === 'dark' ? 1 : 0]
    place.style.setProperty('--accent', `rgb(${readableOn(parse(config.look.color), ground, luminance).join()})`)
    this.changed()
  }

  destroy(): void {
    this.#gone = true
    this.#turn += 1
    this.#tabs?.close()
    this.chat.dispose()
    this.isOpen = false
    this.render(this)
  }

  // What the visitor does -----------------------------------------------------------------------------------------------

  /** Nobody is there, as far as is known. */
  get away(): boolean {
    return !this.shell.config.online
  }

  /** The fields that are asked for before the first message. */
  get form(): 'none' | 'preChat' | 'leave' {
    const { chat, shell } = this
    if (chat.phase !== 'ready' || chat.started || chat.blocked || chat.expired) return 'none'
    if (this.away) return 'leave'
    return shell.config.preChat.enabled && !chat.tokens.member && !chat.tokens.exists ? 'preChat' : 'none'
  }

  text(key: keyof Shell['config']['texts'], fallback: Key): string {
    return this.shell.config.texts[key] ?? this.t(fallback)
  }

  submit(text: string): void {
    const words = text.trim()
    if (!words) return
    this.chat.send(TEXT, { text: words, ...(this.away && { left: true }) })
    this.write('')
    this.describe()
  }

  dropCard(): void {
    this.offered = null
    this.changed()
  }

  /** Sends files. */
  attach(files: readonly File[]): void {
    this.chat.files = [...this.chat.files, ...files]
    void this.bring('extras').then(() => this.parts.extras?.upload(this, this.chat))
  }

  /** A part, when it is here; it is loaded when it is first asked for. */
  part<P extends PartName>(name: P): Parts[P] | undefined {
    if (!this.#coming.has(name) && !this.lost.has(name)) void this.bring(name)
    return this.parts[name]
  }

  /** Loads a part, also one that could not be loaded before, and lets it do what waits. */
  bring(name: PartName): Promise<void> {
    this.lost.delete(name)
    let coming = this.#coming.get(name)
    if (!coming) this.#coming.set(name, (coming = this.#load(name)))
    this.changed()
    return coming
  }

  /** Loads a part again, and goes on with the files that wait for it. */
  retry(name: PartName): void {
    if (name === 'extras') this.attach([])
    else void this.bring(name)
  }

  /** The draft is this now. */
  write(text: string): void {
    this.draft = text
    this.shell.local.set(this.chat.name('draft'), text || null)
    this.changed()
  }

  /** The visitor looks at the newest message. */
  see(): void {
    const { chat } = this
    void chat.see().then((seq) => {
      if (seq === undefined || !chat.conversation) return
      this.#tell({ type: 'read', slot: chat.tokens.slot, conversation: chat.conversation.id, seq })
    })
  }

  /** Closes, and gives the focus back. */
  leaveToLauncher(): void {
    this.close()
    this.shell.focusLauncher()
  }

  dismiss(): void {
    this.preview = null
    const last = this.chat.messages.at(-1)
    if (last) this.shell.local.set(this.chat.name('dismissed'), String(last.id))
    this.changed()
  }

  content(contentType: number, content: string) {
    return parseContent(contentType, content, this.shell.server)
  }

  async #load<P extends PartName>(name: P): Promise<void> {
    try {
      const { make, sheet } = (await this.shell.load(name)) as PartModule<P>
      this.parts[name] = make(this.kit)
      if (sheet) this.shell.adopt(sheet)
    } catch {
      this.lost.add(name)
      this.#coming.delete(name)
    }
    this.changed()
  }

  // Inside --------------------------------------------------------------------------------------------------------------

  #opened(takesFocus: boolean): void {
    if (this.isOpen) {
      this.changed()
      return
    }
    this.isOpen = true
    this.takesFocus = takesFocus
    this.preview = null
    this.shell.tab.set('open', '1')
    this.#tell({ type: 'open' })
    this.shell.setOpen(true)
    this.changed()
    if (this.#identity && this.lost.has('member')) this.identify(this.#identity)
    void this.chat.begin(true).then(() => this.chat.report(this.#page))
    if (Date.now() - this.#fresh < FRESH) return
    this.#fresh = Date.now()
    void this.shell.refresh()
  }

  #visitor(): Chat {
    return this.#make(
      new VisitorTokens(this.shell, () => {
        this.#tell({ type: 'made' })
        this.chat.made()
        this.describe()
      }),
    )
  }

  #make(tokens: LoginTokens): Chat {
    const chat: Chat = new Chat(this.shell, tokens, {
      changed: () => {
        if (chat === this.chat) this.#chatChanged()
      },
      arrived: (message) => {
        if (chat === this.chat) this.#arrived(message)
      },
      ended: (reason) => {
        if (chat === this.chat) this.#ended(reason)
      },
    })
    this.draft = this.shell.local.get(chat.name('draft')) ?? ''
    return chat
  }

  /** Puts the chat of another login in place of this one; the visitor's by default. */
  become(tokens?: LoginTokens): void {
    this.chat.dispose()
    this.preview = null
    this.chat = tokens ? this.#make(tokens) : this.#visitor()
    this.#chatChanged()
  }

  #ended(reason: EndReason): void {
    // Too many tabs: this one goes on when it is used again.
    if (this.linking || reason === 'displaced' || reason === 'disabled') return
    if (this.chat.tokens.member) {
      this.chat.expired = true
      this.shell.emit('error', { code: 401, message: reason })
      return
    }
    // The visitor was linked by another tab, or logged out, or is forgotten: what is not sent yet goes as a new one's.
    if (reason === 'revoked' && storedVisitor(this.shell)?.userId === this.chat.userId) keepVisitor(this.shell, null)
    this.become()
    if (this.chat.entries.length) this.chat.tokens.want()
    void this.chat.begin(false)
  }

  /** Nothing of whoever was here stays. */
  #wipe(): void {
    this.#turn += 1
    this.chat.dispose()
    const { local, tab } = this.shell
    for (const keep of [local, tab]) for (const name of keep.names()) if (name !== 'open') keep.set(name, null)
    this.#attributes = {}
    this.#identity = this.offered = null
    this.become()
    void this.chat.begin(false)
  }

  #chatChanged(): void {
    this.shell.setUnread(this.chat.unread.length)
    const last = this.chat.unread.at(-1)
    if (!last) this.preview = null
    else if (!this.isOpen && this.shell.local.get(this.chat.name('dismissed')) !== String(last.id)) this.preview = last
    this.changed()
  }

  #arrived(message: Message): void {
    const { id, contentType, content, senderNickname = null, createTime } = message
    this.shell.config.online = true
    // The preview may be loaded again.
    this.lost.delete('extras')
    this.shell.emit('message', { id, contentType, content, senderNickname, createTime })
    if (this.shell.options.sound === false) return
    const chat = this.chat
    // Seen in the meantime, here or in another tab: nothing to call for.
    setTimeout(() => {
      if (!chat.unread.some((unread) => unread.id === id)) return
      void this.bring('extras').then(() => this.parts.extras?.play(this.shell, id))
    }, SOUND_AFTER)
  }

  /** Tells the agents what the page knows of the visitor, once there is one. */
  describe(): void {
    const attributes = this.#attributes
    const { tokens } = this.chat
    if (tokens.member || !tokens.exists || !Object.keys(attributes).length) return
    this.#attributes = {}
    this.chat
      .call('put', '/app-api/promotion/kefu-visitor/update', { body: { attributes } })
      .catch((error: unknown) => {
        const { code = 0, message } = error as { code?: number; message: string }
        this.shell.emit('error', { code, message })
      })
  }

  #tell(message: TabMessage): void {
    this.#tabs?.postMessage(message)
  }

  #told(message: TabMessage): void {
    const { chat } = this
    if (message.type === 'logout') this.#wipe()
    else if (message.type === 'made' && !chat.tokens.member) void chat.begin(true)
    else if (message.type === 'open') {
      this.preview = null
      this.changed()
    } else if (
      message.type === 'read' &&
      message.slot === chat.tokens.slot &&
      message.conversation === chat.conversation?.id
    ) {
      chat.read(message.seq)
    }
  }

  /** Draws, once for all that changes in a turn. */
  changed(): void {
    if (this.#queued || this.#gone) return
    this.#queued = true
    queueMicrotask(() => {
      this.#queued = false
      if (!this.#gone) this.render(this)
    })
  }
}
