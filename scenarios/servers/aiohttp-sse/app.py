"""app.py PORT: ticks sent one by one; a client that comes back is continued after its Last-Event-ID."""

import asyncio
import json
import sys
import time

from aiohttp import web
from aiohttp_sse import EventSourceResponse, sse_response


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


CAPABILITIES = ["post", "event", "data", "type", "id", "retry", "time", "wait", "close", "status"]


active = 0


async def capabilities(request):
    document = {"echo": 1, "server": "aiohttp-sse", "capabilities": CAPABILITIES, "active_streams": active}
    return web.json_response(document)


class Trial(EventSourceResponse):
    """Takes what is sent and writes it nowhere: `send` raises on what it cannot represent."""

    async def write(self, data):
        pass


async def echo(request):
    """The echo contract: each event is one `send`."""
    global active
    steps = (await request.json())["steps"]
    if steps[0]["do"] == "status":
        return web.Response(status=steps[0]["code"])
    members = [{name: value for name, value in step.items() if name != "do"} for step in steps]
    try:
        for step, event in zip(steps, members):
            if step["do"] == "event":
                await Trial().send(**event)
    except (TypeError, ValueError) as error:
        return web.Response(status=422, text=f"{error}\n")
    active += 1
    try:
        async with sse_response(request, allow_all_methods=True) as response:
            for step, event in zip(steps, members):
                await asyncio.sleep(step.get("ms", 0) / 1000)
                if step["do"] == "event":
                    await response.send(**event)
                elif step["do"] == "time":
                    await response.send(str(time.time_ns() // 1000))
    finally:
        active -= 1
    return response


async def index(request):
    return web.Response(text="ticks are at /events\n")


app = web.Application(client_max_size=4 << 20)
app.router.add_get("/", index)
app.router.add_get("/events", events)
app.router.add_get("/echo", capabilities)
app.router.add_post("/echo", echo)
web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None)
