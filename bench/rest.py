#!/usr/bin/env python3
"""Product object over REST: reads of 1 KiB beside nginx serving the same bytes, durable writes of 1 KiB beside
SQLite alone with the same durability (WAL, synchronous=FULL, a transaction each, one connection).

CPU a request is user and system time of all the server's processes over the requests that wrk counted. Both
sides are measured in turns, ROUNDS times each; the median is printed. acloud's side of a read does more than
nginx's: it checks the key, reads the database, and records the call."""
import json
import os
import re
import shutil
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, "tests")
from support.ports import free_port  # noqa: E402
from support.server import Server  # noqa: E402

ROUNDS = 5
SECONDS = 2
VALUE = "x" * 1024
TICK = os.sysconf("SC_CLK_TCK")

NGINX_CONF = """
worker_processes 2;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log {folder}/access.log;
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  keepalive_requests 1000000000;
  server {{ listen 127.0.0.1:{port}; root {folder}/www; }}
}}
"""

GET_LUA = """
wrk.method = "POST"
wrk.headers["Authorization"] = "Bearer {key}"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Accept"] = "application/octet-stream"
wrk.body = '{{"bucket":"bench","key":"value"}}'
"""

PUT_LUA = """
local counter, thread_number = 0, 0
function setup(thread) thread:set("id", thread_number); thread_number = thread_number + 1 end
function request()
  counter = counter + 1
  return wrk.format("POST", "/api/object/put", {{
    ["Authorization"] = "Bearer {key}", ["Content-Type"] = "application/json"}},
    '{{"bucket":"bench","key":"' .. id .. "/" .. counter .. '","content":"{value}"}}')
end
"""


def processes(pid):
    """The process and all below it."""
    found = [pid]
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        found += processes(int(child))
    return found


def cpu_seconds(pid):
    total = 0
    for each in processes(pid):
        fields = Path(f"/proc/{each}/stat").read_text().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICK


def wrk(url, connections, script=None):
    """Requests, and latencies in ms by percentile."""
    command = ["wrk", f"-t{min(2, connections)}", f"-c{connections}", f"-d{SECONDS}s", "--latency", url]
    if script:
        command[-1:-1] = ["-s", script]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in text or "Socket errors" in text:
        raise SystemExit(f"wrk saw errors:\n{text}")
    scale = {"us": 0.001, "ms": 1, "s": 1000}
    latency = {int(p): float(v) * scale[u] for p, v, u in re.findall(r"^\s+(\d+)%\s+([\d.]+)(us|ms|s)$", text, re.M)}
    return int(re.search(r"(\d+) requests in", text)[1]), latency


def figure(**fields):
    print(json.dumps(fields), flush=True)


class Nginx:
    def __init__(self, folder):
        os.makedirs(f"{folder}/www")
        for each in (os.path.dirname(folder), folder):
            os.chmod(each, 0o755)  # nginx's workers are another user
        Path(f"{folder}/www/value").write_text(VALUE)
        self.port = free_port()
        Path(f"{folder}/nginx.conf").write_text(NGINX_CONF.format(folder=folder, port=self.port))
        self.process = subprocess.Popen([shutil.which("nginx") or "/usr/sbin/nginx", "-c", f"{folder}/nginx.conf"],
                                        stderr=subprocess.DEVNULL)
        ready = subprocess.run(["curl", "-sf", "--retry", "50", "--retry-delay", "0", "--retry-connrefused",
                                "--retry-max-time", "10", "-o", "/dev/null", self.url], check=False)
        if ready.returncode:
            self.stop()
            raise SystemExit("nginx did not serve the file: " + Path(f"{folder}/error.log").read_text())

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/value"

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


def read_side(pid, url, connections, script):
    before = cpu_seconds(pid)
    requests, latency = wrk(url, connections, script)
    return (cpu_seconds(pid) - before) / requests * 1e6, requests / SECONDS, latency


def reads(server, nginx, script):
    for connections in (16, 64):
        ours, theirs = [], []
        for _ in range(ROUNDS):
            ours.append(read_side(server.process.pid, server.url + "/api/object/get", connections, script))
            theirs.append(read_side(nginx.process.pid, nginx.url, connections, None))
        name = f"object.get of 1 KiB over REST, {connections} connections"
        middle = [statistics.median(column) for column in list(zip(*ours))[:2]]
        peer = [statistics.median(column) for column in list(zip(*theirs))[:2]]
        figure(figure=name + ", CPU a request", unit="us", ours=round(middle[0], 1), peer="nginx",
               theirs=round(peer[0], 1), bound="ratio <= 3")
        figure(figure=name + ", requests a second", unit="1/s", ours=round(middle[1]), peer="nginx",
               theirs=round(peer[1]))
        figure(figure=name + ", latency p99", unit="ms",
               ours=round(statistics.median(l[99] for *_, l in ours), 2), peer="nginx",
               theirs=round(statistics.median(l[99] for *_, l in theirs), 2))


def sqlite_alone(folder):
    """Transactions a second."""
    database = sqlite3.connect(f"{folder}/alone.db", isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=FULL")
    database.execute("CREATE TABLE IF NOT EXISTS objects (key BLOB PRIMARY KEY, content BLOB) WITHOUT ROWID")
    done, begin = 0, time.monotonic()
    while time.monotonic() - begin < SECONDS:
        database.execute("INSERT OR REPLACE INTO objects VALUES (?, ?)", (os.urandom(12), VALUE.encode()))
        done += 1
    rate = done / (time.monotonic() - begin)
    database.close()
    return rate


def writes(server, folder, script):
    ours, alone, latencies = [], [], []
    for _ in range(ROUNDS):
        requests, latency = wrk(server.url, 64, script)
        ours.append(requests / SECONDS)
        latencies.append(latency)
        alone.append(sqlite_alone(folder))
    figure(figure="durable object.put of 1 KiB over REST, 64 connections", unit="1/s",
           ours=round(statistics.median(ours)), peer="SQLite alone, a transaction each",
           theirs=round(statistics.median(alone)), bound="ratio >= 5")
    for percent in (50, 99):
        figure(figure=f"the same, latency p{percent}", unit="ms",
               ours=round(statistics.median(l[percent] for l in latencies), 2))


def main():
    with tempfile.TemporaryDirectory(prefix="acloud-bench-") as folder, Server(flags=["--log", "warn"]) as server:
        nginx = Nginx(f"{folder}/nginx")
        try:
            for operation, arguments in (("object.create_bucket", {"bucket": "bench"}),
                                         ("object.put", {"bucket": "bench", "key": "value", "content": VALUE})):
                if server.call(operation, arguments).status != 200:
                    raise SystemExit(f"{operation} failed")
            for name, text in (("get", GET_LUA), ("put", PUT_LUA)):
                Path(f"{folder}/{name}.lua").write_text(text.format(key=server.key, value=VALUE))
            reads(server, nginx, f"{folder}/get.lua")
            writes(server, folder, f"{folder}/put.lua")
        finally:
            nginx.stop()


if __name__ == "__main__":
    main()
