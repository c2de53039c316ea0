// node server.js PORT: a stream per connection, continued after its Last-Event-ID.
import { setTimeout as sleep } from "node:timers/promises";
import Fastify from "fastify";
import { FastifySSEPlugin } from "fastify-sse-v2";

const app = Fastify({ bodyLimit: 4 << 20, forceCloseConnections: true });
await app.register(FastifySSEPlugin);

async function* ticks(last) {
  for (let tick = last + 1; ; tick += 1) {
    yield { id: String(tick), event: "tick", data: JSON.stringify({ tick }) };
    await sleep(200);
  }
}

app.get("/events", (request, reply) => {
  reply.sse(ticks(Number.parseInt(request.headers["last-event-id"] ?? "0", 10) || 0));
});

const CAPABILITIES = ["post", "event", "data", "type", "id", "retry", "comment", "time", "wait", "close", "abort", "status"];

let active = 0;

app.get("/echo", async () => ({ echo: 1, server: "fastify-sse-v2", capabilities: CAPABILITIES, active_streams: active }));

// The echo contract: each event is a message of the plug-in.
app.post("/echo", (request, reply) => {
  const { steps } = request.body;
  if (steps[0]?.do === "status") return reply.code(steps[0].code).send();
  async function* messages() {
    active += 1;
    try {
      for (const { do: what, ms, text, ...message } of steps) {
        if (what === "wait") await sleep(ms);
        if (what === "abort") reply.raw.destroy();
        if (what === "event") yield message;
        if (what === "time") yield { data: String(Date.now() * 1000) };
        if (what === "comment") yield { comment: text };
      }
    } finally {
      active -= 1;
    }
  }
  reply.sse(messages());
});

app.get("/", async () => "ticks are at /events\n");

await app.listen({ host: "127.0.0.1", port: Number(process.argv[2]) });
