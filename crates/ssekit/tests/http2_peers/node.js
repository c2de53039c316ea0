// node:http2 alone: a counter for everybody, and what was sent before for whoever comes back.
const fs = require('node:fs');
const http2 = require('node:http2');

const [dir, port] = process.argv.slice(2);
const head = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-store, no-transform',
  'x-accel-buffering': 'no',
  'x-content-type-options': 'nosniff',
};
const events = [];
const open = new Set();
const text = (id) => `id: ${id}\ndata: {"n":${id}}\n\n`;

setInterval(() => {
  events.push(events.length + 1);
  for (const response of open) response.write(text(events.length));
}, 100);

const options = { key: fs.readFileSync(`${dir}/key.pem`), cert: fs.readFileSync(`${dir}/cert.pem`), allowHTTP1: true };
http2
  .createSecureServer(options, (request, response) => {
    if (request.url !== '/events') return response.writeHead(404).end();
    if (!['GET', 'HEAD'].includes(request.method)) return response.writeHead(405, { allow: 'GET, HEAD' }).end();
    response.writeHead(200, head);
    if (request.method === 'HEAD') return response.end();
    response.write('retry: 3000\n\n');
    const last = Number(request.headers['last-event-id'] || NaN);
    if (last < events.length) for (const id of events.slice(last)) response.write(text(id));
    open.add(response);
    response.on('close', () => open.delete(response));
  })
  .listen(Number(port), '127.0.0.1');
