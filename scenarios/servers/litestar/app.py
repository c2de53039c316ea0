"""Ticks from an async generator; a client that comes back is continued after its Last-Event-ID."""

import asyncio
import json
import time
from typing import Any

from litestar import Litestar, MediaType, Request, Response, get, post
from litestar.response import ServerSentEvent, ServerSentEventMessage


async def ticks(tick):
    while True:
        tick += 1
        yield ServerSentEventMessage(data=json.dumps({"tick": tick}), id=tick)
        await asyncio.sleep(0.2)


@get("/events")
async def events(request: Request) -> ServerSentEvent:
    last = request.headers.get("last-event-id", "")
    return ServerSentEvent(ticks(int(last) if last.isascii() and last.isdigit() else 0))


CAPABILITIES = ["post", "event", "data", "type", "id", "retry", "comment", "time", "wait", "close", "status"]


active = 0


@get("/echo")
async def capabilities() -> dict[str, Any]:
    return {"echo": 1, "server": "litestar", "capabilities": CAPABILITIES, "active_streams": active}


def message(step):
    """The framework's event for a step."""
    members = {name: value for name, value in step.items() if name not in ("do", "text")}
    return ServerSentEventMessage(**{"data": None, "comment": step.get("text"), **members})


async def performed(steps):
    global active
    active += 1
    try:
        for step in steps:
            if step["do"] == "wait":
                await asyncio.sleep(step["ms"] / 1000)
            elif step["do"] == "time":
                yield ServerSentEventMessage(data=str(time.time_ns() // 1000))
            elif step["do"] in ("event", "comment"):
                yield message(step)
    finally:
        active -= 1


@post("/echo", status_code=200)
async def echo(data: dict[str, Any]) -> Response:
    """The echo contract."""
    steps = data["steps"]
    if steps[0]["do"] == "status":
        return Response(None, status_code=steps[0]["code"])
    return ServerSentEvent(performed(steps))


@get("/", media_type=MediaType.TEXT)
async def index() -> str:
    return "ticks are at /events\n"


app = Litestar([index, events, capabilities, echo])
