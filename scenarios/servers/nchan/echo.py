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
CAPABILITIES = ["post", "event", "data", "type", "wait", "close"]
numbers = itertools.count(1)


def ask(method, path, body=None, **fields):
    nchan = HTTPConnection("127.0.0.1", PORT, timeout=30)
    nchan.request(method, path, body, fields)
    return nchan.getresponse()


def perform(number, steps):
    """Publishes in order, then deletes the channel, which ends the streams of its subscribers."""
    for step in steps:
        if step["do"] == "wait":
            time.sleep(step["ms"] / 1000)
        if step["do"] == "event":
            fields = {"X-EventSource-Event": step["event"].encode()} if "event" in step else {}
            ask("POST", f"/echo/publish/{number}", step["data"].encode(), **fields).read()
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
        # The type is published as a header field, which has no line ends.
        if any(end in step.get("event", "") for step in steps for end in "\r\n"):
            return self.answer(422, "text/plain")
        number = next(numbers)
        stream = ask("GET", f"/echo/subscribe/{number}", Accept="text/event-stream")
        threading.Thread(target=perform, args=(number, steps), daemon=True).start()
        self.answer(stream.status, stream.headers["Content-Type"])
        while piece := stream.read1():
            self.wfile.write(piece)

    def log_message(self, *_):
        pass


with ThreadingUnixStreamServer(SOCKET, Handler) as server:
    server.serve_forever()
