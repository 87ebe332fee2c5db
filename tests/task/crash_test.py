"""kill -9 of servers at random moments over a mix of tasks: every task ends, every step is done once, every resource is
gone, and every call of a model is in the ledger.

    crash_test.py [--kills 200] [--servers 1|2] [--seed N]

One server is on SQLite; two share a PostgreSQL, and either is killed. As a test it kills a few times, or 200 times where
ACLOUD_SOAK is set.

What is counted, and where:
- A command in a task's sandbox adds a line to a file there; the agent's answer tells what the file holds at the end.
- SQL adds a row to a database that outlives the tasks, a message goes to a queue, an object into a bucket.
- A program in a sandbox calls the cloud itself, again and again with one idempotency key until it is answered.
- The model counts, for each task, what it was asked and what it answered whole. In the ledger each task has a record for
  each time that it was asked, or more: a call that was cut off before it was asked has a record as well. A record `ok`
  has exactly what the model said that it used, at the model's price, and there are no more of these than answers. Any
  other is `lost`: it was cut off by a kill, and has what the call was estimated at, at the model's price.
"""

import argparse
import collections
import glob
import json
import os
import random
import sqlite3
import sys
import time
import unittest

from support.postgres import Postgres
from support.scripted import Scripted
from support.server import Server

PATIENCE = 240  # seconds for all tasks to end after the last kill, on a machine that does much else
AT_ONCE = 8     # tasks under way
INPUT, OUTPUT, PRICE = 10, 2, (1, 10)  # tokens of each answer, and micro-units that a token costs

PROGRAM = """
import json, os, sys, time, urllib.request
open("/count", "a").write("run\\n")
for step in range(3):
    sql = f"INSERT INTO effects VALUES ('{sys.argv[1]}', 'program-{step}')"
    request = urllib.request.Request(
        os.environ["ACLOUD_URL"] + "/api/database/query", json.dumps({"name": "shared", "sql": sql}).encode(),
        {"Authorization": "Bearer " + os.environ["ACLOUD_API_KEY"], "Content-Type": "application/json",
         "Idempotency-Key": f"{sys.argv[1]}-{step}"})
    for attempt in range(2000):
        try:
            urllib.request.urlopen(request, timeout=20).read()
            break
        except Exception as error:
            last = error
            time.sleep(0.05)
    else:
        sys.exit(f"step {step}: {last}")
print(open("/count").read())
"""


class Fleet:
    """The servers, of which some may be down at the moment."""

    def __init__(self, servers):
        self.servers = servers
        self.key = servers[0].key
        self.slowest = (0, "")

    def call(self, operation, arguments=None, key=None):
        """Asks until somebody answers; with an idempotency key where the call has effects."""
        began = time.monotonic()
        try:
            return self.ask(operation, arguments, key)
        finally:
            self.slowest = max(self.slowest, (time.monotonic() - began, operation))

    def ask(self, operation, arguments, key):
        headers = {"Idempotency-Key": key} if key else {}
        by = time.monotonic() + PATIENCE
        while time.monotonic() < by:
            for server in self.servers:
                try:
                    server.key = self.key
                    reply = server.call(operation, arguments, headers=headers)
                except Exception:  # noqa: BLE001: http.client has many for a server that is gone
                    continue
                if reply.status == 200:
                    return reply.json
                if reply.status < 500 and "retry-after" not in reply.headers:
                    raise AssertionError(f"{operation}: {reply.body}")
            time.sleep(0.05)
        raise AssertionError(f"{operation} was not answered")

    def kill(self, server):
        server.stop(kill=True)

    def revive(self, server):
        server.start()
        server.key = self.key


