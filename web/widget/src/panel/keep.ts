import type { Keep } from '../shell.js'

/**
 * Texts in the browser's storage under `kefu:<key>:`. A storage that the browser denies, or that is full, is replaced by
 * memory: everything works then until the page is left.
 */
export function keep(area: 'localStorage' | 'sessionStorage', key: string): Keep {
  const prefix = `kefu:${key}:`
  const memory = new Map<string, string>()
  // To look at the property already throws where storage is denied.
  const attempt = <T>(use: (storage: Storage) => T): T | undefined => {
    try {
      return use(window[area])
    } catch {
      return undefined
    }
  }
  return {
    lasting: attempt((storage) => (storage.setItem(prefix, ''), storage.removeItem(prefix), true)) ?? false,
    get: (name) => memory.get(name) ?? attempt((storage) => storage.getItem(prefix + name)) ?? null,
    set(name, value) {
      memory.delete(name)
      if (value === null) attempt((storage) => storage.removeItem(prefix + name))
      else if (!attempt((storage) => (storage.setItem(prefix + name, value), true))) memory.set(name, value)
    },
    names: () => [
      ...memory.keys(),
      ...(attempt((storage) => Object.keys(storage)) ?? [])
        .filter((name) => name.startsWith(prefix))
        .map((name) => name.slice(prefix.length)),
    ],
  }
}
