// Writes dist/manifest.json, which build.rs compares with the files it embeds and with the sources they were built from:
//
//   {"version": "…", "sources": "<sha256>", "files": {"console/index.html": {"sha256": "…", "bytes": 1}}}
//
// `sources` is the sha256 over the sorted list of the sources: for each of them its path relative to web/, a zero byte, its
// sha256 in hexadecimal and a line feed.
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

const WEB = fileURLToPath(new URL('..', import.meta.url))
const DIST = join(WEB, 'dist')
const SOURCES = [
  'client/src',
  'console/src',
  'console/public',
  'console/index.html',
  'console/vite.config.ts',
  'package-lock.json',
  'widget/demo.html',
  'widget/src',
  'widget/vite.config.ts',
]

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex')

/** The files of a folder, or the file itself, as paths relative to `base` with `/`, sorted by their bytes. */
function files(base, path) {
  const full = join(base, path)
  if (!existsSync(full)) return []
  if (!statSync(full).isDirectory()) return [path]
  return readdirSync(full, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(base, join(entry.parentPath, entry.name)).split(sep).join('/'))
}
const sorted = (paths) => paths.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))

const cargo = readFileSync(join(WEB, '../Cargo.toml'), 'utf8')
const version = /^version = "([^"]+)"/m.exec(cargo)?.[1]
if (!version) throw new Error('Cargo.toml names no version')

const sources = createHash('sha256')
for (const path of sorted(SOURCES.flatMap((path) => files(WEB, path)))) {
  sources.update(`${path}\0${sha256(readFileSync(join(WEB, path)))}\n`)
}

const built = sorted(files(DIST, '.').filter((path) => path !== 'manifest.json'))
const entries = built.map((path) => {
  const bytes = readFileSync(join(DIST, path))
  return [path, { sha256: sha256(bytes), bytes: bytes.length }]
})
const manifest = { version, sources: sources.digest('hex'), files: Object.fromEntries(entries) }
writeFileSync(join(DIST, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`)
console.log(`dist/manifest.json: ${built.length} files of version ${version}`)
