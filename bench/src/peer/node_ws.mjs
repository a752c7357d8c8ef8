// POST /publish?id=<channel> goes to every socket that was opened with /subscribe?id=<channel>.
import { createServer } from 'node:http';
import { WebSocketServer } from 'ws';

const channels = new Map();
const channel = (request) => request.url.slice(request.url.indexOf('id=') + 3);

const server = createServer((request, response) => {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => {
    const message = Buffer.concat(chunks);
    JSON.parse(message);
    for (const socket of channels.get(channel(request)) ?? []) socket.send(message, { binary: false });
    const body = '{"code":0,"msg":"","data":1}';
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length });
    response.end(body);
  });
});

new WebSocketServer({ server, perMessageDeflate: false }).on('connection', (socket, request) => {
  const id = channel(request);
  if (!channels.has(id)) channels.set(id, new Set());
  channels.get(id).add(socket);
  socket.on('close', () => channels.get(id).delete(socket));
  socket.on('error', () => {});
});

server.listen(0, '127.0.0.1', 4096, () => console.log(`http://127.0.0.1:${server.address().port}`));
process.on('SIGTERM', () => process.exit());
