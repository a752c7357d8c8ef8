import app from './en/app'
import composer from './en/composer'
import keyboard from './en/keyboard'
import list from './en/list'
import login from './en/login'
import notifications from './en/notifications'
import panel from './en/panel'
import profile from './en/profile'
import timeline from './en/timeline'

export default { app, composer, keyboard, list, login, notifications, panel, profile, timeline }
