// node server.js PORT: one channel, every session registered with it.
import { createChannel, createSession } from "better-sse";
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

app.get("/", (_req, res) => res.send("ticks are at /events"));

app.listen(Number(process.argv[2]), "127.0.0.1");
