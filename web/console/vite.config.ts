import { readFileSync } from 'node:fs'
import { fileURLToPath, URL } from 'node:url'
import i18n from '@intlify/unplugin-vue-i18n/vite'
import vue from '@vitejs/plugin-vue'
import elementPlus from 'unplugin-element-plus/vite'
import { defineConfig } from 'vitest/config'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

/** The version of the binary that this console is built into. */
const version = /^version = "([^"]+)"/m.exec(readFileSync(here('../../Cargo.toml'), 'utf8'))?.[1]
if (!version) throw new Error('Cargo.toml names no version')

/** Where a running kefu listens, for `npm run dev`. */
const service = process.env['KEFU_URL'] ?? 'http://127.0.0.1:48080'

export default defineConfig({
  base: '/console/',
  plugins: [
    vue(),
    // Messages are compiled here, so that the page holds no compiler and needs no `eval`.
    i18n({ include: here('./src/locales/*/*.ts'), runtimeOnly: true, dropMessageCompiler: true, fullInstall: false }),
    elementPlus({}),
  ],
  resolve: {
    alias: {
      '@': here('./src'),
      '@kefu/client/desk': here('../client/src/desk.ts'),
      '@kefu/client': here('../client/src/index.ts'),
      '@kefu/widget': here('../widget/src'),
    },
  },
  // The page of a channel shows the real widget beside its form.
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  define: { __VERSION__: JSON.stringify(version) },
  build: {
    outDir: here('../dist/console'),
    emptyOutDir: true,
    sourcemap: false,
    // A `data:` address in a style sheet would need a wider Content-Security-Policy.
    assetsInlineLimit: 0,
    rollupOptions: {
      output: {
        entryFileNames: 'assets/[name]-[hash].js',
        chunkFileNames: 'assets/[name]-[hash].js',
        assetFileNames: 'assets/[name]-[hash][extname]',
      },
    },
  },
  server: {
    port: 5173,
    proxy: {
      '/admin-api': service,
      '/app-api': service,
      '/console/version.json': service,
      '/infra': { target: service, ws: true },
    },
  },
  test: {
    environment: 'happy-dom',
    // The first test of a file waits for its languages, on machines that have other things to do.
    testTimeout: 30_000,
    include: ['src/**/*.test.ts'],
    server: { deps: { inline: ['element-plus'] } },
  },
})
