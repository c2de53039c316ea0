"""app.py PORT: ticks sent one by one; a client that comes back is continued after its Last-Event-ID."""

import asyncio
import json
import sys

from aiohttp import web
from aiohttp_sse import sse_response


async def events(request):
    async with sse_response(request) as response:
        try:
            tick = int(response.last_event_id or 0)
        except ValueError:
            tick = 0
        while response.is_connected():
            tick += 1
            await response.send(json.dumps({"tick": tick}), id=str(tick))
            await asyncio.sleep(0.2)
    return response


async def index(request):
    return web.Response(text="ticks are at /events\n")


app = web.Application()
app.router.add_get("/", index)
app.router.add_get("/events", events)
web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None)
