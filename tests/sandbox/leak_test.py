"""Thousands of sandboxes made and ended while things fail around them; afterwards nothing of any is left.

    leak_test.py [--creates 200] [--seed N]

As a test it makes 200, or 10,000 where ACLOUD_SOAK is set, from eight clients at once. What they do in their
sandboxes: a command, a hog that runs out of memory, a fork bomb, a full disk, programs left in the background, a
pause; what is not killed has a deadline. Meanwhile, at random moments and for a moment each:

    no processes   the server, its spawner and what they start may have no more (cgroup pids)
    no memory      the spawner may not map another page (RLIMIT_AS)
    a full disk    a file takes the last block of the server's data folder
    a kill         SIGKILL for the server, which is then started again

A call may fail meanwhile, but only with an error that says that the machine is out of something, or was too slow.
In the end the server is asked to end what lives, and stopped. Everything happens in a pid and a mount namespace
that the test makes, so that what is left can be counted: processes, mounts, cgroups, loop devices, files, and, before
the server stops, its descriptors and its spawner's.
"""

import argparse
import collections
import contextlib
import faulthandler
import http.client
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

from support.server import Server

CLIENTS = 8
DISK = 192 << 20  # bytes, for the data folder
DEADLINE = 15  # seconds, for what nobody kills; so long that no deed is cut short, and few fill the disk together
SPARE = 8  # descriptors that a server opens when it first needs them, such as another reader's; 80 sandboxes leak 80
PATIENCE = 60  # seconds for what has to happen in the end
TIME_LIMIT, TIME_EACH = 150, 0.5  # seconds, and for each sandbox; then it says where it hangs
CGROUPS = Path("/sys/fs/cgroup")

# What an agent may do in its sandbox; each is run with a time-out that kills it.
DEEDS = {
    "command": "echo done",
    "memory hog": "python3 -c 'x = bytearray(1 << 30)'",
    "fork bomb": "f() { f | f & }; f; sleep 0.05",
    "full disk": "head -c 64M /dev/zero > /root/full; echo",
    "background": "setsid sleep 3600 & (sleep 3600 | cat) & echo left",
}
SMALL = {"memory_bytes": 64 << 20, "processes": 32, "disk_bytes": 16 << 20}
# `internal` is none of these: it would say that a failure was not foreseen.
EXPECTED = {"unavailable", "deadline_exceeded", "not_found", "conflict", "connection"}


def children(pid):
    return [int(word) for task in Path(f"/proc/{pid}/task").iterdir() for word in (task / "children").read_text().split()]


def until(what, holds):
    end = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > end:
            raise SystemExit(f"leak_test: after {PATIENCE} s still {what() if callable(what) else what}")
        time.sleep(0.05)


class Cloud:
    """The server under test, in a cgroup whose processes can be limited."""

    def __init__(self, folder):
        self.data = folder / "data"
        self.server = Server(data=str(self.data), flags=["--log", "error"])
        self.group = CGROUPS / "pids" / f"acloud-leak-test-{os.getpid()}-{random.getrandbits(32):08x}"
        self.lock = threading.Lock()  # held by whoever stops and starts it
        self.limited = self.group.parent.is_dir()
        if self.limited:
            self.group.mkdir()
            # The server inherits the group; the test itself leaves it again.
            (self.group / "cgroup.procs").write_text(str(os.getpid()))

    def start(self):
        self.server.start()

    def look_elsewhere(self):
        """Folders on a tmpfs, which are there as long as the server or a sandbox is."""
        links = [self.data / "jails/jails", self.data / "sandboxes/records"]
        self.elsewhere = [link.readlink() for link in links if link.is_symlink()]

    def restart(self):
        with self.lock:
            self.server.restart(kill=True)

    def call(self, operation, **arguments):
        """The reply's status and JSON, or (None, {}) where the server is gone."""
        try:
            reply = self.server.call("sandbox." + operation, arguments)
            return reply.status, reply.json
        except (OSError, http.client.HTTPException, json.JSONDecodeError):
            return None, {}

    def spawner(self):
        found = [pid for pid in children(self.server.process.pid) if Path(f"/proc/{pid}/comm").exists()]
        return found[0] if found else None

    def descriptors(self):
        """The server's and its spawner's."""
        return [len(os.listdir(f"/proc/{pid}/fd")) for pid in (self.server.process.pid, self.spawner())]

    def settled(self):
        """descriptors(), once they have been the same for three seconds: what is kept ready is there by then."""
        seen = [None] * 60
        until("more or fewer descriptors", lambda: seen.append(self.descriptors()) or seen[-60:] == seen[-1:] * 60)
        return seen[-1]

    def remove_group(self):
        if self.limited:
            (self.group.parent / "cgroup.procs").write_text(str(os.getpid()))
            until("processes in the test's cgroup", lambda: not (self.group / "cgroup.procs").read_text())
            self.group.rmdir()


