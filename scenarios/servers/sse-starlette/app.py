"""Ticks from an async generator; a client that comes back is continued after its Last-Event-ID."""

import asyncio

from sse_starlette import EventSourceResponse, JSONServerSentEvent
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
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


async def index(request):
    return PlainTextResponse("ticks are at /events\n")


app = Starlette(routes=[Route("/", index), Route("/events", events)])
