// One service and one browser for a file of tests; the agents of a test end with it, and their pages had no fault.
import { after, afterEach, before } from 'node:test'
import { launch, openAgent } from './browser.mjs'
import { call, login, Member } from './people.mjs'
import { Service } from './service.mjs'
import { pageWith, Site } from './site.mjs'
import { Visitor } from './visitor.mjs'

export function world(settings = {}) {
  const agents = []
  const members = []
  const sites = []
  const visitors = []
  let nextMember = 1000
  const it = {
    /** @type {Service} */ service: undefined,
    browser: undefined,
    /** Opens the console and logs in. */
    async agent(options = {}) {
      const agent = await openAgent(it.browser, it.service, options)
      agents.push(agent)
      if (options.open !== false) await agent.open(options.path)
      return agent
    },
    /** A site of its own channel, with the widget on its first page; `settings` are the channel's. */
    async site(settings = {}, page = {}) {
      const site = await Site.start()
      sites.push(site)
      const token = await login(it.service, 'amy')
      const path = '/admin-api/promotion/kefu-channel'
      const body = { name: 'shop', settings: { origins: [site.origin], ...settings } }
      site.channel = await call(it.service, token, 'POST', `${path}/create`, { body })
      const { key } = await call(it.service, token, 'GET', `${path}/get`, { query: { id: site.channel } })
      site.key = key
      site.home = site.put('/', pageWith(it.service, key, page), page.headers)
      return site
    },
    /** A browser of a visitor; with a site on its first page. */
    async visitor(site, options = {}) {
      const visitor = await Visitor.open(it.browser, options)
      visitors.push(visitor)
      if (site) await visitor.visit(site.home)
      return visitor
    },
    member(nickname) {
      const member = new Member(it.service, ++nextMember, nickname)
      members.push(member)
      return member
    },
  }
  before(async () => {
    // Each is there to be ended even when the other does not start.
    const starts = [
      Service.start(settings).then((service) => (it.service = service)),
      launch().then((browser) => (it.browser = browser)),
    ]
    await Promise.allSettled(starts)
    await Promise.all(starts)
  })
  afterEach(async () => {
    for (const member of members.splice(0)) member.client?.dispose()
    const ended = agents.splice(0)
    const gone = visitors.splice(0)
    await Promise.all([...ended, ...gone].map(({ context }) => context.close()))
    for (const site of sites.splice(0)) site.end()
    for (const page of [...ended, ...gone]) page.check()
  })
  after(async () => {
    await it.browser?.close()
    await it.service?.end()
  })
  return it
}
