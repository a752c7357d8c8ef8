import app from './zh/app'
import composer from './zh/composer'
import keyboard from './zh/keyboard'
import list from './zh/list'
import notifications from './zh/notifications'
import panel from './zh/panel'
import timeline from './zh/timeline'

export default { app, composer, keyboard, list, notifications, panel, timeline }