class Mix:
    """Tasks, and what each has to leave."""

    def __init__(self, fleet, seed):
        self.fleet, self.seed = fleet, seed
        self.tasks = {}  # id: (number, kind)
        self.open = set()
        self.ended = {}
        self.made = 0
        fleet.call("database.create", {"name": "shared"}, "mix-database")
        fleet.call("database.query", {"name": "shared", "sql": "CREATE TABLE effects (task TEXT, step TEXT)"}, "mix-table")
        fleet.call("object.create_bucket", {"bucket": "shared"}, "mix-bucket")
        fleet.call("queue.create", {"name": "shared"}, "mix-queue")

    def start(self):
        number = self.made
        self.made += 1
        kind = ("commands", "effects", "program", "resources")[number % 4]
        request = getattr(self, kind)(f"t{number}")
        task = self.fleet.call("task.run", request, f"start-{self.seed}-{number}")["id"]
        self.tasks[task] = (f"t{number}", kind)
        self.open.add(task)

    @staticmethod
    def agent(name, turns, **more):
        goal = {"name": name, "turns": turns, "echo": True, "think_s": 0.05}
        return {"goal": json.dumps(goal), "model": "scripted", **more}

    def commands(self, name):
        turns = [[["sandbox_exec", {"command": f"echo {step} >> /count; sleep 0.{step}; cat /count"}]] for step in range(4)]
        return self.agent(name, turns, resources={"sandbox": {}}, tools=["sandbox.exec"])

    def effects(self, name):
        row = lambda step: ["database_query", {"name": "shared", "sql": f"INSERT INTO effects VALUES ('{name}', '{step}')"}]
        turns = [[row("a"), row("b"), ["queue_send", {"name": "shared", "body": f"{name}/0"}]],
                 [["object_put", {"bucket": "shared", "key": name, "content": name}], row("c")],
                 [["queue_send", {"name": "shared", "body": f"{name}/1"}], ["task_sleep", {"seconds": 0.3}], row("d")]]
        return self.agent(name, turns, tools=["database.query", "queue.send", "object.put", "task.sleep"])

    def program(self, name):
        return {"goal": name, "tools": ["database.query"],
                "program": {"command": ["python3", "agent.py", name], "files": [{"path": "agent.py", "content": PROGRAM}]}}

    def resources(self, name):
        own = f"own-{name}"
        turns = [[["sandbox_exec", {"command": "echo one >> /count; cat /count"}],
                  ["database_query", {"name": own, "sql": "INSERT INTO own VALUES (1); SELECT count(*) FROM own"}]],
                 [["object_put", {"bucket": own, "key": "k", "content": "v"}], ["queue_send", {"name": own, "body": "m"}]],
                 [["database_query", {"name": own, "sql": "SELECT count(*) FROM own"}]]]
        return self.agent(name, turns, resources={
            "files": [{"path": "f", "content": "c"}], "bucket": own, "queue": own,
            "database": {"name": own, "sql": ["CREATE TABLE own (x INTEGER)"]}})

    def look(self):
        """Which have ended."""
        for task in list(self.open):
            seen = self.fleet.call("task.get", {"id": task})
            if seen["state"] in ("succeeded", "failed", "cancelled"):
                self.ended[task] = seen
                self.open.discard(task)

    # --- what came of them ---

    def complaints(self):
        wrong, rows, messages = [], collections.Counter(), set()
        for task, seen in self.ended.items():
            name, kind = self.tasks[task]
            if seen["state"] != "succeeded" or "left" in seen["result"]:
                wrong.append(f"{name} ({kind}) {task}: {seen}")
                continue
            if kind == "effects":
                rows.update((name, step) for step in "abcd")
                messages |= {f"{name}/0", f"{name}/1"}
                if self.fleet.call("object.get", {"bucket": "shared", "key": name})["content"] != name:
                    wrong.append(f"{name}: its object is not what was put")
            elif kind == "program":
                rows.update((name, f"program-{step}") for step in range(3))
                if seen["result"]["stdout"].split() != ["run"]:
                    wrong.append(f"{name}: the program ran as {seen['result']['stdout']!r}")
            else:
                wrong += self.told(name, kind, [json.loads(text) for text in json.loads(seen["result"]["answer"])])
        found = collections.Counter(
            tuple(row) for row in self.fleet.call("database.query", {"name": "shared", "limit": 10_000,
                                                                     "sql": "SELECT task, step FROM effects"})["rows"])
        wrong += [f"{key}: {found[key]} rows instead of {rows[key]}" for key in found | rows if found[key] != rows[key]]
        got = collections.Counter(self.received())
        wrong += [f"message {body}: {got[body]} times" for body in messages | set(got) if got[body] != (body in messages)]
        return wrong, sum(found.values()), sum(got.values())

    @staticmethod
    def told(name, kind, results):
        if any("error" in result for result in results):
            return [f"{name} ({kind}): {results}"]
        if kind == "commands":
            wanted = ["".join(f"{i}\n" for i in range(step + 1)) for step in range(4)]
            said = [result["stdout"] for result in results]
            return [] if said == wanted else [f"{name}: its commands ran as {said}"]
        right = (results[0]["stdout"] == "one\n" and results[1]["rows"] == [[1]] and results[-1]["rows"] == [[1]])
        return [] if right else [f"{name} ({kind}): {results}"]

    def received(self):
        number = 0
        while items := self.fleet.call("queue.receive", {"name": "shared", "limit": 10}, f"receive-{number}")["items"]:
            number += 1
            for item in items:
                yield item["body"]
                self.fleet.call("queue.ack", {"name": "shared", "receipt": item["receipt"]})

    def left(self):
        """What is there beside what the test made itself."""
        call, wrong = self.fleet.call, []
        for server in self.fleet.servers:
            wrong += [f"sandbox {item}" for item in server.call("sandbox.list").json["items"]]
        wrong += [f"database {item['name']}" for item in call("database.list")["items"] if item["name"] != "shared"]
        wrong += [f"bucket {item}" for item in call("object.list_buckets")["items"] if item["bucket"] != "shared"]
        wrong += [f"queue {item}" for item in call("queue.list")["items"] if item["name"] != "shared"]
        wrong += [f"key {item}" for item in call("key.list")["items"] if item["name"] in self.tasks and
                  not item.get("revoked")]
        return wrong


