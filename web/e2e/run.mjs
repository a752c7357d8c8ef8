// Tests of the console in Chromium, against the binary.
//
//   node e2e/run.mjs                 all tests
//   node e2e/run.mjs login chat      these files
//   node e2e/run.mjs --measure       prints times
//   node e2e/run.mjs --pictures      makes docs/pictures/*.png
//
// E2E_BINARY names another binary than target/debug/kefu, E2E_WEB_DIR lets it serve the pages from disk, E2E_CHROMIUM names
// another browser than /usr/bin/chromium.
import { spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const HERE = fileURLToPath(new URL('.', import.meta.url))
const [first, ...rest] = process.argv.slice(2)

function words() {
  if (first === '--measure') return [join(HERE, 'measure.mjs')]
  if (first === '--pictures') return [join(HERE, 'pictures.mjs')]
  const names = first
    ? [first, ...rest]
    : readdirSync(HERE).flatMap((name) => /^(.*)\.test\.mjs$/.exec(name)?.[1] ?? [])
  const files = names.map((name) => join(HERE, `${name}.test.mjs`))
  // One file after the other: each has a service and a browser.
  return [
    '--test',
    '--test-concurrency=1',
    '--test-timeout=600000',
    '--test-force-exit',
    '--test-reporter=spec',
    ...files,
  ]
}

// Node 20 keeps its WebSocket behind a flag that later versions accept as well.
const child = spawn(process.execPath, ['--experimental-websocket', '--no-warnings', ...words()], { stdio: 'inherit' })
child.on('exit', (code) => process.exit(code ?? 1))
