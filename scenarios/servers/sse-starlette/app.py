"""Ticks from an async generator; a client that comes back is continued after its Last-Event-ID."""

import asyncio
import time

from sse_starlette import EventSourceResponse, JSONServerSentEvent, ServerSentEvent
from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route


async def ticks(last):
    while True:
        last += 1
        yield JSONServerSentEvent({"tick": last}, event="tick", id=str(last))
        await asyncio.sleep(0.2)


async def events(request):
    try:
        last = int(request.headers.get("last-event-id", "0"))
    except ValueError:
        last = 0
    return EventSourceResponse(ticks(last))


CAPABILITIES = ["post", "event", "data", "type", "id", "retry", "comment", "time", "wait", "close", "status"]


active = 0


def message(step):
    """The library's event for a step, or nothing."""
    if step["do"] == "event":
        return ServerSentEvent(**{name: value for name, value in step.items() if name != "do"})
    return ServerSentEvent(comment=step["text"]) if step["do"] == "comment" else None


async def echo(request):
    """The echo contract."""
    if request.method == "GET":
        return JSONResponse({"echo": 1, "server": "sse-starlette", "capabilities": CAPABILITIES, "active_streams": active})
    steps = (await request.json())["steps"]
    if steps[0]["do"] == "status":
        return Response(status_code=steps[0]["code"])
    try:
        messages = [message(step) for step in steps]
        # The library encodes while it streams; what it cannot encode is refused before.
        for each in filter(None, messages):
            each.encode()
    except (TypeError, ValueError) as error:
        return PlainTextResponse(f"{error}\n", status_code=422)

    async def performed():
        global active
        active += 1
        try:
            for step, each in zip(steps, messages):
                await asyncio.sleep(step.get("ms", 0) / 1000)
                if step["do"] == "time":
                    each = ServerSentEvent(str(time.time_ns() // 1000))
                if each:
                    yield each
        finally:
            active -= 1

    return EventSourceResponse(performed())


async def index(request):
    return PlainTextResponse("ticks are at /events\n")


app = Starlette(routes=[Route("/", index), Route("/events", events), Route("/echo", echo, methods=["GET", "POST"])])
