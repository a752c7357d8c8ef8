import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { fileURLToPath, URL } from 'node:url'
import { defineConfig, type Plugin } from 'vitest/config'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

/** The version of the binary that this widget is built into. */
const version = /^version = "([^"]+)"/m.exec(readFileSync(here('../../Cargo.toml'), 'utf8'))?.[1]
if (!version) throw new Error('Cargo.toml names no version')

/** What the loader loads when it is needed. */
const modules = ['panel', 'form', 'member', 'extras', 'rounds', 'zh', 'en']

/**
 * Makes the loader a plain script that stands alone: a function around it keeps its names out of the page. The names of the
 * files that it loads end with one hash of them all, which is put in where `__BUILD__` stands.
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
      for (const { imports, dynamicImports, fileName } of ['v1', ...modules].map(find))
        if (imports.length || dynamicImports.length) throw new Error(`${fileName} must stand alone`)
      const parts = modules.map(find)
      const hash = createHash('sha256')
      for (const { code } of parts) hash.update(code)
      const build = hash.digest('base64url').slice(0, 8)
      for (const part of parts) part.fileName = `assets/${part.name}-${build}.js`
      const code = v1.code.trim().replaceAll('__BUILD__', JSON.stringify(build)).replaceAll('__IMPORT__', 'import')
      v1.code = `(()=>{${code}})();\n`
    },
  }
}

/** JSX of the panel calls Preact without what its runtime does beyond making elements; a part of it calls the panel's. */
function jsx(): Plugin {
  return {
    name: 'jsx',
    enforce: 'pre',
    resolveId(id, importer = '') {
      if (id !== 'preact/jsx-runtime' && !id.endsWith('/part-jsx.js')) return null
      const part = /\/(form|extras|rounds)\/[^/]*$/.exec(importer)?.[1]
      // Each part has a copy of its own: a file that two of them share could not stand alone.
      return here('src/panel/') + (part ? `part-jsx.ts?${part}` : 'jsx.ts')
    },
  }
}

export default defineConfig({
  base: '/widget/',
  plugins: [loader(), jsx()],
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  resolve: {
    alias: {
      '@kefu/client': here('../client/src/index.ts'),
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
        form: here('src/panel/form/index.tsx'),
        member: here('src/panel/member/index.ts'),
        extras: here('src/panel/extras/index.tsx'),
        rounds: here('src/panel/rounds/index.tsx'),
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
