#!/usr/bin/env python3
"""The gateway beside nginx as a reverse proxy, both before the same upstream (another nginx that answers from
files): chat completions of 1 KB and 64 KB (request and reply), whole and streamed.

acloud's side authenticates, holds against a budget, meters and audits each call, and has the record on disk
before the reply's last byte leaves; nginx passes bytes on. Both sides are measured in turns, ROUNDS times each; the
median is printed. "Without waiting": the records are on a disk in memory.

Added latency: both sides are given half of the requests a second that acloud answered at 16 connections, by h2load,
evenly over 16 connections; added is how much longer acloud takes in the same round."""
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, "bench")
sys.path.insert(0, "tests")
from rest import SECONDS, cpu_seconds, figure  # noqa: E402
from rest import wrk as run_wrk  # noqa: E402
from support.budget import set_budget  # noqa: E402
from support.ports import free_port  # noqa: E402
from support.server import Server  # noqa: E402

ROUNDS = 5
CONNECTIONS = (1, 16, 64)
EVEN = 16  # connections of an even load

COMMON = """
worker_processes 2;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  keepalive_requests 1000000000;
  client_body_buffer_size 256k;
"""
# POST to a file is answered with the file.
UPSTREAM = COMMON + """
  types {{ }}
  server {{
    listen 127.0.0.1:{port}; root {folder}/www;
    location / {{ default_type application/json; error_page 405 =200 $uri; }}
    location ~ stream {{ default_type text/event-stream; error_page 405 =200 $uri; }}
  }}
}}
"""
PROXY = COMMON + """
  upstream up {{ server 127.0.0.1:{upstream}; keepalive 256; keepalive_requests 1000000000; }}
  server {{
    listen 127.0.0.1:{port};
    proxy_buffers 32 16k; proxy_buffer_size 16k;
    location / {{ proxy_pass http://up; proxy_http_version 1.1; proxy_set_header Connection ""; }}
  }}
}}
"""
LUA = """
wrk.method = "POST"
wrk.path = "{path}"
wrk.headers["Authorization"] = "Bearer {key}"
wrk.headers["Content-Type"] = "application/json"
wrk.body = [[{body}]]
"""


