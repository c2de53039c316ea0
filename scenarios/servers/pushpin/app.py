"""app.py PORT DIR: pushpin and zurl, and behind them the application that holds streams and publishes to them.

pushpin sends what is published as it is; the few lines that write events are the application's.
"""

import itertools
import json
import re
import socket
import subprocess
import sys
import threading
import time
from collections import defaultdict
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue

PORT, DIR = int(sys.argv[1]), Path(sys.argv[2])
LINE_END = re.compile("\r\n|\r|\n")


def event(data=None, comment=None, **fields):
    """An event or a comment. ValueError where a line end stands in a value that must be one line."""
    texts = {name: str(value) for name, value in fields.items()}
    if any(LINE_END.search(text) for text in texts.values()) or "\0" in texts.get("id", ""):
        raise ValueError("no value of this field")
    if not re.fullmatch("[0-9]+", texts.get("retry", "0")):
        raise ValueError("no number of milliseconds")
    lines = [f"{name}: {value}" for name, value in fields.items()]
    for name, text in (("", comment), ("data", data)):
        lines += [f"{name}: {line}" for line in LINE_END.split(text or "") if text is not None]
    return "\n".join(lines) + "\n\n"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


CONTROL = free_port()


def publish(channel, **stream):
    item = {"channel": channel, "formats": {"http-stream": stream}}
    pushpin = HTTPConnection("127.0.0.1", CONTROL, timeout=10)
    pushpin.request("POST", "/publish/", json.dumps({"items": [item]}), {"Content-Type": "application/json"})
    return pushpin.getresponse().status


def tick():
    for number in itertools.count(1):
        time.sleep(0.2)
        publish("ticks", content=event(json.dumps({"tick": number})))


receivers = defaultdict(Queue)


def follow(output):
    """Passes pushpin's log on, and keeps how many receivers each publication had."""
    for line in output:
        print(line, end="", flush=True)
        if published := re.search(r" publish channel=(\S+) receivers=(\d+)", line):
            receivers[published[1]].put(int(published[2]))


def publish_to_one(channel, **stream):
    """Publishes until somebody receives it: a stream that is only just held has no receiver yet."""
    while True:
        publish(channel, **stream)
        if receivers[channel].get(timeout=10):
            return
        time.sleep(0.01)


def perform(channel, steps, contents):
    for step, content in zip(steps, contents):
        time.sleep(step.get("ms", 0) / 1000)
        if step["do"] == "time":
            content = event(str(time.time_ns() // 1000))
        if content:
            publish_to_one(channel, content=content)
    publish_to_one(channel, action="close")


def content(step):
    if step["do"] == "comment":
        return event(comment=step["text"])
    return event(**{name: value for name, value in step.items() if name != "do"}) if step["do"] == "event" else None


CAPABILITIES = ["post", "event", "data", "type", "id", "retry", "comment", "time", "wait", "close", "status"]
scripts = itertools.count(1)


class Application(BaseHTTPRequestHandler):
    def answer(self, status, media_type, body="", **fields):
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        for name, value in fields.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body.encode())))
        self.end_headers()
        self.wfile.write(body.encode())

    def hold(self, channel):
        self.answer(200, "text/event-stream", Grip_Hold="stream", Grip_Channel=channel)

    def do_GET(self):
        if self.path == "/events":
            self.hold("ticks")
        elif self.path.startswith("/streams/"):
            self.hold(self.path.removeprefix("/streams/"))
        elif self.path == "/echo":
            document = {"echo": 1, "server": "pushpin", "capabilities": CAPABILITIES}
            self.answer(200, "application/json", json.dumps(document))
        elif self.path == "/":
            self.answer(200, "text/plain", "ticks are at /events\n")
        else:
            self.answer(404, "text/plain")

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path.startswith("/publish/"):
            status = publish(self.path.removeprefix("/publish/"), content=event(body.decode()))
            return self.answer(status, "text/plain")
        self.echo(json.loads(body)["steps"])

    def echo(self, steps):
        """The echo contract: each step is published."""
        if steps[0]["do"] == "status":
            self.send_response(steps[0]["code"])
            return self.end_headers()
        try:
            contents = [content(step) for step in steps]
        except ValueError as error:
            return self.answer(422, "text/plain", f"{error}\n")
        channel = f"echo-{next(scripts)}"
        self.hold(channel)
        threading.Thread(target=perform, args=(channel, steps, contents), daemon=True).start()

    def log_message(self, *_):
        pass


def configure(source, target, **settings):
    """Debian's file with other settings; each of them must be there."""
    text = Path(source).read_text()
    for name, value in settings.items():
        text, found = re.subn(f"^{name}=.*$", f"{name}={value}", text, flags=re.MULTILINE)
        assert found, f"{source} has no {name}"
    target.write_text(text)


def start_pushpin(application):
    run = DIR / "run"
    run.mkdir()
    (DIR / "routes").write_text(f"* 127.0.0.1:{application}\n")
    configure(
        "/etc/zurl.conf", DIR / "zurl.conf", deny="",
        in_spec=f"ipc://{run}/zurl-in", in_stream_spec=f"ipc://{run}/zurl-in-stream",
        out_spec=f"ipc://{run}/zurl-out", in_req_spec=f"ipc://{run}/zurl-req",
    )
    configure(
        "/usr/lib/pushpin/internal.conf", DIR / "internal.conf",
        zurl_out_specs=f"ipc://{run}/zurl-in", zurl_out_stream_specs=f"ipc://{run}/zurl-in-stream",
        zurl_in_specs=f"ipc://{run}/zurl-out",
    )
    configure(
        "/etc/pushpin/pushpin.conf", DIR / "pushpin.conf",
        include=DIR / "internal.conf", rundir=run, logdir=DIR, routesfile=DIR / "routes",
        push_in_spec=f"ipc://{run}/push", push_in_sub_specs=f"ipc://{run}/push-sub", command_spec=f"ipc://{run}/command",
        push_in_http_port=CONTROL, push_in_http_max_body_size=8_000_000,
    )
    subprocess.Popen(["zurl", f"--config={DIR}/zurl.conf"])
    command = ["pushpin", f"--config={DIR}/pushpin.conf", "--merge-output", f"--port=127.0.0.1:{PORT}"]
    pushpin = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    threading.Thread(target=follow, args=(pushpin.stdout,), daemon=True).start()


application = ThreadingHTTPServer(("127.0.0.1", 0), Application)
start_pushpin(application.server_port)
threading.Thread(target=tick, daemon=True).start()
application.serve_forever()