class Faults:
    """Each is a moment in which the machine is out of something."""

    def __init__(self, cloud, choice):
        self.cloud, self.choice = cloud, choice
        self.counts = collections.Counter()
        self.kinds = {"no memory": self.no_memory, "full disk": self.full_disk, "kill": self.kill}
        if cloud.limited:
            self.kinds["no processes"] = self.no_processes

    def moment(self):
        time.sleep(self.choice.uniform(0.02, 0.2))

    @contextlib.contextmanager
    def written(self, path, value, afterwards):
        path.write_text(value)
        yield
        path.write_text(afterwards)

    def no_processes(self):
        with self.written(self.cloud.group / "pids.max", "1", "max"):
            self.moment()

    def no_memory(self):
        pid = self.cloud.spawner()
        if pid is None:
            return
        with contextlib.suppress(ProcessLookupError):
            before = resource.prlimit(pid, resource.RLIMIT_AS, (0, resource.RLIM_INFINITY))
            self.moment()
            resource.prlimit(pid, resource.RLIMIT_AS, before)

    def full_disk(self):
        filler = self.cloud.data / "filler"
        try:
            with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
                while file.write(bytes(1 << 20)):
                    pass
            self.moment()
        finally:
            filler.unlink()

    def kill(self):
        self.cloud.restart()

    def run(self, stop):
        while not stop.wait(self.choice.uniform(0.05, 0.5)):
            kind = self.choice.choice(sorted(self.kinds))
            self.kinds[kind]()
            self.counts[kind] += 1


class Client:
    def __init__(self, cloud, seed, tally):
        self.cloud, self.choice, self.tally = cloud, random.Random(seed), tally

    def call(self, operation, **arguments):
        status, reply = self.cloud.call(operation, **arguments)
        code = "ok" if status == 200 else "connection" if status is None else reply["error"]["code"]
        self.tally[f"{operation} {code}"] += 1
        if code not in EXPECTED | {"ok"}:
            raise SystemExit(f"leak_test: sandbox.{operation} {arguments}: {reply['error']}")
        if status is None:
            with self.cloud.lock:  # until it is there again
                pass
        return reply if code == "ok" else None

    def life(self):
        limits = SMALL if self.choice.random() < 0.5 else {}
        made = self.call("create", limits=limits, deadline_s=DEADLINE)
        if made is None:
            return
        deed = self.choice.choice(sorted(DEEDS))
        if deed != "command" and not limits:
            deed = "command"
        self.call("exec", id=made["id"], command=DEEDS[deed], timeout_s=5)
        self.tally[f"deed {deed}"] += 1
        if self.choice.random() < 0.1:
            self.call("pause", id=made["id"])
        if self.choice.random() < 0.9:
            self.call("kill", id=made["id"])


def left(cloud, mounts):
    """What there is of sandboxes, by kind; all zeros where nothing is left."""
    name = cgroup_name(cloud.data / "jails")
    with contextlib.suppress(ChildProcessError):  # orphans are process 1's to bury
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    jails = sum(1 for _ in (cloud.data / "jails/jails").glob("*"))
    return {
        "processes": sum(entry.isdigit() and int(entry) != os.getpid() for entry in os.listdir("/proc")),
        "mounts": Path("/proc/self/mounts").read_text().count("\n") - mounts,
        "cgroups": sum((hierarchy / name).exists() for hierarchy in CGROUPS.iterdir()),
        "loop devices": sum(str(cloud.data) in file.read_text() for file in Path("/sys/block").glob("loop*/loop/backing_file")),
        "files": jails + sum(len(found) for _, _, found in os.walk(cloud.data / "sandboxes", followlinks=True))
        + sum(folder.exists() for folder in cloud.elsewhere),
    }


def cgroup_name(folder):
    """As src/sandbox/jail/record.cc has it: FNV-1a of the folder's path."""
    value = 0xCBF29CE484222325
    for byte in str(folder).encode():
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return f"acloud-{value:016x}"


