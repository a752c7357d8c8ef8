// Compares what is loaded with the limits, as `gzip -9` makes it. Chunks that load later, for dialogs and other pages, do not
// count to the first load. --list names the files of the first load.
import { readFileSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'

const WEB = fileURLToPath(new URL('..', import.meta.url))
const CONSOLE = join(WEB, 'dist/console')
const KB = 1024

const gzipped = (path) => gzipSync(readFileSync(path), { level: 9 }).length

/** The chunks of the workbench with an open conversation. */
const CHUNKS = /^(Frame|Workbench|Home|ConversationPane|SidePanel|zh)-/

/** The console's files that the page, these chunks and their static imports load. */
function firstLoad() {
  const assets = readdirSync(join(CONSOLE, 'assets'))
  const page = readFileSync(join(CONSOLE, 'index.html'), 'utf8')
  const found = new Set([...page.matchAll(/assets\/([\w.-]+\.(?:js|css))/g)].map(([, name]) => name))
  for (const name of assets) if (CHUNKS.test(name)) found.add(name)
  if (![...found].some((name) => name.startsWith('Workbench-'))) throw new Error('dist has no chunk of the workbench')
  for (const name of found) {
    if (!name.endsWith('.js')) continue
    const code = readFileSync(join(CONSOLE, 'assets', name), 'utf8')
    for (const [, file] of code.matchAll(/(?:from|import)\s*["'`]\.\/([\w.-]+\.js)["'`]/g)) found.add(file)
    // The style sheet of a chunk bears its name.
    const base = name.replace(/-[\w-]{8}\.js$/, '-')
    for (const sheet of assets) if (sheet.endsWith('.css') && sheet.startsWith(base)) found.add(sheet)
  }
  return [join(CONSOLE, 'index.html'), ...[...found].map((name) => join(CONSOLE, 'assets', name))]
}

function total(folder) {
  return readdirSync(folder, { recursive: true })
    .map((name) => statSync(join(folder, name)))
    .reduce((bytes, file) => bytes + (file.isFile() ? file.size : 0), 0)
}

/** A file of the widget by the name of its entry, the hash left out. */
function widget(name) {
  const found = readdirSync(join(WEB, 'dist/widget/assets')).find(
    (file) => file.startsWith(`${name}-`) && file.endsWith('.js'),
  )
  if (!found) throw new Error(`dist has no ${name} of the widget`)
  return join(WEB, 'dist/widget/assets', found)
}
const loader = join(WEB, 'dist/widget/v1.js')
const chat = [loader, widget('panel'), widget('zh')]
const client = (name) => join(WEB, 'client/dist', `${name}.js`)

const sum = (paths) => paths.reduce((bytes, path) => bytes + gzipped(path), 0)
const limits = [
  ["the workbench's first load, gzipped", sum(firstLoad()), 180 * KB],
  ['@kefu/client, its main entry, gzipped', sum(['index', 'shared'].map(client)), 6 * KB],
  ["the widget's loader, gzipped", gzipped(loader), 4 * KB],
  // A member's login, the form, pictures and files, cards, emoji, previews of messages
  // and what is said of rounds of service load when they are needed.
  ['the widget, to open it and chat in one language, gzipped', sum(chat), 25 * KB],
  [
    'the widget, every file of one language, gzipped',
    sum([...chat, ...['form', 'member', 'extras', 'rounds'].map(widget)]),
    33.5 * KB,
  ],
  ['dist, as it is', total(join(WEB, 'dist')), 1.25 * KB * KB],
]
let fault = false
for (const [what, bytes, limit] of limits) {
  const over = bytes > limit
  fault ||= over
  console.log(`${over ? 'TOO BIG' : 'ok'}  ${what}: ${(bytes / KB).toFixed(1)} of ${(limit / KB).toFixed(1)} KiB`)
}
if (process.argv.includes('--list'))
  for (const path of firstLoad()) console.log(String(gzipped(path)).padStart(8), path)
process.exit(fault ? 1 : 0)
