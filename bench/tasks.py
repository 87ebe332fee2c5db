#!/usr/bin/env python3
"""Tasks in numbers on one server with SQLite: a burst, a recovery, and sleepers.

The burst: 2,000 agents are asked for by 16 connections at once, each with a sandbox, in which it runs one command while
it writes a row into a database, between two calls of a model that is a mock in a process of its own. Figures: tasks a
second from the first request to the last end; from a task's request to its first step; the server's peak of memory; and
the slowest /healthz, asked 50 times a second all the while. BURST sets another number.

The recovery: 10,000 tasks that were running when the server was killed, in the middle of a wait (rows that are copies of
a real one's). The time is from the server's exec until all of them were taken up, replayed and wait again; median of five.
RECOVERED sets another number.

The sleepers: what the server's memory (Pss) grows by with 100,000 tasks that sleep; median of
five starts. SLEEPERS sets another number.

The peer of the recovery is SQLite alone, which does as many durable transactions of one row, one after the other."""
import http.client
import json
import os
import sqlite3
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, "tests")
from support.scripted import Scripted  # noqa: E402
from support.server import Server  # noqa: E402

BURST = int(os.environ.get("BURST", "2000"))
RECOVERED = int(os.environ.get("RECOVERED", "10000"))
SLEEPERS = int(os.environ.get("SLEEPERS", "100000"))
ROUNDS = 5
CONNECTIONS = 16


def figure(name, unit, ours, **rest):
    print(json.dumps({"figure": name, "unit": unit, "ours": round(ours, 2), **rest}), flush=True)


def mock():
    """A scripted model in a process of its own: its configuration, and the process, which ends with its input."""
    code = ("import sys; sys.path.insert(0, 'tests')\nfrom support.scripted import Scripted\n"
            "with Scripted() as model:\n    print(model.server.server_port, flush=True)\n    sys.stdin.read()\n")
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    port = int(process.stdout.readline())
    config = Scripted.config(type("Like", (), {"server": type("At", (), {"server_port": port})})())
    return config, process


def pss_mib(pid):
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    raise SystemExit("no Pss in smaps_rollup")


def peak_mib(pid):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise SystemExit("no VmHWM in status")