def left_on_the_machine(server):
    """Of a server that has stopped, once every sandbox was killed: its jails, mounts, processes and files."""
    wrong = [f"file {path}" for folder in ("sandboxes", "jails")
             for path in glob.glob(os.path.join(server.data, folder, "**"), recursive=True) if "sbx_" in path]
    with open("/proc/self/mounts", encoding="utf-8") as mounts:
        wrong += [f"mount {line.split()[1]}" for line in mounts if server.data in line]
    for entry in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            with open(entry, "rb") as file:
                words = file.read()
        except OSError:
            continue
        if server.data.encode() in words:
            wrong.append(f"process {entry.split('/')[2]} {words!r}")
    return wrong + [f"cgroup {path}" for path in cgroups(server)]


def cgroups(server):
    """Of the jails of a data folder: they lie in a group that is named by an FNV-1a hash of the jails' folder."""
    name = 0xCBF29CE484222325
    for byte in os.path.join(server.data, "jails").encode():
        name = (name ^ byte) * 0x100000001B3 % (1 << 64)
    return glob.glob(f"/sys/fs/cgroup/**/acloud-{name:016x}/sbx_*", recursive=True)


LEDGER = ("SELECT task, outcome, count(*), min(input_uncached), max(input_uncached), min(output), max(output), "
          "sum(input_uncached), sum(output), sum(cost_micro), sum(cost_rest) FROM usage_calls "
          "WHERE operation = 'model.chat' GROUP BY task, outcome ORDER BY task, outcome")


def ledger_complaints(lines, mix, asked, answered):
    """Compares the ledger with what the model counted; (complaints, figures)."""
    wrong, records = [], collections.defaultdict(dict)
    figures = collections.Counter()
    for task, outcome, count, least_in, most_in, least_out, most_out, tokens_in, tokens_out, micro, rest in lines:
        records[task][outcome] = int(count)
        figures[outcome] += int(count)
        figures["micro"] += int(micro)
        if int(micro) != int(tokens_in) * PRICE[0] + int(tokens_out) * PRICE[1] or int(rest) != 0:
            wrong.append(f"{task} {outcome}: {tokens_in} and {tokens_out} tokens cost {micro} {rest}")
        exact = (int(least_in), int(most_in), int(least_out), int(most_out)) == (INPUT, INPUT, OUTPUT, OUTPUT)
        if outcome == "ok" and not exact:
            wrong.append(f"{task}: calls that were answered have {least_in} to {most_in} tokens")
        if outcome not in ("ok", "lost"):
            wrong.append(f"{task}: {count} calls with the outcome {outcome}")
    for task, (name, kind) in mix.tasks.items():
        counted = records[task]
        total = sum(counted.values())
        if total < asked[name] or counted.get("ok", 0) > answered[name]:
            wrong.append(f"{name} ({kind}) {task}: asked {asked[name]}, answered {answered[name]}, ledger {counted}")
    return wrong, figures


