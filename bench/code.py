#!/usr/bin/env python3
"""sandbox.run_code("1+1") over REST on one connection: in a context that is warm, and the first one in a new
sandbox. Beside the latter, in turns: the same sandboxes' `python3 -c 1+1` by sandbox.exec, which starts Python
with all that it loads of itself and keeps nothing. Medians of 500 and of 25."""
import http.client
import json
import re
import signal
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

WARM = 500
FIRST = 25


class Client:
    def __init__(self, address, key):
        self.connection = http.client.HTTPConnection(address)
        self.headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

    def call(self, operation, **arguments):
        """The reply, and the milliseconds that it took."""
        begin = time.perf_counter()
        self.connection.request("POST", f"/api/sandbox/{operation}", json.dumps(arguments), self.headers)
        response = self.connection.getresponse()
        body = json.loads(response.read())
        took = (time.perf_counter() - begin) * 1e3
        if response.status != 200:
            raise SystemExit(f"sandbox.{operation}: {body['error']['message']}")
        return body, took


def figure(name, unit, ours, **rest):
    print(json.dumps({"figure": name, "unit": unit, "ours": ours, **rest}), flush=True)


def measure(client):
    warm, first, plain = [], [], []
    sandbox = client.call("create")[0]["id"]
    client.call("run_code", id=sandbox, code="1+1")
    for _ in range(WARM):
        warm.append(client.call("run_code", id=sandbox, code="1+1")[1])
    for _ in range(FIRST):
        fresh = client.call("create")[0]["id"]
        first.append(client.call("run_code", id=fresh, code="1+1")[1])
        plain.append(client.call("exec", id=fresh, command=["python3", "-c", "1+1"])[1])
        client.call("kill", id=fresh)
    client.call("kill", id=sandbox)
    figure('run_code("1+1") of Python, warm, p50', "ms", statistics.median(warm), bound="<= 5")
    figure('run_code("1+1"), the first in a new sandbox, p50', "ms", statistics.median(first), bound="<= 25",
           peer="exec python3 -c 1+1", theirs=statistics.median(plain))


def main():
    with tempfile.TemporaryDirectory(prefix="acloud-bench-") as data:
        command = ["build/acloud", "serve", "--listen", "127.0.0.1:0", "--data", data]
        server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        try:
            for line in server.stderr:
                if found := re.match(r"listening on http://(.*)$", line):
                    measure(Client(found[1], Path(data, "root.key").read_text().strip()))
                    return
            raise SystemExit(f"the server ended before it listened (exit code {server.wait()})")
        finally:
            server.send_signal(signal.SIGTERM)
            server.stderr.read()
            server.wait()


main()
