#!/usr/bin/env python3
"""Product sandbox over REST, on one connection where nothing else is said, by a client of a few lines.

Beside "create, run true, kill": bubblewrap with all namespaces and the host's /usr, and crun with the like in a
bundle, each as a process that is started and waited for; bubblewrap in turns with ours. acloud's side is three calls, each
authenticated, metered and audited; theirs knows nothing of that. Medians of 200, of 20 for crun.

The burst is 300 connections that each create a sandbox and run `true` in it; then all kill at once. The first is of a
server that has made one sandbox in its life, the others come seconds apart, as bursts do. Memory is what the machine has
less of (MemAvailable) with 1,000 idle sandboxes, over 1,000; and with the last 1,000, when the others are paused. The
list is of 10,000 paused ones, in pages of 1,000; SANDBOXES sets another number."""
import json
import os
import re
import selectors
import shlex
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, "tests")
from support.server import Server  # noqa: E402

ROUNDS = 200
CRUN_ROUNDS = 20
BURST = 300
IDLE = 1000
PAUSED = 10000
SECONDS_BETWEEN = 3  # bursts
BUBBLEWRAP = ["bwrap", "--unshare-all", "--ro-bind", "/usr", "/usr", "--symlink", "usr/bin", "/bin", "--symlink", "usr/lib",
              "/lib", "--symlink", "usr/lib64", "/lib64", "--proc", "/proc", "--dev", "/dev", "/bin/true"]


def figure(name, unit, ours, **rest):
    print(json.dumps({"figure": name, "unit": unit, "ours": ours, **rest}), flush=True)


class Client:
    """One connection. Of HTTP it knows no more than it must, so that its own work counts for little."""

    def __init__(self, server):
        self.socket, self.key = socket.create_connection((server.host, server.port)), server.key
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def call(self, operation, **arguments):
        """The reply, and the milliseconds that it took."""
        request = post(self.key, operation, arguments)
        begin = time.perf_counter()
        self.socket.sendall(request)
        got, whole = b"", None
        while whole is None or len(got) < whole:
            piece = self.socket.recv(1 << 20)
            if not piece:
                raise SystemExit(f"sandbox.{operation}: the server has closed the connection")
            got += piece
            if whole is None and (end := got.find(b"\r\n\r\n")) >= 0:
                whole = end + 4 + int(re.search(rb"(?i)\r\ncontent-length: *(\d+)", got[:end + 2]).group(1))
        took = (time.perf_counter() - begin) * 1e3
        head, _, body = got.partition(b"\r\n\r\n")
        reply = json.loads(body)
        if not head.startswith(b"HTTP/1.1 200"):
            raise SystemExit(f"sandbox.{operation}: {reply['error']['message']}")
        return reply, took


def post(key, operation, arguments):
    body = json.dumps(arguments)
    return (f"POST /api/sandbox/{operation} HTTP/1.1\r\nHost: acloud\r\nAuthorization: Bearer {key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}").encode()


def spawn(words):
    """Milliseconds for a program from its start to its end."""
    begin = time.perf_counter()
    _, status = os.waitpid(os.posix_spawnp(words[0], words, os.environ), 0)
    if status:
        raise SystemExit(f"{words[0]} failed: {os.waitstatus_to_exitcode(status)}")
    return (time.perf_counter() - begin) * 1e3


def write_bundle(folder):
    root = folder / "rootfs"
    for name in ("usr", "proc", "dev"):
        (root / name).mkdir(parents=True)
    for name in ("bin", "lib", "lib64"):
        (root / name).symlink_to(f"usr/{name}")
    mounts = [{"destination": "/usr", "type": "none", "source": "/usr", "options": ["rbind", "ro"]},
              {"destination": "/proc", "type": "proc", "source": "proc"},
              {"destination": "/dev", "type": "tmpfs", "source": "tmpfs"}]
    namespaces = [{"type": kind} for kind in ("pid", "network", "ipc", "uts", "mount", "cgroup")]
    (folder / "config.json").write_text(json.dumps({
        "ociVersion": "1.0.0", "root": {"path": "rootfs"}, "mounts": mounts, "linux": {"namespaces": namespaces},
        "process": {"cwd": "/", "args": ["/bin/true"], "user": {"uid": 0, "gid": 0}, "env": []}}))


