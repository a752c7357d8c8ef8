/** The keys of the workbench that concern the list and the open conversation. */
import { ArrowDown, ArrowUp, Bottom, Delete, Plus, Search, Top, Postcard, Tickets } from '@element-plus/icons-vue'
import { useRouter } from 'vue-router'
import { faultOf } from '@/app/faults'
import { overlay } from '@/app/overlays'
import { useSession } from '@/app/session'
import { useActions } from '@/keyboard/actions'
import { MarkUnread, Pin } from '@/ui/icons'
import { toast } from '@/ui/toast'
import { useConversations } from '../conversations'

/** Offers them while the workbench is mounted. The composer offers `R` itself, where it is. */
export function useListActions(part: {
  focusSearch: () => void
  focusList: (id?: number) => void
  togglePanel: () => void
}): void {
  const conversations = useConversations()
  const session = useSession()
  const router = useRouter()
  const { actions } = conversations
  const isOpen = () => conversations.openId !== null
  const row = () => (conversations.openId === null ? undefined : conversations.rows.get(conversations.openId))
  const maySee = () => !conversations.isForbidden
  const mayUpdate = () => session.may('promotion:kefu-conversation:update')

  function show(id: number | null): void {
    if (id !== null) void router.push({ name: 'conversation', params: { id } })
  }
  const go = (step: 1 | -1) => show(conversations.neighbour(step))
  const goUnread = (step: 1 | -1) =>
    conversations.findUnread(step).then(show, (error: unknown) => toast(faultOf(error).text, 'error'))

  async function leave(): Promise<void> {
    const id = conversations.openId
    // In a text the first Esc leaves the text, the second the conversation.
    const focused = document.activeElement
    if (focused instanceof HTMLElement && focused.matches('textarea, input')) return focused.blur()
    if (id === null) return
    await router.push({ name: 'home' })
    part.focusList(id)
  }

  async function hide(): Promise<void> {
    const open = row()
    if (open && (await actions.hide(open))) await router.push({ name: 'home' })
  }

  useActions([
    {
      label: 'keyboard.action.next',
      group: 'move',
      keys: ['KeyJ'],
      icon: ArrowDown,
      enabled: maySee,
      run: () => go(1),
    },
    {
      label: 'keyboard.action.previous',
      group: 'move',
      keys: ['KeyK'],
      icon: ArrowUp,
      enabled: maySee,
      run: () => go(-1),
    },
    {
      label: 'keyboard.action.nextUnread',
      group: 'move',
      keys: ['Alt+Shift+ArrowDown'],
      icon: Bottom,
      enabled: maySee,
      run: () => goUnread(1),
    },
    {
      label: 'keyboard.action.previousUnread',
      group: 'move',
      keys: ['Alt+Shift+ArrowUp'],
      icon: Top,
      enabled: maySee,
      run: () => goUnread(-1),
    },
    {
      label: 'keyboard.action.search',
      group: 'move',
      keys: ['Slash'],
      icon: Search,
      enabled: maySee,
      run: part.focusSearch,
    },
    {
      label: 'keyboard.action.list',
      group: 'move',
      keys: ['Escape'],
      icon: Tickets,
      enabled: isOpen,
      hidden: true,
      run: leave,
    },
    {
      label: 'keyboard.action.begin',
      group: 'conversation',
      keys: ['KeyC'],
      icon: Plus,
      enabled: mayUpdate,
      run: () => (overlay.value = 'begin'),
    },
    {
      label: 'keyboard.action.pin',
      group: 'conversation',
      keys: ['KeyP'],
      icon: Pin,
      enabled: () => isOpen() && mayUpdate(),
      run: () => {
        const open = row()
        if (open) void actions.pin(open, !open.adminPinned)
      },
    },
    {
      label: 'keyboard.action.markUnread',
      group: 'conversation',
      keys: ['KeyU'],
      icon: MarkUnread,
      enabled: () => isOpen() && mayUpdate(),
      run: () => {
        const open = row()
        if (open) void actions.markUnread(open)
      },
    },
    {
      label: 'keyboard.action.panel',
      group: 'conversation',
      keys: ['BracketRight'],
      icon: Postcard,
      enabled: isOpen,
      run: part.togglePanel,
    },
    {
      label: 'keyboard.action.hide',
      group: 'conversation',
      icon: Delete,
      enabled: () => isOpen() && session.may('promotion:kefu-conversation:delete'),
      run: hide,
    },
  ])
}
