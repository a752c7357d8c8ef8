/// <reference types="vite/client" />

/** The hashes in the names of what the loader loads, put in by the build. */
declare const __FILES__: Record<'panel' | 'form' | 'member' | 'extras' | 'zh' | 'en', string>
/** `import`, put in by the build: vite would wrap it with its own preloading. */
declare const __IMPORT__: (address: string) => Promise<unknown>
/** The version of the binary that the widget is built into. */
declare const __VERSION__: string