class Nginx:
    def __init__(self, folder, conf, **values):
        os.makedirs(f"{folder}/www", exist_ok=True)
        self.port = free_port()
        Path(f"{folder}/nginx.conf").write_text(conf.format(folder=folder, port=self.port, **values))
        self.process = subprocess.Popen(["/usr/sbin/nginx", "-c", f"{folder}/nginx.conf"], stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
        raise SystemExit("nginx did not start: " + Path(f"{folder}/error.log").read_text())

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


def reply(size, stream):
    """What the upstream answers, about `size` bytes."""
    usage = {"prompt_tokens": 20, "completion_tokens": 10, "total_tokens": 30}
    if not stream:
        message = {"role": "assistant", "content": "x" * (size - 300)}
        return json.dumps({"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m", "usage": usage,
                           "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})
    base = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    chunk = lambda delta, finish=None: "data: " + json.dumps(
        {**base, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}) + "\n\n"
    piece = chunk({"content": " word"})
    text = chunk({"role": "assistant", "content": ""}) + piece * max(1, (size - 600) // len(piece)) + chunk({}, "stop")
    return text + "data: " + json.dumps({**base, "choices": [], "usage": usage}) + "\n\ndata: [DONE]\n\n"


def side(pid, url, connections, script):
    before = cpu_seconds(pid)
    start = time.monotonic()
    requests, latency = run_wrk(url, connections, script)
    return (cpu_seconds(pid) - before) / requests * 1e6, requests / (time.monotonic() - start), latency


def measure(name, ours, theirs):
    """Each side: (pid, url, script). Our requests a second by number of connections."""
    rates = {}
    for connections in CONNECTIONS:
        here, there = [], []
        for _ in range(ROUNDS):
            here.append(side(*ours[:2], connections, ours[2]))
            there.append(side(*theirs[:2], connections, theirs[2]))
        middle = lambda rows, of: statistics.median(of(row) for row in rows)
        label = f"gateway, {name}, {connections} connections"
        figure(figure=label + ", CPU a request", unit="us", ours=round(middle(here, lambda r: r[0]), 1), peer="nginx",
               theirs=round(middle(there, lambda r: r[0]), 1), bound="ratio <= 1.5")
        rates[connections] = middle(here, lambda r: r[1])
        figure(figure=label + ", requests a second", unit="1/s", ours=round(rates[connections]), peer="nginx",
               theirs=round(middle(there, lambda r: r[1])), bound="ratio >= 0.7")
        figure(figure=label + ", latency p50", unit="ms", ours=round(middle(here, lambda r: r[2][50]), 3), peer="nginx",
               theirs=round(middle(there, lambda r: r[2][50]), 3))
    return rates


def latencies(folder, url, key, body, rate):
    """Of requests that come evenly, `rate` a second: (p50, p99) in ms."""
    Path(f"{folder}/body").write_text(body)
    Path(f"{folder}/load.log").unlink(missing_ok=True)
    subprocess.run(["h2load", "--h1", "-t1", f"-c{EVEN}", f"--rps={rate / EVEN:.0f}", f"-D{SECONDS}", f"-d{folder}/body",
                    "-H", f"Authorization: Bearer {key}", "-H", "Content-Type: application/json",
                    f"--log-file={folder}/load.log", url], stdout=subprocess.DEVNULL, check=True)
    rows = [line.split("\t") for line in Path(f"{folder}/load.log").read_text().splitlines()]
    if any(row[1] != "200" for row in rows) or len(rows) < 0.8 * rate * SECONDS:
        raise SystemExit(f"h2load: {len(rows)} replies, not all as they should be")
    took = sorted(int(row[2]) / 1e3 for row in rows)
    return took[len(took) // 2], took[len(took) * 99 // 100]


def measure_added(name, folder, ours, theirs, body, rate):
    """Each side: (url, key)."""
    rounds = [[latencies(folder, *each, body, rate) for each in (ours, theirs)] for _ in range(ROUNDS)]
    for i, what in enumerate(("p50", "p99")):
        label = f"gateway, {name}, even {rate:.0f} requests a second, "
        here, there, added = [statistics.median(row) for row in zip(*((a[i], b[i], a[i] - b[i]) for a, b in rounds))]
        figure(figure=label + what, unit="ms", ours=round(here, 3), peer="nginx", theirs=round(there, 3))
        figure(figure=label + "added to " + what, unit="ms", ours=round(added, 3), **({"bound": "<= 1"} if what == "p99" else {}))


def compare(server, proxy, cases, folder, waits):
    """All cases. `waits` ends the figures' names: "" where records wait for the disk."""
    for size, stream in cases:
        path = f"{size}-{'stream' if stream else 'whole'}"
        request = {"model": path, "messages": [{"role": "user", "content": "x" * (size - 120)}]}
        if stream:
            request |= {"stream": True, "stream_options": {"include_usage": True}}
        paths = {"ours": "/v1/chat/completions", "theirs": f"/{path}/chat/completions"}
        scripts = {who: f"{folder}/{who}.lua" for who in paths}
        for who in paths:
            Path(scripts[who]).write_text(LUA.format(path=paths[who], key=server.key, body=json.dumps(request)))
        name = f"{size // 1024} KB {'streamed' if stream else 'whole'}{waits}"
        rates = measure(name, (server.process.pid, server.url, scripts["ours"]), (proxy.process.pid, proxy.url, scripts["theirs"]))
        if size == 1024:
            measure_added(name, folder, (server.url + paths["ours"], server.key), (proxy.url + paths["theirs"], "none"),
                          json.dumps(request), rates[EVEN] / 2)


def main():
    with tempfile.TemporaryDirectory(prefix="acloud-bench-") as folder, \
            tempfile.TemporaryDirectory(prefix="acloud-bench-", dir="/dev/shm") as memory:
        os.chmod(folder, 0o755)
        upstream = Nginx(f"{folder}/upstream", UPSTREAM)
        proxy = Nginx(f"{folder}/proxy", PROXY, upstream=upstream.port)
        config = ""
        cases = [(size, stream) for size in (1024, 65536) for stream in (False, True)]
        for size, stream in cases:
            name = f"{size}-{'stream' if stream else 'whole'}"
            target = Path(f"{folder}/upstream/www/{name}/chat")
            target.mkdir(parents=True)
            (target / "completions").write_text(reply(size, stream))
            config += (f'[[provider]]\nname = "{name}"\ndialect = "openai"\nbase_url = "{upstream.url}/{name}"\n'
                       f'[[model]]\nname = "{name}"\ntargets = [{{ provider = "{name}", model = "{name}" }}]\n')
        try:
            for data, some, waits in ((None, cases, ""), (memory, cases[:1], " without waiting")):
                with Server(data=data, config=config, flags=["--log", "warn"]) as server:
                    set_budget(server, "1000000")
                    compare(server, proxy, some, folder, waits)
        finally:
            proxy.stop()
            upstream.stop()


if __name__ == "__main__":
    main()
