/// <reference types="vite/client" />

/** The files of the panel and of the languages below `/widget/`, put in by the build. */
declare const __FILES__: Record<'panel' | 'zh' | 'en', string>
/** `import`, put in by the build: vite would wrap it with its own preloading. */
declare const __IMPORT__: (address: string) => Promise<unknown>
/** The version of the binary that the widget is built into. */
declare const __VERSION__: string
