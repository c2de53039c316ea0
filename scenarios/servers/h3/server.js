// node server.js PORT: a stream per connection, continued after its Last-Event-ID.
import { setTimeout as sleep } from "node:timers/promises";
import { createEventStream, H3, readBody, serve } from "h3";

const app = new H3();

app.get("/events", (event) => {
  const stream = createEventStream(event);
  let tick = Number.parseInt(event.req.headers.get("last-event-id") ?? "0", 10) || 0;
  const timer = setInterval(() => {
    tick += 1;
    stream.push({ id: String(tick), event: "tick", data: JSON.stringify({ tick }) });
  }, 200);
  stream.onClosed(() => clearInterval(timer));
  return stream;
});

const CAPABILITIES = ["post", "event", "data", "type", "id", "retry", "comment", "time", "wait", "close"];

let active = 0;

app.get("/echo", () => ({ echo: 1, server: "h3", capabilities: CAPABILITIES, active_streams: active }));

async function perform(stream, steps) {
  for (const { do: what, ms, text, ...message } of steps) {
    if (what === "wait") await sleep(ms);
    if (what === "event") await stream.push(message);
    if (what === "time") await stream.push(String(Date.now() * 1000));
    if (what === "comment") await stream.pushComment(text);
  }
  await stream.close();
}

// The echo contract: each event is a message of the event stream.
app.post("/echo", async (event) => {
  const { steps } = await readBody(event);
  const stream = createEventStream(event);
  active += 1;
  stream.onClosed(() => (active -= 1));
  perform(stream, steps);
  return stream;
});

app.get("/", () => "ticks are at /events\n");

serve(app, { hostname: "127.0.0.1", port: Number(process.argv[2]), silent: true });
