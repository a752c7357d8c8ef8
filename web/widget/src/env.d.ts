/// <reference types="vite/client" />

/** What the names of all files that the loader loads end with: a hash of them together, put in by the build. */
declare const __BUILD__: string
/** `import`, put in by the build: vite would wrap it with its own preloading. */
declare const __IMPORT__: (address: string) => Promise<unknown>
/** The version of the binary that the widget is built into. */
declare const __VERSION__: string
