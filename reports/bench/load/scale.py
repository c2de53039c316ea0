#!/usr/bin/env python3
"""Holds as many event streams as this machine can, and prints what both sides spend.

    reports/bench/load/scale.py h1 [--streams 100000] [--processes 8]
    reports/bench/load/scale.py h2 [--streams 500000] [--per-connection 200]
    reports/bench/load/scale.py ramp [--streams 19900] [--addresses 1]

Needs `cargo build --release`. `h1` runs `ssekit load --processes` against `ssekit serve --processes`,
`h2` one process of each, `ramp` opens its streams in 10 s and says how late they began. The reference
server's stream numbers its events, so every one that is missing is counted. All traffic stays on the
loopback interface.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import time

from run import ROOT, spent

SSEKIT = os.environ.get("SSEKIT", ROOT / "target/release/ssekit")


class Watched:
    """A process whose processor time and memory, with all its children's, are read each second."""

    def __init__(self, process):
        self.pid, self.cpu, self.peak_kib, self.readings = process.pid, 0.0, 0, []
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.watch)
        self.thread.start()

    def watch(self):
        while not self.over.wait(1):
            cpu, rss = spent(self.pid)
            self.cpu, self.peak_kib = max(cpu, self.cpu), max(rss, self.peak_kib)
            self.readings.append((time.monotonic(), cpu))

    def stop(self):
        self.over.set()
        self.thread.join()

    def between(self, begin, end):
        """Processor seconds a second, over that part of the time."""
        within = [reading for reading in self.readings if begin <= reading[0] <= end]
        if len(within) < 2:
            return 0.0
        (first, cpu_first), (last, cpu_last) = within[0], within[-1]
        return (cpu_last - cpu_first) / (last - first)


def serve(processes):
    command = [SSEKIT, "serve", "--listen", "127.0.0.1:0"]
    if processes > 1:
        command += ["--processes", str(processes)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return server, server.stdout.readline().split()[-1].rstrip("/")


def measure(given, options):
    server, url = serve(given.processes)
    target = f"{url}/events?interval={given.interval}&size=60&phase=spread"
    command = [
        SSEKIT, "load", target, "-c", str(given.streams), "--ramp", f"{given.ramp}s", "-d", f"{given.hold}s",
        "--seq", "id", "--interval", f"{given.interval}ms", "--timeout", "60s", "--format", "json", *options,
    ]
    print(" ".join(map(str, command)), file=sys.stderr)
    with tempfile.TemporaryFile("w+") as out:
        load = subprocess.Popen(command, stdout=out, stderr=subprocess.PIPE, text=True)
        ours, theirs = Watched(load), Watched(server)
        began = time.monotonic()
        said = load.communicate()[1]
        ours.stop(), theirs.stop()
        server.terminate()
        server.wait()
        out.seek(0)
        text = out.read()
    if not text:
        sys.exit(f"no record (exit {load.returncode}): {said}")
    record = json.loads(text)
    pathlib.Path(given.record).write_text(text) if given.record else None
    hold = (began + given.ramp + 3, began + given.ramp + given.hold)
    show(record, load.returncode, ours, theirs, hold)


def show(record, code, ours, theirs, hold):
    streams, events, own = record["streams"], record["events"], record["generator"]
    metrics = record["metrics"]
    rows = [
        ("outcome", f"{record['outcome']} (exit {code})"),
        ("streams opened of planned", f"{streams['opened']} of {streams['planned']}"),
        ("most open at once", streams["peak"]),
        ("streams failed, reconnects", f"{streams['failed']}, {streams['reconnects']}"),
        ("connections", metrics["tcp_connect"]["count"]),
        ("events received", events["received"]),
        ("lost, duplicated, reordered", f"{events['lost']}, {events['duplicated']}, {events['reordered']}"),
        ("errors, disconnects", f"{record.get('errors') or 'none'}, {record.get('disconnects') or 'none'}"),
        ("schedule lag, 99 %", f"{own['schedule_lag_p99_us'] / 1000:.1f} ms"),
        ("loop lag, 99.9 %", f"{own['loop_lag_p999_us'] / 1000:.1f} ms"),
        ("headers, 99 %", f"{metrics['headers']['p99_us'] / 1000:.1f} ms"),
        ("tick lateness, 99 %", f"{metrics.get('tick_lateness', {}).get('p99_us', 0) / 1000:.1f} ms"),
        ("generator: memory, most", f"{ours.peak_kib / 1024:.0f} MiB, {ours.peak_kib * 1024 // streams['planned']} bytes a stream"),
        ("generator: processors while holding", f"{ours.between(*hold):.2f}"),
        ("generator: CPU seconds in all", f"{ours.cpu:.1f}"),
        ("server: memory, most", f"{theirs.peak_kib / 1024:.0f} MiB, {theirs.peak_kib * 1024 // streams['planned']} bytes a stream"),
        ("server: processors while holding", f"{theirs.between(*hold):.2f}"),
        ("server: CPU seconds in all", f"{theirs.cpu:.1f}"),
    ]
    print("| | |\n|---|---:|")
    for name, value in rows:
        print(f"| {name} | {value} |")
    for finding in record["findings"]:
        print(f"\n{finding['id']} ({finding['verdict']}): {finding['detail']}")


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("case", choices=["h1", "h2", "ramp"])
    arguments.add_argument("--streams", type=int)
    arguments.add_argument("--processes", type=int, help="processes of each side, h1")
    arguments.add_argument("--addresses", type=int, default=1, help="source addresses")
    arguments.add_argument("--per-connection", type=int, default=200)
    arguments.add_argument("--interval", type=int, help="milliseconds between the events of a stream")
    arguments.add_argument("--ramp", type=int, help="seconds")
    arguments.add_argument("--hold", type=int, default=40, help="seconds")
    arguments.add_argument("--record", help="file that the record of the run is written to")
    given = arguments.parse_args()
    defaults = {"h1": (100_000, 8, 1000, 30), "h2": (500_000, 1, 10_000, 60), "ramp": (19_900, 1, 1000, 10)}[given.case]
    for name, value in zip(("streams", "processes", "interval", "ramp"), defaults):
        if getattr(given, name) is None:
            setattr(given, name, value)
    options = []
    if given.case == "h2":
        options = ["--http", "2", "--streams-per-connection", str(given.per_connection)]
    if given.case == "h1":
        options = ["--processes", str(given.processes)]
        given.addresses = max(given.addresses, 8)
    if given.addresses > 1:
        # All of 127.0.0.0/8 is this machine.
        options += [word for at in range(given.addresses) for word in ("--source-ip", f"127.0.1.{at + 1}")]
    measure(given, options)


if __name__ == "__main__":
    main()