class Health:
    """Asks /healthz all the while, in a process of its own, which the scheduler puts before all others where it may,
    so that what it waits for is the server; `end` gives what each took in milliseconds."""

    CODE = """
import contextlib, http.client, json, os, select, sys, time
with contextlib.suppress(PermissionError):
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
connection = http.client.HTTPConnection(sys.argv[1], int(sys.argv[2]))
took = []
while not select.select([sys.stdin], [], [], 0.02)[0]:
    begin = time.perf_counter()
    connection.request("GET", "/healthz")
    connection.getresponse().read()
    took.append((time.perf_counter() - begin) * 1e3)
print(json.dumps(took))
"""

    def __init__(self, server):
        self.process = subprocess.Popen([sys.executable, "-c", self.CODE, server.host, str(server.port)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def end(self):
        return json.loads(self.process.communicate()[0])


def burst():
    config, model = mock()
    with Server(config=config, environment={"MOCK_KEY": "k"}) as server:
        server.call("database.create", {"name": "burst"})
        server.call("database.query", {"name": "burst", "sql": "CREATE TABLE t (n)"})
        health = Health(server)

        def submit(numbers):
            connection = http.client.HTTPConnection(server.host, server.port)
            for n in numbers:
                goal = {"turns": [[["sandbox_exec", {"command": "true"}],
                                   ["database_query", {"name": "burst", "sql": f"INSERT INTO t VALUES ({n})"}]]]}
                body = {"goal": json.dumps(goal), "model": "scripted", "resources": {"sandbox": {}},
                        "tools": ["sandbox.exec", "database.query"], "deadline_s": 3600}
                connection.request("POST", "/api/task/run", json.dumps(body),
                                   {"Authorization": f"Bearer {server.key}", "Content-Type": "application/json"})
                reply = connection.getresponse()
                text = reply.read()
                if reply.status != 200:
                    raise SystemExit(f"task.run: {text}")

        begin = time.monotonic()
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            list(pool.map(submit, [range(i, BURST, CONNECTIONS) for i in range(CONNECTIONS)]))
        store = sqlite3.connect(f"file:{server.data}/acloud.db?mode=ro", uri=True)
        while (left := store.execute("SELECT COUNT(*) FROM tasks WHERE due IS NOT NULL").fetchone()[0]) > 0:
            if time.monotonic() - begin > 540:
                raise SystemExit(f"{left} of {BURST} tasks are not done after 9 minutes")
            time.sleep(0.25)
        took = time.monotonic() - begin
        health = health.end()
        states = dict(store.execute("SELECT state, COUNT(*) FROM tasks GROUP BY state"))
        if states != {"succeeded": BURST}:
            raise SystemExit(f"not all tasks succeeded: {states}")
        first = sorted((began - created) / 1e6 for created, began in store.execute(
            "SELECT t.created, MIN(s.began) FROM tasks t JOIN task_steps s ON s.task = t.id GROUP BY t.id"))
        store.close()
        rows = server.call("database.query", {"name": "burst", "sql": "SELECT COUNT(*) FROM t"}).json["rows"][0][0]
        if rows != BURST:
            raise SystemExit(f"{rows} rows for {BURST} tasks")
        figure(f"{BURST} short tasks at once", "tasks/s", BURST / took)
        figure("their first step, p50", "s", statistics.median(first))
        figure("their first step, p99", "s", first[int(len(first) * 0.99)])
        figure("their server's memory at its peak", "MiB", peak_mib(server.process.pid))
        figure("/healthz meanwhile, p99", "ms", statistics.quantiles(health, n=100)[98])
        figure("/healthz meanwhile, the slowest", "ms", max(health), bound="<= 50")
    model.stdin.close()
    model.wait()


def sleeping_task(server):
    """A task that sleeps for a year."""
    goal = {"turns": [[["task_sleep", {"seconds": 30_000_000}]]]}
    task = server.call("task.run", {"goal": json.dumps(goal), "model": "scripted", "tools": ["task.sleep"],
                                    "deadline_s": 31_000_000}).json["id"]
    while server.call("task.get", {"id": task}).json["state"] != "waiting":
        time.sleep(0.01)
    return task


def copy_task(data, task, count, first=1):
    """So many more of it, in the store of a stopped server."""
    store = sqlite3.connect(f"{data}/acloud.db")
    with store:
        for table, name in (("tasks", "id"), ("task_steps", "task")):
            columns = [row[1] for row in store.execute(f"PRAGMA table_info({table})") if row[1] != name]
            listed = ", ".join(columns)
            store.execute(f"WITH RECURSIVE n(i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM n WHERE i < {first + count - 1}) "
                          f"INSERT INTO {table} ({name}, {listed}) SELECT printf('task_%020x', i), {listed} FROM n, {table} "
                          f"WHERE {name} = ?", (task,))
    store.close()


def transactions(folder, count):
    """Seconds for so many durable transactions of one row, one after the other."""
    store = sqlite3.connect(f"{folder}/alone.db", isolation_level=None)
    store.execute("PRAGMA journal_mode=WAL")
    store.execute("PRAGMA synchronous=FULL")
    store.execute("CREATE TABLE IF NOT EXISTS t (n INTEGER PRIMARY KEY, x BLOB)")
    begin = time.monotonic()
    for _ in range(count):
        store.execute("INSERT INTO t (x) VALUES (?)", (b"x" * 800,))
    took = time.monotonic() - begin
    store.close()
    return took


def recovery():
    config, model = mock()
    with Server(config=config, environment={"MOCK_KEY": "k"}) as server:
        task = sleeping_task(server)
        server.stop()
        copy_task(server.data, task, RECOVERED)
        ours, theirs = [], []
        for _ in range(ROUNDS):
            store = sqlite3.connect(f"{server.data}/acloud.db")
            with store:  # as a server that was killed leaves them
                store.execute("UPDATE tasks SET state = 'running', holder = 'killed', due = ? WHERE due IS NOT NULL",
                              (time.time_ns() // 1000 + 15_000_000,))
            store.close()
            theirs.append(transactions(server.data, min(RECOVERED, 2000)) * RECOVERED / min(RECOVERED, 2000))
            begin = time.monotonic()
            server.start()
            store = sqlite3.connect(f"file:{server.data}/acloud.db?mode=ro", uri=True)
            while store.execute("SELECT COUNT(*) FROM tasks WHERE state = 'running'").fetchone()[0] > 0:
                if time.monotonic() - begin > 120:
                    raise SystemExit("the tasks are not taken up after two minutes")
                time.sleep(0.05)
            ours.append(time.monotonic() - begin)
            store.close()
            server.stop(kill=True)
        figure(f"recovery of {RECOVERED} unfinished tasks", "s", statistics.median(ours), bound="<= 5",
               peer="SQLite alone, a transaction each", theirs=round(statistics.median(theirs), 2))
        server.start()
    model.stdin.close()
    model.wait()


def sleepers():
    config, model = mock()
    with Server(config=config, environment={"MOCK_KEY": "k"}) as server:
        task = sleeping_task(server)
        grown = []
        time.sleep(1)
        before = pss_mib(server.process.pid)
        server.stop()
        copy_task(server.data, task, SLEEPERS)
        for _ in range(ROUNDS):
            server.start()
            server.call("task.get", {"id": task})
            server.call("task.list", {"limit": 1000})
            time.sleep(2)  # more than one look for what is due
            grown.append(pss_mib(server.process.pid) - before)
            server.stop()
        figure(f"memory of {SLEEPERS} sleeping tasks", "MiB", statistics.median(grown), bound="<= 200")
        server.start()
    model.stdin.close()
    model.wait()


if __name__ == "__main__":
    wanted = sys.argv[1:] or ["burst", "recovery", "sleepers"]
    for each in wanted:
        {"burst": burst, "recovery": recovery, "sleepers": sleepers}[each]()
