import app from './en/app'
import composer from './en/composer'
import keyboard from './en/keyboard'
import list from './en/list'
import notifications from './en/notifications'
import panel from './en/panel'
import timeline from './en/timeline'

export default { app, composer, keyboard, list, notifications, panel, timeline }
