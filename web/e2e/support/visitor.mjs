// A visitor's browser on a page with the widget. As with agents, whatever goes wrong in a page is a fault of the test.
import assert from 'node:assert/strict'

const PATIENCE = 20_000

/** Runs before the page's scripts: violations become faults, and what the widget tells the page is kept. */
function prepare() {
  addEventListener('securitypolicyviolation', (event) => {
    console.error(`Content-Security-Policy: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`)
  })
  globalThis.told = []
  const queue = (...words) => (queue.q = queue.q ?? []).push(words)
  globalThis.kefu = queue
  for (const event of ['ready', 'open', 'close', 'message', 'unread', 'identified', 'error'])
    queue('on', event, (value) => globalThis.told.push([event, value]))
}

export class Visitor {
  faults = []
  /** Every request of the pages, and every socket. */
  requests = []
  sockets = []
  // A socket that the widget leaves while it connects, which Chromium writes to the console.
  #expected = [/WebSocket is closed before the connection is established/]

  static async open(browser, { language = 'en', theme = 'light', width = 1280, height = 900, ...options } = {}) {
    const context = await browser.newContext({
      locale: language === 'zh' ? 'zh-CN' : 'en-US',
      timezoneId: 'Asia/Shanghai',
      colorScheme: theme,
      reducedMotion: 'reduce',
      viewport: { width, height },
      hasTouch: width < 668,
      ...options,
    })
    context.setDefaultTimeout(PATIENCE)
    await context.addInitScript(prepare)
    return new Visitor(context)
  }

  constructor(context) {
    this.context = context
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
    page.on('request', (request) => this.requests.push(request.url()))
    page.on('websocket', (socket) => this.sockets.push(socket))
    page.on('requestfailed', (request) => {
      const reason = request.failure()?.errorText ?? ''
      if (reason !== 'net::ERR_ABORTED') fault(`request: ${request.method()} ${request.url()} ${reason}`)
    })
    page.on('response', (response) => {
      if (response.status() >= 400 && !response.url().endsWith('/favicon.ico'))
        fault(`answer: ${response.status()} ${response.url()}`)
    })
  }

  /** Faults that this test brings about. */
  expect(...patterns) {
    this.#expected.push(...patterns)
    this.faults = this.faults.filter((text) => !patterns.some((pattern) => pattern.test(text)))
  }

  async visit(address) {
    this.page = await this.context.newPage()
    await this.page.goto(address)
    return this.page
  }

  /** Asks something of the widget. */
  kefu(...words) {
    return this.page.evaluate((words) => globalThis.kefu(...words), words)
  }

  /** Logs a member in. The visitor's login ends with that, maybe while its socket connects, which Chromium writes, too. */
  identify(identity) {
    this.expect(/WebSocket.*no valid credentials/)
    return this.kefu('identify', identity)
  }

  /** Waits until the widget has told the page of an event, and answers what it told last. */
  async told(event) {
    const handle = await this.page.waitForFunction(
      (event) => globalThis.told.filter(([name]) => name === event).at(-1),
      event,
    )
    return (await handle.jsonValue())[1]
  }

  get launcher() {
    return this.page.locator('kefu-widget .launcher')
  }

  get panel() {
    return this.page.locator('kefu-widget').getByRole('dialog')
  }

  get composer() {
    return this.panel.locator('textarea')
  }

  get log() {
    return this.panel.getByRole('log')
  }

  get preview() {
    return this.page.locator('kefu-widget .preview')
  }

  async open() {
    await this.launcher.click()
    await this.panel.waitFor()
  }

  async send(text) {
    await this.composer.fill(text)
    await this.composer.press('Enter')
  }

  message(text) {
    return this.log.getByRole('article').filter({ has: this.page.getByText(text, { exact: true }) })
  }

  async sees(text) {
    await this.message(text).waitFor()
  }

  /** Waits for the tick of an own message: sending, sent (which an agent who looks on makes read at once), read or failed. */
  async tick(text, progress) {
    const wanted = progress === 'sent' ? ['sent', 'read'] : [progress]
    const ticks = wanted.map((progress) => `[data-progress=${progress}]`).join()
    await this.log.locator(ticks).filter({ hasText: text }).waitFor()
  }

  texts() {
    return this.log.locator('.bubble').allInnerTexts()
  }

  check() {
    const ours = this.faults.filter((text) => !text.includes('/favicon.ico'))
    assert.deepEqual(ours, [])
  }
}
