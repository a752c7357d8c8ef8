import { createPinia } from 'pinia'
import { createApp } from 'vue'
import './ui/tokens.css'
import './ui/base.css'
import './ui/forced-colors.css'
import App from './app/App.vue'
import { usePreferences } from './app/preferences'
import { router } from './app/router'
import { checkVersion, watchForMissingParts } from './app/version'
import { i18n, setLanguage } from './locales'

async function main(): Promise<void> {
  watchForMissingParts()
  const app = createApp(App)
  app.use(createPinia())
  app.use(i18n)
  const preferences = usePreferences()
  await setLanguage(preferences.language)
  app.use(router)
  app.mount('#app')
  void checkVersion()
}

void main()
