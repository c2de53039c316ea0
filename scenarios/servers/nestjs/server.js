// node server.js PORT: NestJS without TypeScript, so its decorators are called by hand.
import "reflect-metadata";
import { Body, Controller, Get, Headers, HttpCode, Module, RequestMethod, Sse } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import { concatMap, defer, delay, finalize, from, ignoreElements, interval, map, of } from "rxjs";

const CAPABILITIES = ["post", "event", "data", "type", "id", "retry", "comment", "time", "wait", "close"];

let active = 0;

class Ticks {
  index() {
    return "ticks are at /events\n";
  }

  events(last) {
    const seen = Number.parseInt(last ?? "0", 10) || 0;
    return interval(200).pipe(map((count) => ({ id: String(seen + count + 1), data: { tick: seen + count + 1 } })));
  }

  capabilities() {
    return { echo: 1, server: "nestjs", capabilities: CAPABILITIES, active_streams: active };
  }

  // The echo contract: each event is a MessageEvent of NestJS.
  echo({ steps }) {
    const performed = from(steps).pipe(
      concatMap(({ do: what, ms, text, event, ...message }) => {
        if (what === "event") return of({ ...message, type: event });
        if (what === "time") return of({ data: String(Date.now() * 1000) });
        if (what === "comment") return of({ comment: text });
        return what === "wait" ? of(ms).pipe(delay(ms), ignoreElements()) : [];
      }),
      finalize(() => (active -= 1)),
    );
    return defer(() => {
      active += 1;
      return performed;
    });
  }
}

function route(method, decorator, ...parameters) {
  const { prototype } = Ticks;
  decorator(prototype, method, Object.getOwnPropertyDescriptor(prototype, method));
  for (const [index, parameter] of parameters.entries()) parameter(prototype, method, index);
}

route("index", Get("/"));
route("events", Sse("events"), Headers("last-event-id"));
route("capabilities", Get("echo"));
route("echo", Sse("echo", { method: RequestMethod.POST }), Body());
// NestJS answers a POST with 201 unless told otherwise.
route("echo", HttpCode(200));
Controller()(Ticks);

class Application {}
Module({ controllers: [Ticks] })(Application);

const app = await NestFactory.create(Application, { logger: ["error", "warn"] });
app.useBodyParser("json", { limit: "4mb" });
await app.listen(Number(process.argv[2]), "127.0.0.1");
