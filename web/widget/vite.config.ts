import { readFileSync } from 'node:fs'
import { fileURLToPath, URL } from 'node:url'
import { defineConfig, type Plugin } from 'vitest/config'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

/** The version of the binary that this widget is built into. */
const version = /^version = "([^"]+)"/m.exec(readFileSync(here('../../Cargo.toml'), 'utf8'))?.[1]
if (!version) throw new Error('Cargo.toml names no version')

/** What the loader loads when it is needed. */
const modules = ['panel', 'zh', 'en']

/**
 * Makes the loader a plain script that stands alone: a function around it keeps its names out of the page, and the files that it
 * loads, whose names carry hashes, are put in where `__FILES__` stands.
 */
function loader(): Plugin {
  return {
    name: 'loader',
    generateBundle(_options, bundle) {
      const chunks = Object.values(bundle).filter((file) => file.type === 'chunk' && file.isEntry)
      const find = (name: string) => {
        const chunk = chunks.find((chunk) => chunk.name === name)
        if (chunk?.type !== 'chunk') throw new Error(`there is no ${name}`)
        return chunk
      }
      const v1 = find('v1')
      const files = Object.fromEntries(modules.map((name) => [name, find(name).fileName]))
      if (v1.imports.length || v1.dynamicImports.length) throw new Error(`v1.js imports ${v1.imports.join()}`)
      const code = v1.code.trim().replaceAll('__FILES__', JSON.stringify(files)).replaceAll('__IMPORT__', 'import')
      v1.code = `(()=>{${code}})();\n`
    },
  }
}

export default defineConfig({
  base: '/widget/',
  plugins: [loader()],
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  resolve: {
    alias: {
      '@kefu/client': here('../client/src/index.ts'),
      // What the JSX runtime does beyond making elements is of no use here and a part of the limit of size.
      'preact/jsx-runtime': here('src/panel/jsx.ts'),
    },
  },
  define: { __VERSION__: JSON.stringify(version) },
  build: {
    outDir: here('../dist/widget'),
    emptyOutDir: true,
    sourcemap: false,
    target: 'es2022',
    modulePreload: false,
    assetsInlineLimit: 0,
    rollupOptions: {
      input: {
        v1: here('src/loader/index.ts'),
        panel: here('src/panel/index.tsx'),
        zh: here('src/locales/zh.ts'),
        en: here('src/locales/en.ts'),
        demo: here('demo.html'),
      },
      preserveEntrySignatures: 'strict',
      output: {
        entryFileNames: ({ name }) => (name === 'v1' ? 'v1.js' : 'assets/[name]-[hash].js'),
        chunkFileNames: 'assets/[name]-[hash].js',
        assetFileNames: 'assets/[name]-[hash][extname]',
      },
    },
  },
  test: { name: 'widget', environment: 'happy-dom', include: ['test/**/*.test.{ts,tsx}'] },
})