def kill_all(cloud):
    def killed():
        for item in cloud.call("list", limit=1000)[1].get("items", []):
            cloud.call("kill", id=item["id"])
        return cloud.call("list", limit=1)[1].get("items") == []

    until("sandboxes that live", killed)


def one_after_the_other(cloud, count):
    for _ in range(count):
        made = cloud.call("create")[1]
        cloud.call("exec", id=made["id"], command=["true"])
        cloud.call("kill", id=made["id"])


def soak(creates, seed, folder):
    cloud, choice, tally = Cloud(folder), random.Random(seed), collections.Counter()
    mounts = Path("/proc/self/mounts").read_text().count("\n")
    cloud.start()
    if cloud.call("create")[0] != 200:
        raise SystemExit("leak_test: no sandbox can be made here")
    cloud.look_elsewhere()
    faults, stop, clients = Faults(cloud, choice), threading.Event(), []

    def work(client):
        while not stop.is_set() and tally["create ok"] < creates:
            client.life()

    failed = []

    def guarded(run, *arguments):
        try:
            run(*arguments)
        except BaseException as error:  # also SystemExit: it ends a thread in silence
            failed.append(error)
            stop.set()

    begin = time.monotonic()
    fault_thread = threading.Thread(target=guarded, args=(faults.run, stop))
    fault_thread.start()
    for i in range(CLIENTS):
        clients.append(threading.Thread(target=guarded, args=(work, Client(cloud, seed * 1000 + i, tally))))
        clients[-1].start()
    for thread in clients:
        thread.join()
    stop.set()
    fault_thread.join()
    if failed:
        raise failed[0]

    # What a server that has made one needs, it needs no more of after many. Some goes within a second or two.
    cloud.restart()
    kill_all(cloud)
    one_after_the_other(cloud, 1)
    before = cloud.settled()
    one_after_the_other(cloud, 80)
    until(lambda: f"descriptors of server and spawner: {cloud.descriptors()} after 80 more, {before} before",
          lambda: all(now <= then + SPARE for now, then in zip(cloud.descriptors(), before)))
    code = cloud.server.stop()
    until(lambda: f"left {left(cloud, mounts)}", lambda: not any(left(cloud, mounts).values()))
    cloud.remove_group()

    print(f"{tally['create ok']} sandboxes made in {time.monotonic() - begin:.0f} s, seed {seed}")
    print("faults:", ", ".join(f"{count} x {kind}" for kind, count in sorted(faults.counts.items())))
    print("calls:", ", ".join(f"{name} {count}" for name, count in sorted(tally.items()) if " " in name))
    print("left:", ", ".join(f"{count} {kind}" for kind, count in left(cloud, mounts).items()), flush=True)
    if code:
        raise SystemExit(f"leak_test: the server's exit code is {code}")
    if not tally["exec ok"] or not tally["pause ok"] or sum(faults.counts.values()) < 4:
        raise SystemExit("leak_test: it has not tried what it says")


def inside(arguments):
    """In namespaces of its own: process 1, with the data folder on a disk of its own."""
    faulthandler.dump_traceback_later(TIME_LIMIT + TIME_EACH * arguments.creates, exit=True)
    folder = Path(tempfile.mkdtemp(prefix="acloud-leak-"))
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", folder], check=True)
    try:
        soak(arguments.creates, arguments.seed, folder)
    finally:
        subprocess.run(["umount", "-l", folder], check=False)
        shutil.rmtree(folder, ignore_errors=True)


def parse(words):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--creates", type=int, default=10_000 if os.environ.get("ACLOUD_SOAK") else 200)
    parser.add_argument("--seed", type=int, default=random.getrandbits(32))
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args(words)


def run(words):
    arguments = parse(words)
    if arguments.inside:
        inside(arguments)
        return 0
    return subprocess.run(["unshare", "--pid", "--fork", "--mount-proc", "--propagation", "private", sys.executable, "-m",
                           "sandbox.leak_test", "--inside", "--creates", str(arguments.creates), "--seed",
                           str(arguments.seed)], check=False, cwd=Path(__file__).resolve().parent.parent).returncode


class Leaks(unittest.TestCase):
    def test_nothing_is_left_of_any_sandbox_whatever_fails(self):
        if os.geteuid() != 0:
            self.skipTest("needs root, for namespaces in which all that is left can be counted")
        self.assertEqual(run([]), 0)


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