def crun(folder):
    """Milliseconds of each round. In a mount namespace without cgroup v2 beside v1, which crun would refuse."""
    write_bundle(folder)
    program = "umount -q /sys/fs/cgroup/unified; exec python3 bench/sandbox.py --crun " + shlex.quote(str(folder))
    done = subprocess.run(["unshare", "--mount", "sh", "-c", program], stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def crun_rounds(folder):
    return [spawn(["crun", "run", "--bundle", folder, f"acloud-bench-{os.getpid()}"]) for _ in range(CRUN_ROUNDS)]


def measure_life(client, folder):
    ours, bubblewrap = [], []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        sandbox = client.call("create")[0]["id"]
        client.call("exec", id=sandbox, command=["true"])
        client.call("kill", id=sandbox)
        ours.append((time.perf_counter() - begin) * 1e3)
        bubblewrap.append(spawn(BUBBLEWRAP))
    name = "sandbox: create, run true, kill, p50"
    figure(name, "ms", statistics.median(ours), peer="bubblewrap", theirs=statistics.median(bubblewrap), bound="ratio <= 1")
    figure(name, "ms", statistics.median(ours), peer="crun", theirs=statistics.median(crun(folder)), bound="ratio <= 0.1")


def measure_calls(client):
    sandbox = client.call("create")[0]["id"]
    execs, freezes, thaws = [], [], []
    for _ in range(ROUNDS):
        execs.append(client.call("exec", id=sandbox, command=["true"])[1])
        freezes.append(client.call("pause", id=sandbox)[1])
        thaws.append(client.call("resume", id=sandbox)[1])
    client.call("kill", id=sandbox)
    figure("sandbox: exec of true, p50", "ms", statistics.median(execs))
    figure("sandbox: pause, p50", "ms", statistics.median(freezes), bound="<= 2")
    figure("sandbox: resume, p50", "ms", statistics.median(thaws), bound="<= 2")


class Burst:
    """Many connections, each with one request on its way."""

    def __init__(self, server, count):
        self.key, self.selector = server.key, selectors.DefaultSelector()
        self.sockets = [socket.create_connection((server.host, server.port)) for _ in range(count)]
        self.ids = {}

    def send(self, connection, operation, **arguments):
        connection.sendall(post(self.key, operation, arguments))

    def replies(self):
        """Each connection's reply, as they come; a reply is small, and comes whole."""
        for connection in self.sockets:
            self.selector.register(connection, selectors.EVENT_READ)
        while self.selector.get_map():
            for key, _ in self.selector.select():
                head, _, body = key.fileobj.recv(65536).partition(b"\r\n\r\n")
                if not head.startswith(b"HTTP/1.1 200"):
                    raise SystemExit(f"a call of the burst failed: {body.decode()}")
                yield key.fileobj, json.loads(body)

    def make(self):
        """Milliseconds until each has made a sandbox and run `true` in it."""
        begin = time.perf_counter()
        for connection in self.sockets:
            self.send(connection, "create")
        for connection, reply in self.replies():
            if connection in self.ids:
                self.selector.unregister(connection)
            else:
                self.ids[connection] = reply["id"]
                self.send(connection, "exec", id=reply["id"], command=["true"])
        return (time.perf_counter() - begin) * 1e3

    def kill(self):
        begin = time.perf_counter()
        for connection in self.sockets:
            self.send(connection, "kill", id=self.ids[connection])
        for connection, _ in self.replies():
            self.selector.unregister(connection)
        took = (time.perf_counter() - begin) * 1e3
        for connection in self.sockets:
            connection.close()
        return took


def measure_burst(server):
    made, killed = [], []
    for _ in range(6):
        burst = Burst(server, BURST)
        made.append(burst.make())
        killed.append(burst.kill())
        time.sleep(SECONDS_BETWEEN)
    figure(f"sandbox: the first {BURST} at once, each has run true", "ms", made[0], bound="<= 1500")
    figure(f"sandbox: {BURST} at once, each has run true", "ms", statistics.median(made[1:]), bound="<= 1500")
    figure(f"sandbox: {BURST} killed at once", "ms", statistics.median(killed), bound="<= 300")


def available():
    text = Path("/proc/meminfo").read_text()
    return int(text.split("MemAvailable:")[1].split()[0]) / 1024


def measure_many(client):
    ids, memory, wanted = [], [], int(os.environ.get("SANDBOXES", PAUSED))
    while len(ids) < wanted:
        before, count = available(), min(IDLE, wanted - len(ids))
        idle = [client.call("create", idle_timeout_s=3600)[0]["id"] for _ in range(count)]
        memory.append((before - available()) / count)
        for sandbox in idle:
            client.call("pause", id=sandbox)
        ids += idle
    figure(f"sandbox: memory of one of {IDLE} idle", "MiB", memory[0], bound="<= 1")
    if len(memory) > 1:
        figure(f"sandbox: memory of one of {IDLE} idle beside {len(ids) - count} paused", "MiB", memory[-1])
    times = []
    for _ in range(5):
        total, cursor, seen = 0, {}, 0
        while cursor is not None:
            page, took = client.call("list", state="paused", limit=1000, **cursor)
            total += took
            seen += len(page["items"])
            cursor = {"cursor": page["next_cursor"]} if page.get("next_cursor") else None
        times.append(total)
        if seen != len(ids):
            raise SystemExit(f"the list has {seen} of {len(ids)} paused sandboxes")
    figure(f"sandbox: list of {len(ids)} paused", "ms", statistics.median(times), bound="<= 50")
    for sandbox in ids:
        client.call("kill", id=sandbox)


def main():
    with tempfile.TemporaryDirectory(prefix="acloud-bench-") as folder, Server(flags=["--log", "error"]) as server:
        client = Client(server)
        try:
            first = client.call("create")[0]["id"]  # the server has found out what there is
            client.call("kill", id=first)
            measure_burst(server)
            client = Client(server)  # the other connection has been idle
            measure_life(client, Path(folder))
            measure_calls(client)
            measure_many(client)
        finally:  # they would live on for ten minutes without their server
            client = Client(server)
            while left := client.call("list", limit=1000)[0]["items"]:
                for sandbox in left:
                    client.call("kill", id=sandbox["id"])


if sys.argv[1:2] == ["--crun"]:
    print(json.dumps(crun_rounds(sys.argv[2])))
else:
    main()
