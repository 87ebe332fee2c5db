#!/usr/bin/env python3
"""How long `acloud serve` takes until it listens, on an empty data folder and on one with a million objects, and
how much memory it holds when it has come to rest. The time is from exec to the listening line, over a pipe, median
of eleven starts; beside it stands for how much of that time the server ran, which says more on a busy machine."""
import json
import signal
import sqlite3
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

ACLOUD = "build/acloud"
STARTS = 11
RESTS = 5


def start(data):
    """A server on `data`, and the seconds until it listened."""
    command = [ACLOUD, "serve", "--listen", "127.0.0.1:0", "--data", data]
    begin = time.monotonic()
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    for line in server.stderr:
        if line.startswith("listening on "):
            return server, time.monotonic() - begin
    raise SystemExit(f"the server ended before it listened (exit code {server.wait()})")


def stop(server):
    server.send_signal(signal.SIGTERM)
    server.stderr.read()
    if server.wait():
        raise SystemExit(f"the server did not stop as it should (exit code {server.returncode})")


def resident_mib(server):
    """Resident memory, what it shares with others counted by its share: Pss of /proc/PID/smaps_rollup."""
    for line in Path(f"/proc/{server.pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    raise SystemExit("no Pss in smaps_rollup")


def figure(name, unit, ours, bound=None):
    fields = {"figure": name, "unit": unit, "ours": round(ours, 1)} | ({"bound": bound} if bound else {})
    print(json.dumps(fields), flush=True)


def fill(data):
    """A million objects of 32 bytes, written into the store of a stopped server."""
    server, _ = start(data)
    stop(server)
    store = sqlite3.connect(f"{data}/acloud.db")
    with store:
        store.execute("INSERT INTO buckets (workspace, bucket, created) VALUES ('default', 'many', 0)")
        store.executemany(
            "INSERT INTO objects (workspace, bucket, key, etag, size, content_type, modified, content) "
            "VALUES ('default', 'many', ?, ?, 32, 'text/plain', 0, ?)",
            ((b"%07d" % i, "0" * 64, b"x" * 32) for i in range(1_000_000)))
    store.close()


def cpu_seconds(server):
    """What all threads of the server have run so far, from the first field of their schedstat."""
    threads = Path(f"/proc/{server.pid}/task").glob("*/schedstat")
    return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e9


def wait_for_rest(server, limit=20):
    """Until it has run for less than a millisecond in half a second, or `limit` seconds."""
    end = time.monotonic() + limit
    before = -1.0
    while (now := cpu_seconds(server)) - before >= 0.001 and time.monotonic() < end:
        before = now
        time.sleep(0.5)


def measure(data):
    """Milliseconds to the listening line, and those of them that it ran."""
    server, seconds = start(data)
    ran = cpu_seconds(server)
    stop(server)
    return seconds * 1000, ran * 1000


def memory_at_rest(data):
    server, _ = start(data)
    wait_for_rest(server)
    memory = resident_mib(server)
    stop(server)
    return memory


def main():
    with tempfile.TemporaryDirectory() as folder:
        fill(f"{folder}/full")
        fresh, fresh_ran = zip(*(measure(f"{folder}/{i}") for i in range(STARTS)))
        again, again_ran = zip(*(measure(f"{folder}/full") for _ in range(STARTS)))
        memory = [memory_at_rest(f"{folder}/full") for _ in range(RESTS)]
    figure("start to listening, empty data folder", "ms", statistics.median(fresh), "<= 100")
    figure("of that on a CPU", "ms", statistics.median(fresh_ran))
    figure("start to listening, a million objects", "ms", statistics.median(again), "<= 300")
    figure("of that on a CPU", "ms", statistics.median(again_ran))
    figure("memory at rest (Pss)", "MiB", statistics.median(memory), "<= 40")


if __name__ == "__main__":
    main()
