/** The keys of the desk, for the conversation that is open. */
import { CircleCheck, Coffee, Connection, Switch } from '@element-plus/icons-vue'
import { OFF_DUTY, ON_DUTY, PAUSED } from '@kefu/client/desk'
import { useRouter } from 'vue-router'
import { useSession } from '@/app/session'
import { useActions } from '@/keyboard/actions'
import { Headset, Hand } from '@/ui/icons'
import { useConversations } from '@/workbench/conversations'
import { useAsked } from './asked'
import { useDesk } from './desk'
import { movesOf, PERMISSION, type Move } from './state'

/** Offers them while the calling component is mounted; they can be done only where the tenant has rounds of service. */
export function useDeskActions(): void {
  const desk = useDesk()
  const conversations = useConversations()
  const session = useSession()
  const router = useRouter()
  const { ask } = useAsked()

  const id = () => conversations.openId
  const task = () => (id() === null ? undefined : desk.tasks.get(id() as number))
  const may = (...moves: Move[]) => {
    if (!desk.on || id() === null) return false
    const can = movesOf(task(), desk.own, session.may)
    return moves.some((move) => can.has(move))
  }
  const takes = () => desk.on && session.may(PERMISSION.take)

  function take(): void {
    const open = task()
    if (open && may('accept')) void desk.accept(open)
    else if (id() !== null) void desk.take(id() as number)
  }

  function give(what: 'transfer' | 'close'): void {
    const open = task()
    if (open) ask(what === 'transfer' && !may('transfer') ? 'assign' : what, open)
  }

  useActions([
    {
      label: 'keyboard.action.take',
      group: 'conversation',
      keys: ['KeyA'],
      icon: Hand,
      shown: () => desk.on,
      enabled: () => may('take', 'takeOver', 'accept'),
      run: take,
    },
    {
      label: 'keyboard.action.transfer',
      group: 'conversation',
      keys: ['KeyT'],
      icon: Switch,
      shown: () => desk.on,
      enabled: () => may('transfer', 'assign'),
      run: () => give('transfer'),
    },
    {
      label: 'keyboard.action.close',
      group: 'conversation',
      keys: ['KeyE'],
      icon: CircleCheck,
      shown: () => desk.on,
      enabled: () => may('close'),
      run: () => give('close'),
    },
    {
      label: 'keyboard.action.onDuty',
      group: 'general',
      icon: Headset,
      enabled: () => takes() && desk.duty !== ON_DUTY,
      run: () => desk.setDuty(ON_DUTY),
    },
    {
      label: 'keyboard.action.pauseDuty',
      group: 'general',
      icon: Coffee,
      enabled: () => takes() && desk.duty !== PAUSED,
      run: () => desk.setDuty(PAUSED),
    },
    {
      label: 'keyboard.action.offDuty',
      group: 'general',
      icon: Connection,
      enabled: () => takes() && desk.duty !== OFF_DUTY,
      run: () => desk.setDuty(OFF_DUTY),
    },
    {
      label: 'keyboard.action.overview',
      group: 'general',
      icon: Headset,
      enabled: () => desk.on && session.may(PERMISSION.supervise),
      run: () => router.push({ name: 'overview' }),
    },
  ])
}
