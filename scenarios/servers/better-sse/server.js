// node server.js PORT: one channel, every session registered with it.
import { setTimeout as sleep } from "node:timers/promises";
import { createChannel, createEventBuffer, createSession } from "better-sse";
import express from "express";

const app = express();
const ticks = createChannel();

let tick = 0;
setInterval(() => {
  tick += 1;
  ticks.broadcast({ tick }, "tick", { eventId: String(tick) });
}, 200);

app.get("/events", async (req, res) => {
  ticks.register(await createSession(req, res));
});

// Load runs: a channel for each topic, published to over HTTP.
const topics = new Map();

const topic = (name) => {
  if (!topics.has(name)) topics.set(name, createChannel());
  return topics.get(name);
};

app.get("/streams/:topic", async (req, res) => {
  topic(req.params.topic).register(await createSession(req, res));
});

app.post("/publish/:topic", express.json(), (req, res) => {
  topic(req.params.topic).broadcast(req.body, "message");
  res.status(202).end();
});

const CAPABILITIES = ["post", "event", "data", "type", "id", "retry", "comment", "time", "wait", "close", "abort", "status"];

let active = 0;

app.get("/echo", (_req, res) => {
  res.json({ echo: 1, server: "better-sse", capabilities: CAPABILITIES, active_streams: active });
});

// The echo contract: every step is written by the library's event buffer.
app.post("/echo", express.json({ limit: "4mb" }), async (req, res) => {
  const { steps } = req.body;
  if (steps[0]?.do === "status") return res.status(steps[0].code).end();
  const session = await createSession(req, res);
  active += 1;
  session.once("disconnected", () => (active -= 1));
  for (const step of steps) {
    if (step.do === "wait") await sleep(step.ms);
    if (step.do === "abort") return res.destroy();
    if (!session.isConnected) return;
    const buffer = createEventBuffer();
    if (step.do === "event") {
      if (step.event !== undefined) buffer.event(step.event);
      if (step.id !== undefined) buffer.id(step.id);
      if (step.retry !== undefined) buffer.retry(step.retry);
      if (step.data !== undefined) buffer.data(step.data);
      await session.batch(buffer.dispatch());
    } else if (step.do === "time") {
      await session.batch(buffer.data(Date.now() * 1000).dispatch());
    } else if (step.do === "comment") {
      await session.batch(buffer.comment(step.text).dispatch());
    }
  }
  res.end();
});

app.get("/", (_req, res) => res.send("ticks are at /events"));

app.listen(Number(process.argv[2]), "127.0.0.1");
