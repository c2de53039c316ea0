"""Ticks that a path operation yields; a client that comes back is continued after its Last-Event-ID."""

import asyncio
import time
from typing import Annotated

from fastapi import Body, Depends, FastAPI, Header, HTTPException
from fastapi.responses import PlainTextResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent

app = FastAPI()


@app.get("/events", response_class=EventSourceResponse)
async def events(last_event_id: Annotated[str, Header()] = "0"):
    tick = int(last_event_id) if last_event_id.isascii() and last_event_id.isdigit() else 0
    while True:
        tick += 1
        yield ServerSentEvent(data={"tick": tick}, id=str(tick))
        await asyncio.sleep(0.2)


CAPABILITIES = ["post", "event", "data", "type", "id", "retry", "comment", "time", "wait", "close"]


active = 0


@app.get("/echo")
async def capabilities():
    return {"echo": 1, "server": "fastapi", "capabilities": CAPABILITIES, "active_streams": active}


def message(step):
    """FastAPI's event for a step, or nothing; `raw_data` is text that does not become JSON."""
    if step["do"] == "comment":
        return ServerSentEvent(comment=step["text"])
    names = {"data": "raw_data", "event": "event", "id": "id", "retry": "retry"}
    members = {names[name]: value for name, value in step.items() if name in names}
    return ServerSentEvent(**members) if step["do"] == "event" else None


async def script(steps: Annotated[list, Body(embed=True)]):
    try:
        return [(step, message(step)) for step in steps]
    except ValueError as error:
        raise HTTPException(422, str(error)) from error


@app.post("/echo", response_class=EventSourceResponse)
async def echo(performed: Annotated[list, Depends(script)]):
    """The echo contract."""
    global active
    active += 1
    try:
        for step, event in performed:
            await asyncio.sleep(step.get("ms", 0) / 1000)
            if step["do"] == "time":
                event = ServerSentEvent(raw_data=str(time.time_ns() // 1000))
            if event:
                yield event
    finally:
        active -= 1


@app.get("/")
async def index():
    return PlainTextResponse("ticks are at /events\n")
