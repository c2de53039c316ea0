// node server.js PORT: a stream per connection, continued after its Last-Event-ID.
import { setTimeout as sleep } from "node:timers/promises";
import sse from "@fastify/sse";
import Fastify from "fastify";

const app = Fastify({ bodyLimit: 4 << 20, forceCloseConnections: true });
await app.register(sse);

async function* ticks(last) {
  for (let tick = last + 1; ; tick += 1) {
    yield { id: String(tick), event: "tick", data: { tick } };
    await sleep(200);
  }
}

app.get("/events", { sse: "only" }, async (_request, reply) => {
  await reply.sse.send(ticks(Number.parseInt(reply.sse.lastEventId ?? "0", 10) || 0));
});

const CAPABILITIES = ["post", "event", "data", "type", "id", "retry", "time", "wait", "close", "abort", "status"];

let active = 0;

app.get("/echo", async () => ({ echo: 1, server: "@fastify/sse", capabilities: CAPABILITIES, active_streams: active }));

// The echo contract. The serializer leaves texts as they are, as the plug-in does with a text that is sent alone.
app.post("/echo", { sse: { kind: "manual", serializer: String } }, async (request, reply) => {
  const { steps } = request.body;
  if (steps[0]?.do === "status") return reply.code(steps[0].code).send();
  async function* messages() {
    active += 1;
    try {
      for (const { do: what, ms, ...message } of steps) {
        if (what === "wait") await sleep(ms);
        if (what === "abort") reply.raw.destroy();
        if (what === "event") yield message;
        if (what === "time") yield { data: String(Date.now() * 1000) };
      }
    } finally {
      active -= 1;
    }
  }
  await reply.sse.send(messages());
});

app.get("/", async () => "ticks are at /events\n");

await app.listen({ host: "127.0.0.1", port: Number(process.argv[2]) });
