import { copyFileSync } from 'node:fs'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    target: 'es2022',
    modulePreload: false,
    rollupOptions: {
      input: ['src/index.ts', 'src/member.ts', 'src/desk.ts'],
      preserveEntrySignatures: 'strict',
      // What the entries share is one file.
      output: {
        format: 'es',
        entryFileNames: '[name].js',
        chunkFileNames: 'shared.js',
        manualChunks: (id) => (/\/(index|member|desk)\.ts$/.test(id) ? undefined : 'shared'),
      },
    },
  },
  plugins: [
    {
      name: 'schema',
      // tsc copies no declarations.
      closeBundle: () => copyFileSync('src/schema.d.ts', 'dist/schema.d.ts'),
    },
  ],
  test: { name: 'client', include: ['test/**/*.test.ts'] },
})
