import app from './zh/app'
import composer from './zh/composer'
import keyboard from './zh/keyboard'
import list from './zh/list'
import login from './zh/login'
import notifications from './zh/notifications'
import panel from './zh/panel'
import profile from './zh/profile'
import timeline from './zh/timeline'

export default { app, composer, keyboard, list, login, notifications, panel, profile, timeline }
