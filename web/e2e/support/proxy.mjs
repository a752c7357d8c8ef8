// A network that tests can break: pages go through it to the service. A frozen one takes bytes and moves none, like a
// laptop that sleeps; a cut one refuses.
import { once } from 'node:events'
import { connect, createServer } from 'node:net'

export class Network {
  #sockets = new Set()
  #frozen = false

  static async to(service) {
    const network = new Network()
    const { hostname, port } = new URL(service.origin)
    network.server = createServer((near) => {
      const far = connect({ host: hostname, port: Number(port) })
      for (const [from, into] of [
        [near, far],
        [far, near],
      ]) {
        network.#sockets.add(from)
        from.on('data', (bytes) => void (network.#frozen || into.write(bytes)))
        from.on('error', () => into.destroy())
        from.on('close', () => {
          network.#sockets.delete(from)
          if (!network.#frozen) into.destroy()
        })
      }
    })
    network.server.listen(0, '127.0.0.1')
    await once(network.server, 'listening')
    network.origin = `http://127.0.0.1:${network.server.address().port}`
    return network
  }

  freeze() {
    this.#frozen = true
  }

  /** What was under way is lost; new connections work. */
  thaw() {
    this.#frozen = false
    for (const socket of this.#sockets) socket.destroy()
  }

  end() {
    this.thaw()
    this.server.close()
  }
}
