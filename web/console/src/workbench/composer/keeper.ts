/** What is attached and not sent, kept over a reload of the page. */
export interface Kept {
  id: string
  conversationId: number
  name: string
  type: string
  file: Blob
  url?: string | undefined
  width?: number | undefined
  height?: number | undefined
}

export interface Keeper {
  keep(attachment: Kept): void
  forget(id: string): void
  all(): Promise<Kept[]>
}

/** Keeps nothing. */
export const noKeeper: Keeper = { keep: () => undefined, forget: () => undefined, all: () => Promise.resolve([]) }

const database = 'kefu'
const table = 'attachments'

/**
 * Keeps attachments of one agent in the browser's IndexedDB, since files do not fit into `localStorage`. Where it is forbidden, or full, attachments
 * last until the page is left.
 */
export function browserKeeper(userId: number): Keeper {
  let opened: Promise<IDBDatabase> | undefined
  const open = () => (opened ??= openDatabase())
  const change = async (work: (store: IDBObjectStore) => void) => {
    try {
      work((await open()).transaction(table, 'readwrite').objectStore(table))
    } catch {
      // Not kept.
    }
  }
  return {
    keep: (attachment) => void change((store) => store.put({ ...attachment, userId })),
    forget: (id) => void change((store) => store.delete(id)),
    all: async () => {
      try {
        const store = (await open()).transaction(table, 'readonly').objectStore(table)
        const rows = await answer(store.getAll() as IDBRequest<(Kept & { userId: number })[]>)
        return rows.filter((row) => row.userId === userId)
      } catch {
        return []
      }
    },
  }
}

function openDatabase(): Promise<IDBDatabase> {
  const request = indexedDB.open(database, 1)
  request.onupgradeneeded = () => request.result.createObjectStore(table, { keyPath: 'id' })
  return answer(request)
}

function answer<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error ?? new Error('refused'))
  })
}
