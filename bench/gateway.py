#!/usr/bin/env python3
"""The gateway beside nginx as a reverse proxy, both before the same upstream (another nginx that answers from
files): chat completions of 1 KB and 64 KB (request and reply), whole and streamed.

acloud's side authenticates, holds against a budget, meters and audits each call, and has the record on disk
before the reply's last byte leaves; nginx passes bytes on. What waiting for the disk makes of it is seen in the
requests a second, not in the CPU. Both sides are measured in turns, ROUNDS times each; the median is printed."""
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
from rest import cpu_seconds, figure, free_port  # noqa: E402
from rest import wrk as run_wrk  # noqa: E402
from support.server import Server  # noqa: E402

ROUNDS = 5
CONNECTIONS = (1, 16, 64)

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
    """Each side: (pid, url, script)."""
    for connections in CONNECTIONS:
        here, there = [], []
        for _ in range(ROUNDS):
            here.append(side(*ours[:2], connections, ours[2]))
            there.append(side(*theirs[:2], connections, theirs[2]))
        middle = lambda rows, of: statistics.median(of(row) for row in rows)
        label = f"gateway, {name}, {connections} connections"
        figure(figure=label + ", CPU a request", unit="us", ours=round(middle(here, lambda r: r[0]), 1), peer="nginx",
               theirs=round(middle(there, lambda r: r[0]), 1))
        figure(figure=label + ", requests a second", unit="1/s", ours=round(middle(here, lambda r: r[1])), peer="nginx",
               theirs=round(middle(there, lambda r: r[1])))
        figure(figure=label + ", latency p50", unit="ms", ours=round(middle(here, lambda r: r[2][50]), 3), peer="nginx",
               theirs=round(middle(there, lambda r: r[2][50]), 3))


def main():
    with tempfile.TemporaryDirectory(prefix="acloud-bench-") as folder:
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
            with Server(config=config, flags=["--log", "warn"]) as server:
                set_budget = server.call("budget.set", {"scope": {"workspace": "default"}, "limit": "1000000", "period": "day"})
                print("budget of the workspace:", "set" if set_budget.status == 200 else "none (no operation budget.set)")
                for size, stream in cases:
                    name = f"{size}-{'stream' if stream else 'whole'}"
                    request = {"model": name, "messages": [{"role": "user", "content": "x" * (size - 120)}]}
                    if stream:
                        request |= {"stream": True, "stream_options": {"include_usage": True}}
                    scripts = {}
                    for who, path in (("ours", "/v1/chat/completions"), ("theirs", f"/{name}/chat/completions")):
                        scripts[who] = f"{folder}/{who}.lua"
                        Path(scripts[who]).write_text(LUA.format(path=path, key=server.key, body=json.dumps(request)))
                    measure(f"{size // 1024} KB {'streamed' if stream else 'whole'}",
                            (server.process.pid, server.url, scripts["ours"]),
                            (proxy.process.pid, proxy.url, scripts["theirs"]))
        finally:
            proxy.stop()
            upstream.stop()


if __name__ == "__main__":
    main()
