// Chromium, and an agent's pages in it. Whatever goes wrong in a page is a fault of the test: a violated
// Content-Security-Policy, an error in the console, a request that failed or was refused.
import assert from 'node:assert/strict'
import { chromium } from 'playwright-core'
import { PASSWORD } from './service.mjs'

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]
const PATIENCE = 20_000

export function launch() {
  return chromium.launch({
    executablePath: process.env.E2E_CHROMIUM ?? '/usr/bin/chromium',
    headless: true,
    args: FLAGS,
  })
}

/** Writes a violation to the console, where it is a fault like any other. */
function reportViolations() {
  addEventListener('securitypolicyviolation', (event) => {
    console.error(`Content-Security-Policy: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`)
  })
}

/** @param {object} options `language` en or zh, `theme` light or dark, `width`, `height`, `origin` other than the service's. */
export async function openAgent(
  browser,
  service,
  { username = 'amy', language = 'en', theme = 'light', ...options } = {},
) {
  const context = await browser.newContext({
    locale: language === 'zh' ? 'zh-CN' : 'en-US',
    timezoneId: 'Asia/Shanghai',
    colorScheme: theme,
    reducedMotion: 'reduce',
    viewport: { width: options.width ?? 1440, height: options.height ?? 900 },
  })
  context.setDefaultTimeout(PATIENCE)
  await context.addInitScript(reportViolations)
  return new Agent(context, service, username, options.origin ?? service.origin)
}

export class Agent {
  faults = []
  #expected = []

  constructor(context, service, username, origin) {
    this.context = context
    this.service = service
    this.username = username
    this.origin = origin
    context.on('page', (page) => this.#watch(page))
  }

  #watch(page) {
    const fault = (text) => {
      if (!this.#expected.some((pattern) => pattern.test(text))) this.faults.push(text)
    }
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) fault(`console: ${message.text()} ${message.location().url}`)
    })
    page.on('pageerror', (error) => fault(`error: ${error.stack ?? error}`))
    page.on('requestfailed', (request) => {
      const reason = request.failure()?.errorText ?? ''
      // The page gave it up itself, or left.
      if (reason !== 'net::ERR_ABORTED') fault(`request: ${request.method()} ${request.url()} ${reason}`)
    })
    page.on('response', (response) => {
      if (response.status() >= 400) fault(`answer: ${response.status()} ${response.url()}`)
    })
  }

  /** Faults that this test brings about. */
  expect(...patterns) {
    this.#expected.push(...patterns)
    this.faults = this.faults.filter((text) => !patterns.some((pattern) => pattern.test(text)))
  }

  /** Opens a page of the console; the first one logs in. */
  async open(path = '/console/', { log = true } = {}) {
    this.page = await this.context.newPage()
    await this.page.goto(this.origin + path)
    if (log) await this.login()
    return this.page
  }

  async login(password = PASSWORD) {
    await this.page.locator('#username').fill(this.username)
    await this.page.locator('#password').fill(password)
    await this.page.locator('button[type=submit]').click()
    await this.page.getByRole('tablist').first().waitFor()
  }

  get list() {
    return this.page.getByRole('listbox').first()
  }

  row(name) {
    return this.page.getByRole('option').filter({ has: this.page.getByText(name, { exact: true }) })
  }

  async openConversation(name) {
    await this.row(name).click()
    await this.page.getByRole('heading', { name, exact: true, level: 1 }).waitFor()
    await this.log.waitFor()
  }

  get log() {
    return this.page.getByRole('log')
  }

  bubble(text) {
    return this.log.locator('.bubble').getByText(text, { exact: true })
  }

  /** The message around a text. */
  message(text) {
    return this.log.getByRole('article').filter({ has: this.page.getByText(text, { exact: true }) })
  }

  get composer() {
    return this.page.locator('textarea')
  }

  async send(text) {
    await this.composer.fill(text)
    await this.composer.press('Enter')
  }

  /** Waits for the tick of a message: sending, sent, read or failed. */
  async tick(text, progress) {
    await this.message(text).locator(`[data-progress=${progress}]`).waitFor()
  }

  /** All texts that the conversation shows, in order. */
  texts() {
    return this.log.locator('.bubble').allInnerTexts()
  }

  check() {
    assert.deepEqual(this.faults, [])
  }
}
