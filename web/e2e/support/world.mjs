// One service and one browser for a file of tests; the agents of a test end with it, and their pages had no fault.
import { after, afterEach, before } from 'node:test'
import { launch, openAgent } from './browser.mjs'
import { Member } from './people.mjs'
import { Service } from './service.mjs'

export function world(settings = {}) {
  const agents = []
  const members = []
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
    await Promise.all(ended.map((agent) => agent.context.close()))
    for (const agent of ended) agent.check()
  })
  after(async () => {
    await it.browser?.close()
    await it.service?.end()
  })
  return it
}
