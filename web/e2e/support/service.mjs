// A kefu of its own: a free port, a folder of its own, limits out of the way.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/** The binary under test; E2E_WEB_DIR lets it serve pages from disk instead of its own. */
const BINARY = process.env.E2E_BINARY ?? fileURLToPath(new URL('../../../target/debug/kefu', import.meta.url))
export const MEMBER_SECRET = 'a secret that the shop and kefu share, for tests'
export const PASSWORD = 'correct horse battery'

/** What runs; it must not outlive this process. */
const running = new Set()
process.on('exit', () => running.forEach((child) => child.kill('SIGKILL')))
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1))

export class Service {
  /** @type {import('node:child_process').ChildProcess | null} */
  #process = null
  #log = []
  /** The first admin's password, printed at the first start. */
  firstPassword = ''
  origin = ''

  /** @param {string} folder @param {Record<string, string>} settings */
  constructor(folder, settings) {
    this.folder = folder
    this.environment = {
      ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('KEFU_'))),
      KEFU_DATA_DIR: folder,
      KEFU_AUTH__MEMBER_TOKEN__SECRET: MEMBER_SECRET,
      KEFU_LIMITS__SENDS_PER_S: '0',
      KEFU_LIMITS__CALLS_PER_S: '0',
      KEFU_LIMITS__UPLOADS_PER_MINUTE: '0',
      ...(process.env.E2E_WEB_DIR && { KEFU_SERVER__WEB_DIR: process.env.E2E_WEB_DIR }),
      ...settings,
    }
  }

  /** Starts a service with two admins: amy owns it, bob is an agent. */
  static async start(settings = {}) {
    const service = new Service(await mkdtemp(join(tmpdir(), 'kefu-e2e-')), settings)
    await service.run()
    await service.addAdmin('amy', 'Amy', 'owner')
    await service.addAdmin('bob', 'Bob')
    return service
  }

  /** Starts the process, after `kill` on the same port and data. */
  async run() {
    const listen = this.origin ? this.origin.replace('http://', '') : '127.0.0.1:0'
    const child = spawn(BINARY, ['serve'], {
      env: { ...this.environment, KEFU_SERVER__LISTEN: listen },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#process = child
    running.add(child)
    child.on('exit', () => running.delete(child))
    createInterface({ input: child.stderr }).on('line', (line) => this.#log.push(line))
    const ended = once(child, 'exit').then(() => {
      if (this.#process === child) throw new Error(`kefu has ended:\n${this.#log.slice(-20).join('\n')}`)
    })
    ended.catch(() => undefined)
    const started = (async () => {
      for await (const line of createInterface({ input: child.stdout })) {
        const api = /API\s+(http:\S+?)\/?$/.exec(line)
        if (api) this.origin = api[1]
        const password = /^\s*password\s+(\S+)/.exec(line)
        if (password) this.firstPassword = password[1]
        // Everything is printed before the first request is taken.
        if (this.origin && (await this.#ready())) return
      }
    })()
    await Promise.race([started, ended])
  }

  async #ready() {
    try {
      return (await fetch(`${this.origin}/readyz`)).ok
    } catch {
      return false
    }
  }

  /** Ends the process without a chance to tidy up. */
  async kill() {
    const child = this.#process
    this.#process = null
    if (!child || child.exitCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  }

  async end() {
    await this.kill()
    await rm(this.folder, { recursive: true, force: true })
  }

  /** Runs a command of the binary on the same data. */
  async command(words, input = '') {
    const child = spawn(BINARY, words, { env: this.environment, stdio: ['pipe', 'pipe', 'pipe'] })
    const output = []
    child.stdout.on('data', (part) => output.push(part))
    child.stderr.on('data', (part) => output.push(part))
    child.stdin.end(input)
    const [code] = await once(child, 'exit')
    const text = Buffer.concat(output).toString()
    if (code !== 0) throw new Error(`kefu ${words.join(' ')}: ${text}`)
    return text
  }

  addAdmin(username, nickname, role = 'agent') {
    return this.command(
      ['admin', 'add', '--username', username, '--nickname', nickname, '--role', role],
      `${PASSWORD}\n`,
    )
  }
}
