// The client's package as an integrator gets it: packed, installed in a fresh folder, compiled strictly with both ways to
// resolve modules, and used by both sides of a conversation with the binary.
import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { memberToken } from './support/people.mjs'
import { PASSWORD, Service } from './support/service.mjs'

const HERE = fileURLToPath(new URL('.', import.meta.url))
const TSC = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc')
const folder = mkdtempSync(join(tmpdir(), 'kefu-package-'))
const run = (command, words, cwd = folder) =>
  execFileSync(command, words, { cwd, stdio: ['ignore', 'pipe', 'inherit'] }).toString()

let service
try {
  const [packed] = JSON.parse(run('npm', ['pack', '--json', '--pack-destination', folder], join(HERE, '../client')))
  writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }')
  run('npm', ['install', '--silent', '--no-fund', '--no-audit', '--offline', `./${packed.filename}`])
  mkdirSync(join(folder, 'src'))
  copyFileSync(join(HERE, 'package/chat.ts'), join(folder, 'src/chat.ts'))
  for (const [module, moduleResolution] of [
    ['esnext', 'bundler'],
    ['nodenext', 'nodenext'],
  ]) {
    // Neither the DOM's types nor Node's, and the library's own declarations are checked as well.
    const compilerOptions = {
      module,
      moduleResolution,
      target: 'es2022',
      lib: ['es2022'],
      types: [],
      strict: true,
      noUncheckedIndexedAccess: true,
      exactOptionalPropertyTypes: true,
      outDir: 'dist',
    }
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['src'] }))
    run(process.execPath, [TSC])
  }
  service = await Service.start()
  const words = [service.origin, memberToken(1, 'Mia'), 'amy', PASSWORD]
  const said = run(process.execPath, [
    '--experimental-websocket',
    '--no-warnings',
    join(folder, 'dist/chat.js'),
    ...words,
  ])
  console.log(`${packed.filename} (${packed.size} bytes): ${said.trim()}`)
} finally {
  await service?.end()
  rmSync(folder, { recursive: true, force: true })
}
