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
import { readdirSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const HERE = fileURLToPath(new URL('.', import.meta.url))
const [first, ...rest] = process.argv.slice(2)

function files() {
  const names = first
    ? [first, ...rest]
    : readdirSync(HERE).flatMap((name) => /^(.*)\.test\.mjs$/.exec(name)?.[1] ?? [])
  const size = (file) => statSync(file).size
  // The longest first, so that the lanes end together.
  return names.map((name) => join(HERE, `${name}.test.mjs`)).sort((one, other) => size(other) - size(one))
}

/** So many files at once: each has a service and a browser of its own, and waits more than it works. */
const LANES = 2

/** Runs a script; `show` is given what it prints, which goes to the terminal otherwise. */
function run(words, show) {
  // Node 20 keeps its WebSocket behind a flag that later versions accept as well.
  const flags = ['--experimental-websocket', '--no-warnings']
  const child = spawn(process.execPath, [...flags, ...words], { stdio: show ? ['ignore', 'pipe', 'pipe'] : 'inherit' })
  for (const stream of show ? [child.stdout, child.stderr] : []) stream.setEncoding('utf8').on('data', show)
  return new Promise((resolve) => child.on('close', (code) => resolve(code === 0)))
}

/** Prints what the file has printed once it has ended, so that two files do not mix. */
async function runTests(file) {
  const printed = []
  const options = ['--test', '--test-timeout=600000', '--test-force-exit', '--test-reporter=spec']
  const isPassed = await run([...options, file], (text) => printed.push(text))
  process.stdout.write(`-- ${basename(file)}\n${printed.join('')}`)
  return isPassed
}

// A file that fails is run once more, alone, and said to have been: a busy machine delays a browser by more than a test can
// foresee, and what is broken fails twice.
async function runAll() {
  const waiting = files()
  const again = []
  const lane = async () => {
    for (let file; (file = waiting.shift());) if (!(await runTests(file))) again.push(file)
  }
  await Promise.all(Array.from({ length: LANES }, lane))
  const unsteady = []
  const failed = []
  for (const file of again) {
    console.log(`-- ${basename(file)} failed and is run once more`)
    ;((await runTests(file)) ? unsteady : failed).push(basename(file))
  }
  if (unsteady.length > 0) console.log(`-- passed at the second run only: ${unsteady.join(', ')}`)
  if (failed.length > 0) console.log(`-- failed twice: ${failed.join(', ')}`)
  return failed.length === 0
}

const singles = { '--measure': 'measure.mjs', '--pictures': 'pictures.mjs' }
const isPassed = await (singles[first] ? run([join(HERE, singles[first])]) : runAll())
process.exit(isPassed ? 0 : 1)
