// node server.js PORT: Server-Sent Events with nothing but node:http.
import { createServer } from "node:http";

const HISTORY = 100;
const history = [];
const clients = new Set();

const format = ({ id, data }) => `id: ${id}\ndata: ${JSON.stringify(data)}\n\n`;

let tick = 0;
setInterval(() => {
  tick += 1;
  const event = { id: tick, data: { tick } };
  history.push(event);
  if (history.length > HISTORY) history.shift();
  for (const res of clients) res.write(format(event));
}, 200);

setInterval(() => {
  for (const res of clients) res.write(": keep-alive\n\n");
}, 15_000);

function events(req, res) {
  res.writeHead(200, {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-cache, no-transform",
    Connection: "keep-alive",
    "X-Accel-Buffering": "no",
  });
  res.write("retry: 2000\n\n");
  const last = req.headers["last-event-id"];
  if (last !== undefined) {
    const seen = Number.parseInt(last, 10);
    for (const event of history) if (event.id > seen) res.write(format(event));
  }
  clients.add(res);
  res.on("close", () => clients.delete(res));
}

createServer((req, res) => {
  const { pathname } = new URL(req.url, "http://localhost");
  if (pathname === "/events" && req.method === "GET") {
    events(req, res);
  } else if (pathname === "/events") {
    res.writeHead(405, { Allow: "GET" }).end();
  } else if (pathname === "/") {
    res.writeHead(200, { "Content-Type": "text/plain" }).end("ticks are at /events\n");
  } else {
    res.writeHead(404).end();
  }
}).listen(Number(process.argv[2]), "127.0.0.1");
