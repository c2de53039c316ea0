"""echo.py PORT SOCKET: the echo contract by publishing. Every script has a channel of its own, whose stream is handed on
byte for byte."""

import itertools
import json
import sys
import threading
import time
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingUnixStreamServer

PORT, SOCKET = int(sys.argv[1]), sys.argv[2]
CAPABILITIES = ["post", "event", "data", "type", "time", "wait", "close"]
numbers = itertools.count(1)


def ask(method, path, body=None, **fields):
    nchan = HTTPConnection("127.0.0.1", PORT, timeout=30)
    nchan.request(method, path, body, fields)
    return nchan.getresponse()


def message(step):
    """Body and fields of what is published. ValueError where a field cannot hold the type."""
    kind = step.get("event")
    if kind and (kind != kind.strip(" \t") or any(end in kind for end in "\r\n")):
        raise ValueError("a type is published as a header field: no line ends, no spaces at its edges")
    return step.get("data", "").encode(), {} if kind is None else {"X-EventSource-Event": kind.encode()}


def try_out(number, messages):
    """ValueError where nginx refuses a message; the channel is one that nobody reads."""
    for data, fields in messages:
        answer = ask("POST", f"/echo/publish/{number}", data, **fields)
        answer.read()
        if answer.status >= 400:
            raise ValueError(f"publishing was answered with {answer.status}")
    ask("DELETE", f"/echo/publish/{number}").read()


def perform(number, steps, messages):
    """Publishes in order, then deletes the channel, which ends the streams of its subscribers."""
    for step, (data, fields) in zip(steps, messages):
        if step["do"] == "wait":
            time.sleep(step["ms"] / 1000)
        if step["do"] == "time":
            data = str(time.time_ns() // 1000)
        if step["do"] in ("event", "time"):
            ask("POST", f"/echo/publish/{number}", data, **fields).read()
    ask("DELETE", f"/echo/publish/{number}").read()


class Handler(BaseHTTPRequestHandler):
    def answer(self, status, media_type, body=b""):
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        document = {"echo": 1, "server": "nchan", "capabilities": CAPABILITIES}
        self.answer(200, "application/json", json.dumps(document).encode())

    def do_POST(self):
        steps = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["steps"]
        try:
            messages = [message(step) for step in steps]
            try_out(next(numbers), [each for step, each in zip(steps, messages) if step["do"] == "event"])
        except ValueError as error:
            return self.answer(422, "text/plain", f"{error}\n".encode())
        number = next(numbers)
        stream = ask("GET", f"/echo/subscribe/{number}", Accept="text/event-stream")
        threading.Thread(target=perform, args=(number, steps, messages), daemon=True).start()
        self.answer(stream.status, stream.headers["Content-Type"])
        while piece := stream.read1():
            self.wfile.write(piece)

    def log_message(self, *_):
        pass


with ThreadingUnixStreamServer(SOCKET, Handler) as server:
    server.serve_forever()
