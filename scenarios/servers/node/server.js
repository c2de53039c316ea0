// node server.js PORT: Server-Sent Events with nothing but node:http.
import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

const HISTORY = 100;
const history = [];
const clients = new Set();

const LINE_END = /\r\n|\r|\n/;

// One event, or a comment. Data and comments are cut into lines; a line end in any other value is refused.
function format({ comment, data, ...others }) {
  const lines = [];
  for (const [name, value] of Object.entries(others)) {
    if (LINE_END.test(value)) throw new RangeError(`${name} must be one line`);
    if (name === "id" && value.includes?.("\0")) throw new RangeError("clients ignore an id that holds U+0000");
    if (name === "retry" && !/^[0-9]+$/.test(value)) throw new RangeError("retry is a number of milliseconds");
    lines.push(`${name}: ${value}`);
  }
  for (const line of comment?.split(LINE_END) ?? []) lines.push(`: ${line}`);
  for (const line of data?.split(LINE_END) ?? []) lines.push(`data: ${line}`);
  return lines.map((line) => `${line}\n`).join("") + "\n";
}

let tick = 0;
setInterval(() => {
  tick += 1;
  const event = { id: tick, data: JSON.stringify({ tick }) };
  history.push(event);
  if (history.length > HISTORY) history.shift();
  for (const res of clients) res.write(format(event));
}, 200);

setInterval(() => {
  for (const res of clients) res.write(": keep-alive\n\n");
}, 15_000);

const HEAD = {
  "Content-Type": "text/event-stream",
  "Cache-Control": "no-cache, no-transform",
  Connection: "keep-alive",
  "X-Accel-Buffering": "no",
};

function events(req, res) {
  res.writeHead(200, HEAD);
  res.write("retry: 2000\n\n");
  const last = req.headers["last-event-id"];
  if (last !== undefined) {
    const seen = Number.parseInt(last, 10);
    for (const event of history) if (event.id > seen) res.write(format(event));
  }
  clients.add(res);
  res.on("close", () => clients.delete(res));
}

const CAPABILITIES = ["post", "event", "data", "type", "id", "retry", "comment", "time", "wait", "close", "abort", "status"];

let active = 0;

// The echo contract: performs a script.
async function echo(req, res) {
  let body = "";
  for await (const text of req.setEncoding("utf8")) body += text;
  const { steps } = JSON.parse(body);
  if (steps[0]?.do === "status") return res.writeHead(steps[0].code).end();
  let written;
  try {
    written = steps.map(({ do: what, text, ...event }) => {
      if (what === "event") return format(event);
      return what === "comment" ? format({ comment: text }) : "";
    });
  } catch (error) {
    return res.writeHead(422).end(`${error.message}\n`);
  }
  res.writeHead(200, HEAD);
  res.flushHeaders();
  active += 1;
  res.on("close", () => (active -= 1));
  for (const [index, step] of steps.entries()) {
    if (step.do === "wait") await sleep(step.ms);
    if (step.do === "abort") return res.destroy();
    if (step.do === "time") res.write(format({ data: String(Date.now() * 1000) }));
    if (written[index]) res.write(written[index]);
  }
  res.end();
}

createServer((req, res) => {
  const { pathname } = new URL(req.url, "http://localhost");
  if (pathname === "/events" && req.method === "GET") {
    events(req, res);
  } else if (pathname === "/events") {
    res.writeHead(405, { Allow: "GET" }).end();
  } else if (pathname === "/echo" && req.method === "POST") {
    echo(req, res);
  } else if (pathname === "/echo") {
    const server = `node ${process.version}`;
    const document = { echo: 1, server, capabilities: CAPABILITIES, active_streams: active };
    res.writeHead(200, { "Content-Type": "application/json" }).end(JSON.stringify(document));
  } else if (pathname === "/") {
    res.writeHead(200, { "Content-Type": "text/plain" }).end("ticks are at /events\n");
  } else {
    res.writeHead(404).end();
  }
}).listen(Number(process.argv[2]), "127.0.0.1");
