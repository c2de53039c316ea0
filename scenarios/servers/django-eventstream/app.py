"""One channel; django-eventstream keeps its events in a database and continues a client after its Last-Event-ID."""

import asyncio
import json
import os
import threading
import time

import django
from django.conf import settings

settings.configure(
    ALLOWED_HOSTS=["*"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ["DATABASE"]}},
    EVENTSTREAM_STORAGE_CLASS="django_eventstream.storage.DjangoModelStorage",
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django_eventstream"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="not secret",
    DATA_UPLOAD_MAX_MEMORY_SIZE=4 << 20,
)
django.setup()

from django.core.asgi import get_asgi_application
from django.core.management import call_command
from django.http import HttpResponse, JsonResponse, StreamingHttpResponse
from django.urls import include, path
from django_eventstream import send_event
from django_eventstream.utils import add_default_headers, sse_encode_event


def publish():
    tick = 0
    while True:
        tick += 1
        send_event("ticks", "message", {"tick": tick})
        time.sleep(0.2)


CAPABILITIES = ["post", "event", "data", "type", "time", "wait", "close", "status"]


active = 0


async def performed(steps):
    global active
    active += 1
    try:
        for step in steps:
            await asyncio.sleep(step.get("ms", 0) / 1000)
            if step["do"] == "event":
                yield sse_encode_event(step.get("event", "message"), step["data"])
            elif step["do"] == "time":
                yield sse_encode_event("message", time.time_ns() // 1000)
    finally:
        active -= 1


async def echo(request):
    """The echo contract, by the library's encoder: a channel would add events of its own. The library makes the ids."""
    if request.method == "GET":
        document = {"echo": 1, "server": "django-eventstream", "capabilities": CAPABILITIES}
        return JsonResponse(document | {"active_streams": active})
    steps = json.loads(request.body)["steps"]
    if steps[0]["do"] == "status":
        return HttpResponse(status=steps[0]["code"])
    response = StreamingHttpResponse(performed(steps), content_type="text/event-stream")
    add_default_headers(response, request=request)
    return response


async def index(_request):
    return HttpResponse("ticks are at /events\n", content_type="text/plain")


urlpatterns = [
    path("", index),
    path("events", include("django_eventstream.urls"), {"channels": ["ticks"]}),
    path("echo", echo),
]
call_command("migrate", verbosity=0)
threading.Thread(target=publish, daemon=True).start()
app = get_asgi_application()
