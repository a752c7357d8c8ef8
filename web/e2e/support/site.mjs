// A shop's site: pages of another origin than the service's, with the headers that a site may have.
import { once } from 'node:events'
import { createServer } from 'node:http'

export class Site {
  #pages = new Map()

  static async start() {
    const site = new Site()
    site.server = createServer((request, response) => {
      const page = site.#pages.get(new URL(request.url, 'http://site').pathname)
      response.writeHead(page ? 200 : 404, { 'Content-Type': 'text/html; charset=utf-8', ...page?.headers })
      response.end(page?.html ?? '')
    })
    site.server.listen(0, '127.0.0.1')
    await once(site.server, 'listening')
    site.origin = `http://127.0.0.1:${site.server.address().port}`
    return site
  }

  /** Puts a page there and answers its address. */
  put(path, html, headers = {}) {
    this.#pages.set(path, { html, headers })
    return this.origin + path
  }

  end() {
    this.server.close()
    this.server.closeAllConnections()
  }
}

/** A page with the widget by one script tag, as docs/widget.md says. */
export function pageWith(service, key, { head = '', body = '<h1>Mugs</h1>', html = 'lang="en"', tag = '' } = {}) {
  const script = key ? `<script async src="${service.origin}/widget/v1.js" data-key="${key}" ${tag}></script>` : ''
  return `<!doctype html><html ${html}><head><meta charset="utf-8" /><meta name="viewport" content="width=device-width" />
<title>Mugs</title>${head}${script}</head><body>${body}</body></html>`
}
