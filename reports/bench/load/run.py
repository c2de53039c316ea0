#!/usr/bin/env python3
"""Holds event streams with several clients against one origin, and prints what each spends.

    reports/bench/load/run.py [--streams N] [--seconds S] [--interval MS] [--rounds R]
                              [--origin neutral|nginx|reference] [--install] [CLIENT ...]

Needs `cargo build --release`, cc, and of the clients those that are there. `--install` installs those that are
not: wrk, h2load, hey and nginx from Debian, and below target/peers oha by cargo, locust from PyPI and artillery
from npm. All traffic stays on the loopback interface.

Every client gets a ramp, then a window in which its processor time (all its processes), and the
events the origin sent meanwhile, are read. So what a client does at its start and end is not
counted. Only what the origin says was sent makes the denominator. With an interval of 0 the origin sends as
fast as it is read. `nginx` stands before the neutral origin as a proxy that does not buffer.

With several rounds every client has its turn in each. The table has medians, and each ratio is the median of
those to the floor of the same round, with the least and the greatest.
"""

import argparse
import json
import os
import pathlib
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

import peers

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
FLOOR = HERE.parent / "floor"
TICK = os.sysconf("SC_CLK_TCK")
RAMP_S = 10
# Until the kernel gives ports that were bound to others again.
TIME_WAIT_S = 61


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def family(pid):
    """The process and all that descend from it."""
    children = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                children.setdefault(int(fields[1]), []).append(int(entry.name))
            except (FileNotFoundError, ProcessLookupError):
                pass
    found, at = [pid], 0
    while at < len(found):
        found += children.get(found[at], [])
        at += 1
    return found


def spent(pid):
    """Processor seconds and resident KiB of a process and its descendants."""
    cpu = rss = 0
    for one in family(pid):
        try:
            fields = pathlib.Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
            cpu += (int(fields[11]) + int(fields[12])) / TICK
            rss += int(fields[21]) * resource.getpagesize() // 1024
        except (FileNotFoundError, ProcessLookupError):
            pass
    return cpu, rss


class Origin:
    """The neutral origin, which counts what it sends."""

    def __init__(self, folder, interval_ms):
        self.port = free_port()
        binary = folder / "origin"
        subprocess.run(["cc", "-O2", "-o", binary, FLOOR / "origin.c"], check=True)
        self.process = subprocess.Popen([binary, str(self.port), str(interval_ms), "chunked"])
        self.url = f"http://127.0.0.1:{self.port}"
        wait_for(self.port)

    def sent(self):
        with urllib.request.urlopen(f"{self.url}/sent") as answer:
            seen = json.load(answer)
            return seen["sent"], seen["open"]

    def stop(self):
        self.process.kill()
        self.process.wait()


class Nginx(Origin):
    """nginx before the neutral origin. A process of it has two descriptors for each stream."""

    CONFIGURATION = """
daemon off; worker_processes 4; worker_rlimit_nofile {files}; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections {files}; }}
http {{
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{front} backlog=65535 reuseport;
    location / {{
      proxy_pass http://127.0.0.1:{port}; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_buffering off; proxy_buffer_size 4k; proxy_buffers 2 4k; proxy_busy_buffers_size 4k; proxy_read_timeout 1h;
    }}
  }}
}}
"""

    def __init__(self, folder, interval_ms):
        super().__init__(folder, interval_ms)
        self.behind, self.port = self.url, free_port()
        files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        behind = int(self.behind.rpartition(":")[2])
        text = self.CONFIGURATION.format(files=files, folder=folder, front=self.port, port=behind)
        (folder / "nginx.conf").write_text(text)
        nginx = shutil.which("nginx") or "/usr/sbin/nginx"
        self.nginx = subprocess.Popen([nginx, "-c", folder / "nginx.conf", "-p", folder], stderr=subprocess.DEVNULL)
        self.url = f"http://127.0.0.1:{self.port}"
        wait_for(self.port)

    def sent(self):
        with urllib.request.urlopen(f"{self.behind}/sent") as answer:
            seen = json.load(answer)
            return seen["sent"], seen["open"]

    def stop(self):
        self.nginx.terminate()
        self.nginx.wait()
        super().stop()


