// Opens a socket and prints what arrives, for trying kefu out.
//
//   node examples/listen.mjs <name> <token> [ws://127.0.0.1:48080]
//
// Needs the WebSocket that Node 22 has built in; Node 20.10 and newer have it behind --experimental-websocket.
const [name, token, server = 'ws://127.0.0.1:48080'] = process.argv.slice(2)
if (typeof WebSocket === 'undefined') {
  console.error(`This is Node ${process.versions.node}, whose WebSocket is not switched on. Use Node 22 or newer, or:`)
  console.error('  node --experimental-websocket examples/listen.mjs <name> <token>     (Node 20.10 or newer)')
  process.exit(1)
}
if (!token) {
  console.error('usage: node examples/listen.mjs <name> <token> [ws://127.0.0.1:48080]')
  process.exit(1)
}
const socket = new WebSocket(`${server}/infra/ws?token=${token}`)
socket.onopen = () => console.log(`${name} listens`)
socket.onmessage = ({ data }) => {
  const { type, content } = JSON.parse(data)
  console.log(`${name} <- ${type} ${content}`)
}
// The address is not printed: it holds the token.
socket.onerror = () => console.error(`${name}: no connection, or the token was refused`)
socket.onclose = ({ code, reason }) => console.log(`${name} was closed: ${code} ${reason}`)