def crash(servers, model, kills, seed, ask_store):
    """Runs it; (complaints, figures as text)."""
    chance = random.Random(seed)
    fleet = Fleet(servers)
    mix = Mix(fleet, seed)
    began = time.monotonic()
    down = []
    for number in range(kills):
        while len(mix.open) < AT_ONCE:
            mix.start()
        time.sleep(chance.random() * 1.2)
        server = chance.choice(servers)
        fleet.kill(server)
        time.sleep(chance.random() * 0.3)
        before = time.monotonic()
        fleet.revive(server)
        down.append(time.monotonic() - before)
        mix.look()
        if (number + 1) % 20 == 0:
            print(f"{number + 1} kills, {mix.made} tasks begun, {len(mix.ended)} ended, "
                  f"{time.monotonic() - began:.0f} s", flush=True)
    by = time.monotonic() + PATIENCE
    while mix.open and time.monotonic() < by:
        mix.look()
        time.sleep(0.1)
    wrong = [f"task {mix.tasks[task]} {task} has not ended: {fleet.call('task.get', {'id': task})} "
             f"{fleet.call('task.events', {'id': task})['items'][-2:]}" for task in mix.open]
    # What was deleted by a server that was killed goes some seconds later.
    while ask_store("SELECT id FROM databases_deleted") and time.monotonic() < by:
        time.sleep(0.1)
    complaints, rows, messages = mix.complaints()
    wrong += complaints + mix.left()
    # What is there would be noticed.
    made = servers[0].call("sandbox.create").json["id"]
    if not any(made in each for each in left_on_the_machine(servers[0])):
        wrong.append(f"sandbox {made} is there, and is not noticed on the machine")
    servers[0].call("sandbox.kill", {"id": made})
    for server in servers:
        server.stop()
    for server in servers:
        wrong += left_on_the_machine(server)
    lines = ask_store(LEDGER)
    asked = collections.Counter(json.loads(goal_of(body))["name"] for body in model.requests)
    answered = collections.Counter(json.loads(goal_of(body))["name"] for body in model.answered)
    complaints, figures = ledger_complaints(lines, mix, asked, answered)
    wrong += complaints
    print(f"seed {seed}: {kills} kills of {len(servers)} server(s) in {time.monotonic() - began:.0f} s, a start took "
          f"{sorted(down)[len(down) // 2] * 1000:.0f} ms in the median and {max(down) * 1000:.0f} ms at most, the slowest "
          f"call ({fleet.slowest[1]}) {fleet.slowest[0]:.1f} s; {mix.made} tasks, {len(mix.ended)} ended; {rows} rows and "
          f"{messages} messages, each once; the model was asked {sum(asked.values())} times and answered "
          f"{sum(answered.values())}; the ledger has {figures['ok']} calls answered, {figures['lost']} lost, "
          f"{figures['micro'] / 1e6:.6f} in all; {len(wrong)} complaints", flush=True)
    return wrong


def goal_of(body):
    return next(message["content"] for message in body["messages"] if message["role"] == "user")


def crash_on_sqlite(kills, seed):
    with Scripted() as model:
        server = Server(config=model.config(), environment={"MOCK_KEY": "k"}, flags=["--log", "error"]).start()

        def ask(sql):
            store = sqlite3.connect(os.path.join(server.data, "acloud.db"))
            try:
                return store.execute(sql).fetchall()
            finally:
                store.close()

        try:
            return crash([server], model, kills, seed, ask)
        finally:
            server.__exit__()


def crash_on_postgres(kills, seed):
    with Scripted() as model, Postgres() as postgres:
        config = f'{model.config()}[store]\nurl = "{postgres.new_database("store")}"\n'
        servers = [Server(config=config, environment={"MOCK_KEY": "k"}, flags=["--log", "error"]).start() for _ in range(2)]
        try:
            wrong = crash(servers, model, kills, seed,
                          lambda sql: [line.split("|") for line in postgres.ask("store", sql)])
            ids = postgres.ask("store", "SELECT id FROM databases")
            wrong += [f"PostgreSQL database {name}" for name in postgres.ask(
                "store", "SELECT datname FROM pg_database WHERE datname LIKE 'acloud%'") if name.split("_")[-1] not in ids]
            return wrong
        finally:
            for server in servers:
                server.__exit__()


class Crash(unittest.TestCase):
    def kills(self, few):
        return 200 if "ACLOUD_SOAK" in os.environ else few

    def seed(self):
        return int(os.environ.get("ACLOUD_SEED") or random.SystemRandom().randrange(1 << 32))

    def test_one_server_on_sqlite(self):
        self.assertEqual(crash_on_sqlite(self.kills(12), self.seed()), [])

    def test_two_servers_on_postgres(self):
        self.assertEqual(crash_on_postgres(self.kills(10), self.seed()), [])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--servers", type=int, choices=(1, 2), default=1)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    run = crash_on_sqlite if arguments.servers == 1 else crash_on_postgres
    wrong = run(arguments.kills, arguments.seed)
    for complaint in wrong:
        print(complaint)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
