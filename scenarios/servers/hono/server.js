// node server.js PORT: a stream per connection, continued after its Last-Event-ID.
import { serve } from "@hono/node-server";
import { Hono } from "hono";
import { SSEStreamingApi, streamSSE } from "hono/streaming";

const app = new Hono();

app.get("/events", (c) =>
  streamSSE(c, async (stream) => {
    let tick = Number.parseInt(c.req.header("last-event-id") ?? "0", 10) || 0;
    while (!stream.aborted) {
      tick += 1;
      await stream.writeSSE({ data: JSON.stringify({ tick }), event: "tick", id: String(tick) });
      await stream.sleep(200);
    }
  }),
);

const CAPABILITIES = ["post", "event", "data", "type", "id", "retry", "time", "wait", "close", "status"];

let active = 0;

app.get("/echo", (c) => c.json({ echo: 1, server: "hono", capabilities: CAPABILITIES, active_streams: active }));

const event = ({ do: _, ...message }) => message;

// writeSSE throws inside the stream, so what it takes is found out on one that nobody sees.
async function refusal(steps) {
  const { readable, writable } = new TransformStream();
  const stream = new SSEStreamingApi(writable, readable);
  const drained = new Response(stream.responseReadable).text();
  try {
    for (const step of steps) if (step.do === "event") await stream.writeSSE(event(step));
  } catch (error) {
    return error;
  } finally {
    await stream.close();
    await drained;
  }
}

// The echo contract: each event is a message of writeSSE.
app.post("/echo", async (c) => {
  const { steps } = await c.req.json();
  if (steps[0]?.do === "status") return c.body(null, steps[0].code);
  const refused = await refusal(steps);
  if (refused) return c.text(`${refused.message}\n`, 422);
  return streamSSE(c, async (stream) => {
    active += 1;
    for (const step of steps) {
      if (stream.aborted) break;
      if (step.do === "wait") await stream.sleep(step.ms);
      if (step.do === "time") await stream.writeSSE({ data: String(Date.now() * 1000) });
      if (step.do === "event") await stream.writeSSE(event(step));
    }
    active -= 1;
  });
});

app.get("/", (c) => c.text("ticks are at /events\n"));

serve({ fetch: app.fetch, hostname: "127.0.0.1", port: Number(process.argv[2]) });