class Reference(Origin):
    """The reference server; what it sends is known from the rate."""

    def __init__(self, folder, interval_ms):
        self.interval_ms = interval_ms
        self.process = subprocess.Popen(
            [ROOT / "target/release/ssekit", "serve", "--listen", "127.0.0.1:0"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )
        self.url = self.process.stdout.readline().split()[-1].rstrip("/")
        self.port = int(self.url.rpartition(":")[2])
        self.path = f"/events?interval={interval_ms}&size=60&phase=spread"

    def sent(self):
        with urllib.request.urlopen(f"{self.url}/echo/capabilities") as answer:
            open_now = json.load(answer)["active_streams"]
        return int(time.monotonic() * 1000 * open_now / self.interval_ms), open_now


def wait_for(port):
    while True:
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)


def commands(origin, streams, seconds, interval_ms, folder):
    url = origin.url + getattr(origin, "path", "/events")
    total = f"{RAMP_S + seconds + 30}s"
    few = min(streams, 10000)
    declared = ["--interval", f"{interval_ms}ms"] if interval_ms else []
    floor = folder / "client"
    return {
        "floor": (streams, [
            floor, str(origin.port), str(streams), str(seconds + 30), str(RAMP_S), "1", getattr(origin, "path", "/events"),
        ]),
        "ssekit": (streams, [
            ROOT / "target/release/ssekit", "load", url, "-c", str(streams), "--ramp", f"{RAMP_S}s", "-d", total,
            "--format", "json",
        ]),
        "ssekit-seq": (streams, [
            ROOT / "target/release/ssekit", "load", url, "-c", str(streams), "--ramp", f"{RAMP_S}s", "-d", total,
            "--seq", "id", *declared, "--format", "json",
        ]),
        "wrk": (streams, ["wrk", "-t1", "-c", str(streams), "-d", total, "--timeout", "60s", url]),
        "h2load": (streams, ["h2load", "--h1", "-t1", "-c", str(streams), "-D", str(RAMP_S + seconds + 30), url]),
        "hey": (streams, ["hey", "-c", str(streams), "-n", str(streams), "-t", "0", url]),
        "oha": (streams, ["oha", "--no-tui", "-c", str(streams), "-n", str(streams), "-t", "3600s", url]),
        "locust": (few, [
            "locust", "-f", HERE / "locustfile.py", "--headless", "--only-summary", "-u", str(few), "-r",
            str(few // RAMP_S), "-t", "600s", "-H", origin.url,
        ]),
        "artillery": (few, ["artillery", "run", "--quiet", HERE / "artillery.yml"]),
    }


def measure(name, streams, command, origin, seconds):
    environment = os.environ | {"TARGET": origin.url}
    out = tempfile.TemporaryFile()
    client = subprocess.Popen(command, stdout=out, stderr=out, env=environment, start_new_session=True)
    try:
        deadline = time.monotonic() + RAMP_S + 60
        while origin.sent()[1] < streams and time.monotonic() < deadline and client.poll() is None:
            time.sleep(0.5)
        time.sleep(2)
        before, open_before = origin.sent()
        (cpu_before, _), (own_before, _) = spent(client.pid), spent(origin.process.pid)
        began = time.monotonic()
        time.sleep(seconds)
        after, open_after = origin.sent()
        (cpu_after, rss), (own_after, _) = spent(client.pid), spent(origin.process.pid)
        took = time.monotonic() - began
    finally:
        try:
            os.killpg(client.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        client.wait()
    events, cpu = after - before, cpu_after - cpu_before
    if client.returncode not in (-9, None) or not events:
        out.seek(0)
        tail = out.read()[-400:].decode(errors="replace")
        return {"client": name, "failed": f"ended early ({client.returncode}): {tail}"}
    if not cpu:
        return {"client": name, "failed": f"{events} events took less than a tick of the processor's clock"}
    return {
        "client": name, "streams": min(open_before, open_after), "events": events, "seconds": round(took, 2),
        "cpu": cpu, "per_100k": cpu / events * 1e5, "rss_mb": rss / 1024,
        "origin_per_100k": (own_after - own_before) / events * 1e5,
    }


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--streams", type=int, default=19900)
    arguments.add_argument("--seconds", type=int, default=20)
    arguments.add_argument("--rounds", type=int, default=1)
    arguments.add_argument("--interval", type=int, default=1000, help="milliseconds between the events of a stream")
    arguments.add_argument("--origin", choices=["neutral", "nginx", "reference"], default="neutral")
    arguments.add_argument("--install", action="store_true", help="install the clients that are missing first")
    arguments.add_argument("clients", nargs="*")
    given = arguments.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    # ssekit comes last: the ports it bound are not given to others for a minute.
    names = given.clients or ["floor", "wrk", "h2load", "hey", "oha", "locust", "artillery", "ssekit", "ssekit-seq"]
    peers.on_path()
    if given.install:
        peers.install([*names, "floor"] + ["nginx"] * (given.origin == "nginx"))
    folder = pathlib.Path(tempfile.mkdtemp())
    subprocess.run(["cc", "-O2", "-o", folder / "client", FLOOR / "client.c"], check=True)
    rounds = []
    for number in range(given.rounds):
        if number > 0:
            time.sleep(TIME_WAIT_S)
        rounds.append(one_round(names, given, folder))
    shutil.rmtree(folder)
    print_table(names, rounds)


def one_round(names, given, folder):
    """What each client spent, by its name."""
    rows = {}
    bound = False
    for name in names:
        # The ports that ssekit bound are given to no other for a minute.
        if bound and not name.startswith("ssekit"):
            time.sleep(TIME_WAIT_S)
        bound = name.startswith("ssekit")
        # A fresh origin for each, so that no client finds sockets of the one before.
        origin = {"neutral": Origin, "nginx": Nginx, "reference": Reference}[given.origin](folder, given.interval)
        try:
            streams, command = commands(origin, given.streams, given.seconds, given.interval, folder)[name]
            program = str(command[0])
            if not (shutil.which(program) or pathlib.Path(program).exists()):
                print(f"{name}: {program} is not installed", file=sys.stderr)
                continue
            rows[name] = measure(name, streams, command, origin, given.seconds)
            print(json.dumps(rows[name]), file=sys.stderr)
        finally:
            origin.stop()
    return rows


def print_table(names, rounds):
    print("| client | streams | events | CPU-s per 100,000 events | times the floor | million events per CPU-s | resident MB "
          "| origin: CPU-s per 100,000 events |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    for name in names:
        rows = [rows[name] for rows in rounds if name in rows]
        failed = next((row["failed"] for row in rows if "failed" in row), None)
        if failed:
            print(f"| {name} | {failed.splitlines()[0]} | | | | | | |")
        elif rows:
            print_row(name, rows, rounds)


def print_row(name, rows, rounds):
    ratios = [
        both[name]["per_100k"] / both["floor"]["per_100k"] for both in rounds
        if "per_100k" in both.get("floor", {}) and name in both
    ]
    ratio = f"{statistics.median(ratios):.2f}" if ratios else ""
    if len(ratios) > 1 and name != "floor":
        ratio += f" ({min(ratios):.2f} to {max(ratios):.2f})"
    middle = {key: statistics.median(row[key] for row in rows) for key in rows[0] if key != "client"}
    print(
        f"| {name} | {middle['streams']:.0f} | {middle['events']:.0f} | {middle['per_100k']:.3f} | {ratio} "
        f"| {0.1 / middle['per_100k']:.2f} | {middle['rss_mb']:.0f} | {middle['origin_per_100k']:.3f} |"
    )


if __name__ == "__main__":
    main()
