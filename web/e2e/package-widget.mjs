// The widget's package as an integrator gets it: packed, installed in a fresh folder, compiled strictly, loaded in Chromium on a
// page of another origin; and the examples, which use it.
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { launch } from './support/browser.mjs'
import { call, login } from './support/people.mjs'
import { Service } from './support/service.mjs'
import { pageWith, Site } from './support/site.mjs'
import { Visitor } from './support/visitor.mjs'

const HERE = fileURLToPath(new URL('.', import.meta.url))
const MODULES = join(HERE, '../node_modules')
const EXAMPLES = join(HERE, '../../examples/widget')
const { resolve } = createRequire(import.meta.url)
const TSC = join(dirname(resolve('typescript/package.json')), 'bin/tsc')
const folder = mkdtempSync(join(tmpdir(), 'kefu-widget-'))
const run = (command, words, cwd = folder) => {
  try {
    return execFileSync(command, words, { cwd, stdio: ['ignore', 'pipe', 'inherit'] }).toString()
  } catch (error) {
    console.error(String(error.stdout))
    throw error
  }
}
const STRICT = {
  target: 'es2022',
  lib: ['es2022', 'dom', 'dom.iterable'],
  types: [],
  strict: true,
  noUncheckedIndexedAccess: true,
  exactOptionalPropertyTypes: true,
}

/** Compiles `src` with both ways to resolve modules. */
function compile() {
  for (const [module, moduleResolution] of [
    ['esnext', 'bundler'],
    ['nodenext', 'nodenext'],
  ]) {
    const compilerOptions = { ...STRICT, module, moduleResolution, outDir: 'dist' }
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['src'] }))
    run(process.execPath, [TSC])
  }
}

/** Checks the examples' types against the package, React's, Vue's and uni-app's. */
function checkExamples() {
  for (const name of ['vue', '@vue', '@types', '@dcloudio'])
    symlinkSync(join(MODULES, name), join(folder, 'node_modules', name))
  mkdirSync(join(folder, 'examples'))
  for (const name of ['Chat.tsx', 'Chat.vue', 'uni-app-chat.vue'])
    cpSync(join(EXAMPLES, name), join(folder, 'examples', name))
  cpSync(join(HERE, 'package/uni-app.d.ts'), join(folder, 'examples/uni-app.d.ts'))
  const compilerOptions = {
    ...STRICT,
    // Neither Vue's nor uni-app's own types are made for it.
    exactOptionalPropertyTypes: false,
    types: ['@dcloudio/types'],
    module: 'esnext',
    moduleResolution: 'bundler',
    jsx: 'react-jsx',
    noEmit: true,
    skipLibCheck: true,
  }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['examples'] }))
  run(process.execPath, [join(dirname(resolve('vue-tsc/package.json')), 'bin/vue-tsc.js'), '--noEmit'])
}

/** Opens the package's widget, and the example's without a package, on pages of a shop. */
async function open() {
  const [service, browser, site] = await Promise.all([Service.start(), launch(), Site.start()])
  try {
    const token = await login(service, 'amy')
    const path = '/admin-api/promotion/kefu-channel'
    const body = { name: 'shop', settings: { origins: [site.origin] } }
    const id = await call(service, token, 'POST', `${path}/create`, { body })
    const { key } = await call(service, token, 'GET', `${path}/get`, { query: { id } })
    const script = { 'Content-Type': 'text/javascript' }
    const library = join(folder, 'node_modules/@kefu/widget/dist/package/index.js')
    const imports = { imports: { '@kefu/widget': site.put('/widget.js', readFileSync(library, 'utf8'), script) } }
    site.put('/main.js', readFileSync(join(folder, 'dist/widget.js'), 'utf8'), script)
    const head = `<script type="importmap">${JSON.stringify(imports)}</script>
<script type="module">
  import { start } from '/main.js'
  globalThis.started = start(${JSON.stringify(service.origin)}, ${JSON.stringify(key)})
</script>`
    const pages = [site.put('/package', pageWith(service, null, { head }))]
    const plain = readFileSync(join(EXAMPLES, 'plain.html'), 'utf8')
      .replace('http://127.0.0.1:48080', service.origin)
      .replace('wk_…', key)
    pages.push(site.put('/plain', plain))
    for (const page of pages) {
      const visitor = await Visitor.open(browser)
      await visitor.visit(page)
      await visitor.told('ready')
      if (page.endsWith('plain')) await visitor.page.getByRole('button', { name: 'Talk to us' }).click()
      else await visitor.page.evaluate(async () => (await globalThis.started).kefu.open())
      await visitor.panel.waitFor()
      visitor.check()
      await visitor.context.close()
    }
  } finally {
    site.end()
    await browser.close()
    await service.end()
  }
}

try {
  const [packed] = JSON.parse(run('npm', ['pack', '--json', '--pack-destination', folder], join(HERE, '../widget')))
  writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }')
  run('npm', ['install', '--silent', '--no-fund', '--no-audit', '--offline', `./${packed.filename}`])
  mkdirSync(join(folder, 'src'))
  cpSync(join(HERE, 'package/widget.ts'), join(folder, 'src/widget.ts'))
  compile()
  checkExamples()
  await open()
  console.log(`${packed.filename} (${packed.size} bytes): compiled, and loaded in Chromium; the examples too`)
} finally {
  rmSync(folder, { recursive: true, force: true })
}
