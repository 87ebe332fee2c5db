"""Tasks on a running server: agents of a scripted model, programs, rights, resources, cancelling, waiting; and kill -9."""

import contextlib
import json
import os
import random
import sqlite3
import tempfile
import time
import unittest

from support.scripted import Scripted
from support.server import Server

PATIENCE = 90  # seconds for any one thing, on a machine that does much else


class TaskCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.model = Scripted().__enter__()
        cls.server = Server(config=cls.model.config(), environment={"MOCK_KEY": "k"}).start()

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()
        cls.model.__exit__()

    def call(self, operation, arguments=None, key=None):
        reply = self.server.call(operation, arguments or {}, key=key)
        self.assertEqual(reply.status, 200, reply.body)
        return reply.json

    def start(self, turns=(), key=None, answer="done", echo=False, **fields):
        goal = json.dumps({"turns": list(turns), "answer": answer, "echo": echo})
        return self.call("task.run", {"goal": goal, "model": "scripted", **fields}, key=key)["id"]

    def end_of(self, task, key=None):
        by = time.monotonic() + PATIENCE
        while time.monotonic() < by:
            seen = self.call("task.get", {"id": task}, key=key)
            if seen["state"] in ("succeeded", "failed", "cancelled"):
                return seen
            self.server.call("task.events", {"id": task}, key=key)
            time.sleep(0.02)
        self.fail(f"task {task} is still {seen['state']}: {self.call('task.events', {'id': task})['items'][-3:]}")

    def reach(self, task, state):
        by = time.monotonic() + PATIENCE
        while (seen := self.call("task.get", {"id": task})["state"]) != state:
            self.assertLess(time.monotonic(), by, f"task {task} is {seen} instead of {state}")
            time.sleep(0.02)

    def nothing_left(self):
        self.assertEqual(self.call("sandbox.list")["items"], [])

    def results(self, task):
        """What the agent was told by its tools, where it echoes."""
        return [json.loads(text) for text in json.loads(self.end_of(task)["result"]["answer"])]


class Agents(TaskCase):
    def test_an_agent_works_on_all_its_resources_and_leaves_what_is_kept(self):
        task = self.start([[["sandbox_exec", {"command": "wc -l < lines.txt"}]],
                           [["object_put", {"bucket": "agents-own", "key": "n", "content": "3"}],
                            ["database_query", {"name": "agents_own", "sql": "INSERT INTO t VALUES (3)"}]]],
                          answer="three", resources={"files": [{"path": "lines.txt", "content": "a\nb\nc\n"}],
                                                     "bucket": "agents-own", "keep": ["database"],
                                                     "database": {"name": "agents_own", "sql": ["CREATE TABLE t (x)"]}})
        ended = self.end_of(task)
        self.assertEqual((ended["state"], ended["result"]["answer"]), ("succeeded", "three"), ended)
        self.assertEqual(ended["result"]["kept"], [{"kind": "database", "name": "agents_own"}])
        self.nothing_left()
        self.assertEqual(self.server.call("object.list", {"bucket": "agents-own"}).code, "not_found")
        self.assertEqual(self.call("database.query", {"name": "agents_own", "sql": "SELECT x FROM t"})["rows"], [[3]])
        events = self.call("task.events", {"id": task})["items"]
        self.assertEqual((events[0]["type"], events[-1]["type"]), ("RUN_STARTED", "RUN_FINISHED"))
        told = [json.loads(event["content"]) for event in events if event["type"] == "TOOL_CALL_RESULT"]
        self.assertEqual(told[0]["stdout"], "3\n")
        self.assertLessEqual([event["step"] for event in events[1:-1]], sorted(event["step"] for event in events[1:-1]))
        receipt = self.call("usage.receipt", {"task": task})
        self.assertEqual([(line["model"], line["calls"], line["tokens"]["output"]) for line in receipt["models"]],
                         [("scripted", 3, 6)])
        self.assertEqual(receipt["cost"], "0.00009")  # 30 tokens at 1 and 6 at 10 a million
        calls = {line["operation"]: line["calls"] for line in receipt["operations"]}
        self.assertEqual((calls["sandbox.exec"], calls["object.put"], calls["sandbox.kill"]), (1, 1, 1))

    def test_what_can_not_be_had_whole_is_not_had_in_part(self):
        self.call("object.create_bucket", {"bucket": "taken"})
        task = self.start(resources={"sandbox": {}, "database": {"name": "half"}, "bucket": "taken"})
        ended = self.end_of(task)
        self.assertEqual((ended["state"], ended["error"]["code"]), ("failed", "conflict"), ended)
        self.nothing_left()
        self.assertEqual(self.server.call("database.query", {"name": "half", "sql": "SELECT 1"}).code, "not_found")

    def test_calls_that_can_not_be_made_are_answered_with_what_is_wrong(self):
        task = self.start([[["sandbox_exec", "{"], ["sandbox_fly", {}], ["sandbox_exec", {"command": 7}]]], echo=True,
                          resources={"sandbox": {}}, tools=["sandbox.exec"])
        codes = [result["error"]["code"] for result in self.results(task)]
        self.assertEqual(codes, ["invalid_argument", "not_found", "invalid_argument"])

    def test_an_agent_that_repeats_itself_is_stopped(self):
        task = self.start([[["sandbox_exec", {"command": "true; echo"}]]] * 40, resources={"sandbox": {}},
                          tools=["sandbox.list"])
        ended = self.end_of(task)
        self.assertEqual((ended["state"], ended["error"]["code"]), ("failed", "loop"), ended)
        self.nothing_left()

    def test_a_model_gets_the_tools_that_were_chosen_and_no_sandbox_but_its_own(self):
        other = self.call("sandbox.create")["id"]
        task = self.start([[["sandbox_exec", {"id": other, "command": "touch /here; echo ok"}]]], echo=True,
                          resources={"sandbox": {}}, tools=["sandbox.exec"])
        self.assertEqual(self.results(task)[0]["stdout"], "ok\n")
        seen = self.call("sandbox.exec", {"id": other, "command": "ls /here"})
        self.assertNotEqual(seen["exit_code"], 0, "an agent reached another sandbox")
        self.call("sandbox.kill", {"id": other})
        tools = [body["tools"] for body in self.model.requests if body.get("tools")][-1]
        self.assertEqual([tool["function"]["name"] for tool in tools], ["sandbox_exec"])
        self.assertEqual(tools[0]["function"]["parameters"]["required"], ["command"])

    def test_a_task_has_no_more_rights_than_its_owner_and_its_tools(self):
        narrow = self.call("key.create", {"name": "narrow", "grant": {
            "operations": ["task.*", "model.*", "object.*"], "resources": []}})["key"]
        refused = self.end_of(self.start(key=narrow, resources={"sandbox": {}}))
        self.assertEqual((refused["state"], refused["error"]["code"]), ("failed", "permission_denied"))
        self.call("object.create_bucket", {"bucket": "others"})
        task = self.start([[["object_put", {"bucket": "others", "key": "k", "content": "x"}]]], echo=True,
                          resources={"bucket": "mine-alone"})
        self.assertEqual(self.results(task)[0]["error"]["code"], "permission_denied")
        self.assertEqual(self.server.call("object.get", {"bucket": "others", "key": "k"}).code, "not_found")

    def test_a_task_stops_with_the_key_of_its_owner(self):
        made = self.call("key.create", {"name": "gone-soon", "grant": {"operations": ["*"]}})
        task = self.start([[["sandbox_exec", {"command": "sleep 600"}]]], key=made["key"], resources={"sandbox": {}})
        self.reach(task, "running")
        self.call("key.revoke", {"id": made["id"]})
        ended = self.end_of(task)
        self.assertEqual((ended["state"], ended["error"]["code"]), ("failed", "unauthenticated"), ended)
        self.nothing_left()

    def test_a_cancelled_task_removes_what_was_made_for_it(self):
        task = self.start([[["sandbox_exec", {"command": "sleep 600"}]]], resources={"sandbox": {}})
        self.reach(task, "running")
        self.call("task.cancel", {"id": task})
        self.assertEqual(self.end_of(task)["state"], "cancelled")
        self.nothing_left()
        self.call("task.retry", {"id": task})
        self.call("task.cancel", {"id": task})
        self.assertEqual(self.end_of(task)["attempt"], 2)

    def test_a_task_ends_at_its_deadline(self):
        task = self.start([[["sandbox_exec", {"command": "sleep 600"}]]], resources={"sandbox": {}}, deadline_s=3)
        self.assertEqual(self.end_of(task)["error"]["code"], "deadline_exceeded")
        self.nothing_left()

    def test_a_task_waits_for_a_signal_and_for_time(self):
        task = self.start([[["task_sleep", {"seconds": 0.2}]], [["task_wait_signal", {"name": "go"}]]], echo=True,
                          tools=["task.sleep", "task.wait_signal"])
        self.reach(task, "waiting")
        self.call("task.signal", {"id": task, "name": "other", "value": 1})
        self.call("task.signal", {"id": task, "name": "go", "value": {"by": "me"}})
        self.assertEqual(self.results(task)[1], {"value": {"by": "me"}})

    def test_a_budget_stops_it(self):
        ended = self.end_of(self.start([[["sandbox_exec", {"command": "echo $RANDOM"}]]] * 20, budget="0.00004",
                                       resources={"sandbox": {}}))
        self.assertEqual((ended["state"], ended["error"]["code"]), ("failed", "budget_exceeded"), ended)

    def test_an_answer_is_of_the_form_that_was_asked_for(self):
        form = {"type": "object", "required": ["mean"], "properties": {"mean": {"type": "number"}}}
        good = self.end_of(self.start(answer='{"mean": 7.5}', agent={"output_schema": form}))
        self.assertEqual((good["state"], good["result"]["answer"]), ("succeeded", {"mean": 7.5}), good)
        bad = self.end_of(self.start(answer='{"mean": "7"}', agent={"output_schema": form, "limits": {"turns": 3}}))
        self.assertEqual((bad["state"], bad["error"]["code"]), ("failed", "invalid_argument"), bad)
        self.assertIn('mean: must be "number", not "7"', bad["error"]["message"])
        told = [body["messages"][-1]["content"] for body in self.model.requests if '"7\\"' in json.dumps(body)]
        self.assertTrue(any("must be" in each for each in told), told)
        refused = self.server.call("task.run", {"goal": "x", "agent": {"output_schema": {"type": "text"}}})
        self.assertEqual((refused.status, refused.json["error"]["details"]["field"]), (400, "agent.output_schema"))

    def test_old_results_are_summarised_and_the_summary_is_on_the_receipt(self):
        turns = [[["sandbox_exec", {"command": f"echo mark{n}; head -c 3000 /dev/zero | tr '\\0' x"}]] for n in range(8)]
        task = self.start(turns, resources={"sandbox": {}}, agent={"limits": {"context_tokens": 4096}})
        ended = self.end_of(task)
        self.assertEqual(ended["state"], "succeeded", ended)
        events = self.call("task.events", {"id": task})["items"]
        told = [event["value"] for event in events if event.get("name") == "context_summarised"]
        self.assertTrue(told, "nothing was summarised")
        self.assertEqual(told[0], {"ok": True, "summary": "in short"})
        calls = sum(line["calls"] for line in self.call("usage.receipt", {"task": task})["models"])
        self.assertEqual(calls, len(turns) + 1 + len(told))
        last = self.model.requests[-1]
        self.assertIn("in short", json.dumps(last["messages"]))

    def test_requests_that_make_no_sense_are_refused(self):
        for wrong in ({}, {"goal": "x", "program": {"command": "true"}, "agent": "default"}, {"goal": "x", "agent": "nobody"},
                      {"goal": "x", "tools": ["no.such"]}, {"goal": "x", "resources": {"keep": ["all"]}},
                      {"goal": "x", "resources": {"files": [{"path": "a"}]}}, {"goal": "x", "deadline_s": 0},
                      {"goal": "x", "resources": {"sandbox": [1]}}, {"goal": "x", "budget": "-1"}):
            self.assertIn(self.server.call("task.run", wrong).status, (400, 404), wrong)


class Undoing(TaskCase):
    RULE = {"after": "object.put", "call": "object.delete",
            "arguments": {"bucket": "${arguments.bucket}", "key": "${arguments.key}"}}

    def test_what_a_task_did_is_undone_where_it_does_not_succeed(self):
        self.call("object.create_bucket", {"bucket": "undo"})
        puts = [[["object_put", {"bucket": "undo", "key": f"k{n}", "content": "x"}] for n in range(3)]]
        fields = {"tools": ["object.put", "task.wait_signal"], "compensation": [self.RULE]}
        self.assertEqual(self.end_of(self.start(puts, **fields))["state"], "succeeded")
        self.assertEqual(len(self.call("object.list", {"bucket": "undo"})["items"]), 3)
        task = self.start([*puts, [["task_wait_signal", {"name": "never"}]]], **fields)
        self.reach(task, "waiting")
        self.server.restart(kill=True)
        self.call("task.cancel", {"id": task})
        self.assertEqual(self.end_of(task)["state"], "cancelled")
        self.assertEqual(self.call("object.list", {"bucket": "undo"})["items"], [])
        steps = [event["stepName"] for event in self.call("task.events", {"id": task})["items"]
                 if event["type"] == "STEP_FINISHED"]
        self.assertEqual(steps.count("object.delete"), 3)
        missing = self.end_of(self.start(puts * 2, agent={"limits": {"turns": 1}}, **fields))
        self.assertEqual((missing["state"], missing["error"]["code"]), ("failed", "limit"), missing)

    def test_rules_that_make_no_sense_are_refused(self):
        for wrong in ({"after": "object.put", "call": "no.such"}, {"after": "object.put", "call": "task.sleep"},
                      {"call": "object.delete"}, {"after": "object.put", "call": "object.delete", "arguments": 7}):
            refused = self.server.call("task.run", {"goal": "x", "compensation": [wrong]})
            self.assertEqual(refused.status, 400, wrong)


class Children(TaskCase):
    """Tasks that tasks ask for."""

    WAITS = {"turns": [[["task_wait_signal", {"name": "go"}]]], "echo": True}

    def child(self, goal=None, **fields):
        return ["task_run", {"goal": json.dumps(goal or {"answer": "from the child"}), "model": "scripted", **fields}]

    def child_of(self, task):
        by = time.monotonic() + PATIENCE
        while not (children := self.call("task.get", {"id": task}).get("children")):
            self.assertLess(time.monotonic(), by, "no child")
            time.sleep(0.02)
        return children[0]

    def test_a_task_runs_another_and_waits_for_it_as_a_row(self):
        task = self.start([[self.child(self.WAITS, tools=["task.wait_signal"])], [["task_wait", {"id": "$child"}]]], echo=True,
                          tools=["task.*"])
        child = self.child_of(task)
        self.reach(child, "waiting")
        self.reach(task, "waiting")
        seen = self.call("task.get", {"id": child})
        self.assertEqual((seen["parent"], seen["principal"]), (task, task))
        self.assertEqual([item["id"] for item in self.call("task.list", {"parent": task})["items"]], [child])
        self.assertEqual(self.call("task.events", {"id": child})["items"][0]["parentTask"], task)
        self.server.restart(kill=True)
        self.call("task.signal", {"id": child, "name": "go", "value": 7})
        told = self.results(task)[1]["value"]
        self.assertEqual((told["id"], told["state"]), (child, "succeeded"))
        self.assertEqual(json.loads(told["result"]["answer"]), ['{"value":7}'])
        with tempfile.TemporaryDirectory() as folder:
            page = f"{folder}/trace.html"
            self.assertEqual(self.server.cli("task", "trace", task, "--html", page).returncode, 0)
            with open(page, encoding="utf-8") as file:
                shown = file.read()
        self.assertIn(task, shown)
        self.assertIn(child, shown)
        self.assertNotIn("<script", shown)

    def test_what_a_child_came_to_is_told_though_it_failed(self):
        task = self.start([[self.child(model="scripted", budget="0", deadline_s=60)], [["task_wait", {"id": "$child"}]],
                           [["task_wait", {"id": "task_00000000000000000000"}]]], echo=True, tools=["task.run", "task.wait"])
        told = self.results(task)
        self.assertEqual((told[1]["value"]["state"], told[1]["value"]["error"]["code"]), ("failed", "budget_exceeded"))
        self.assertEqual(told[2]["error"]["code"], "not_found")

    def test_children_end_with_their_parent(self):
        grandchild = {"turns": [[self.child(self.WAITS, tools=["task.wait_signal"])], [["task_wait", {"id": "$child"}]]]}
        turns = [[self.child(grandchild, tools=["task.*"])], [["task_wait", {"id": "$child"}]]]
        task = self.start(turns, tools=["task.*"])
        child = self.child_of(task)
        below = self.child_of(child)
        self.reach(below, "waiting")
        self.call("task.cancel", {"id": task})
        self.assertEqual([self.end_of(each)["state"] for each in (task, child, below)], ["cancelled"] * 3)
        retried = self.server.call("task.retry", {"id": child})
        self.assertEqual(retried.code, "conflict")
        # One that ends without having waited leaves nothing behind it.
        task = self.start([[self.child(self.WAITS, tools=["task.wait_signal"])]], tools=["task.*"])
        self.assertEqual(self.end_of(task)["state"], "succeeded")
        self.assertEqual(self.end_of(self.child_of(task))["state"], "cancelled")

    def test_a_child_has_no_more_rights_time_or_money_than_its_parent(self):
        turns = [[self.child(tools=["object.put"])],
                 [self.child(resources={"sandbox": {}}, budget="0.1"), self.child()],
                 [self.child(budget="5")],
                 [self.child(deadline_s=86400, budget="0.5")], [["task_wait", {"id": "$child"}]],
                 [self.child(budget="0.5")]]
        task = self.start(turns, echo=True, tools=["task.*"], budget="1")
        ended = self.end_of(task)
        self.assertEqual(ended["state"], "succeeded", ended)
        told = self.results(task)
        self.assertEqual([told[i]["error"]["code"] for i in (0, 1)], ["permission_denied"] * 2)
        self.assertEqual(told[2]["error"]["code"], "invalid_argument", "its parent has a budget, and it names none")
        self.assertEqual(told[3]["error"]["code"], "budget_exceeded")
        self.assertEqual(self.call("task.get", {"id": told[4]["id"]})["deadline"], ended["deadline"])
        self.assertEqual(told[5]["value"]["state"], "succeeded")
        self.assertIn("id", told[6], "what a child did not spend is its parent's again")

    def test_a_program_runs_a_task_and_its_key_hands_on_no_more_than_it_has(self):
        program = Programs.PROGRAM.split("call(\"object.put\"")[0] + """
done = call("task.run", goal='{"answer": "x"}', model="scripted")
print(done["parent"] == os.environ["ACLOUD_TASK"])
try:
    call("task.run", goal="x", model="scripted", tools=["object.put"])
except urllib.error.HTTPError as error:
    print(error.code)
"""
        task = self.call("task.run", {"tools": ["task.run", "model.*"], "program": {
            "command": ["python3", "a.py"], "files": [{"path": "a.py", "content": program}]}})["id"]
        self.assertEqual(self.end_of(task)["result"].get("stdout"), "True\n403\n", self.end_of(task))


class Programs(TaskCase):
    PROGRAM = """
import json, os, urllib.request
def call(operation, **arguments):
    request = urllib.request.Request(os.environ["ACLOUD_URL"] + "/api/" + operation.replace(".", "/"),
        json.dumps(arguments).encode(), {"authorization": "Bearer " + os.environ["ACLOUD_API_KEY"], "content-type": "application/json"})
    return json.load(urllib.request.urlopen(request))
call("object.put", bucket="programs", key="k", content=os.environ["ACLOUD_GOAL"])
try:
    call("object.delete", bucket="programs", key="k")
except urllib.error.HTTPError as error:
    print(error.code, os.environ["OPENAI_API_KEY"])
"""

    def test_a_program_calls_the_cloud_with_its_own_narrowed_key(self):
        self.call("object.create_bucket", {"bucket": "programs"})
        task = self.call("task.run", {"goal": "greet", "tools": ["object.put"], "program": {
            "command": ["python3", "agent.py"], "files": [{"path": "agent.py", "content": self.PROGRAM}]}})["id"]
        ended = self.end_of(task)
        self.assertEqual(ended["state"], "succeeded", ended)
        code, key = ended["result"]["stdout"].split()
        self.assertEqual(code, "403")
        self.assertEqual(self.call("object.get", {"bucket": "programs", "key": "k"})["content"], "greet")
        self.nothing_left()
        self.assertEqual(self.server.call("object.list_buckets", {}, key=key).code, "unauthenticated")
        calls = {line["operation"]: line["calls"] for line in self.call("usage.receipt", {"task": task})["operations"]}
        self.assertEqual(calls["object.put"], 1)
        steps = json.dumps(self.call("task.events", {"id": task})["items"])
        self.assertNotIn(key, steps.replace(json.dumps(ended["result"]["stdout"])[1:-1], ""))

    def test_a_program_that_fails_makes_its_task_fail(self):
        task = self.call("task.run", {"program": {"command": "echo why >&2; exit 3"}})["id"]
        ended = self.end_of(task)
        self.assertEqual((ended["state"], ended["result"]["exit_code"], ended["result"]["stderr"]), ("failed", 3, "why\n"))


class Versions(TaskCase):
    """A server whose engine is another than the one that began a task."""

    @contextlib.contextmanager
    def store(self):
        """Its store, while it does not run."""
        self.server.stop(kill=True)
        with contextlib.closing(sqlite3.connect(os.path.join(self.server.data, "acloud.db"))) as store, store:
            yield store
        self.server.start()

    def sleeper(self):
        task = self.start([[["task_sleep", {"seconds": 2}]]], tools=["task.sleep"], resources={"sandbox": {}})
        self.reach(task, "waiting")
        return task

    def test_a_journal_that_reads_the_same_is_gone_on_with(self):
        task = self.sleeper()
        with self.store() as store:
            store.execute("UPDATE tasks SET version = 1 WHERE id = ?", (task,))
        self.assertEqual(self.end_of(task)["state"], "succeeded")
        self.nothing_left()

    def test_one_that_does_not_ends_its_task_and_what_was_made_for_it(self):
        task = self.sleeper()
        with self.store() as store:
            changed = store.execute("UPDATE task_steps SET name = 'model.ask' WHERE task = ? AND name = 'model.chat'", (task,))
            self.assertEqual(changed.rowcount, 1)
        ended = self.end_of(task)
        self.assertEqual((ended["state"], ended["error"]["code"]), ("failed", "precondition_failed"), ended)
        self.assertIn("model.ask", ended["error"]["message"])
        self.nothing_left()
        self.call("task.retry", {"id": task})
        self.assertEqual(self.end_of(task)["state"], "succeeded")

    def test_a_task_of_a_newer_engine_waits_for_one(self):
        task = self.sleeper()
        with self.store() as store:
            (own,) = store.execute("SELECT version FROM tasks WHERE id = ?", (task,)).fetchone()
            store.execute("UPDATE tasks SET version = ? WHERE id = ?", (own + 1, task))
        other = self.start([[["task_sleep", {"seconds": 3}]]], tools=["task.sleep"])
        self.assertEqual(self.end_of(other)["state"], "succeeded")
        self.assertEqual(self.call("task.get", {"id": task})["state"], "waiting")
        with self.store() as store:
            store.execute("UPDATE tasks SET version = ? WHERE id = ?", (own, task))
        self.assertEqual(self.end_of(task)["state"], "succeeded")


class Crashes(TaskCase):
    """kill -9 at random moments: every task ends, every effect is there once, nothing is left. ACLOUD_SOAK: 40 rounds."""

    def test_chance_and_time_stay_what_they_were(self):
        draw = {"min": -3, "max": 1 << 40, "count": 5}
        task = self.start([[["task_random", draw], ["task_now", {}]], [["task_wait_signal", {"name": "go"}]]], echo=True,
                          tools=["task.random", "task.now", "task.wait_signal"])
        self.reach(task, "waiting")
        key = {"Idempotency-Key": "one draw"}
        drawn = self.server.call("task.random", draw, headers=key).json["numbers"]
        self.assertEqual(len(drawn), 5)
        self.assertTrue(all(draw["min"] <= number <= draw["max"] for number in drawn), drawn)
        told = [json.loads(event["content"]) for event in self.call("task.events", {"id": task})["items"]
                if event["type"] == "TOOL_CALL_RESULT"]
        self.server.restart(kill=True)
        self.assertEqual(self.server.call("task.random", draw, headers=key).json["numbers"], drawn)
        self.assertNotEqual(self.call("task.random", draw)["numbers"], drawn)
        self.call("task.signal", {"id": task, "name": "go"})
        self.assertEqual(self.results(task)[:2], told)
        self.assertEqual(self.call("task.random", {"min": 7, "max": 7, "count": 2})["numbers"], [7, 7])
        self.assertEqual(self.server.call("task.random", {"min": 2, "max": 1}).code, "invalid_argument")
        at = self.call("task.now")
        self.assertLess(abs(at["unix_ms"] / 1000 - time.time()), 5)

    def test_tasks_go_on_where_they_were(self):
        rounds = 40 if os.environ.get("ACLOUD_SOAK") else 4
        seed = int(os.environ.get("ACLOUD_SEED", random.randrange(1 << 30)))
        chance = random.Random(seed)
        self.call("object.create_bucket", {"bucket": "crash"})
        tasks = []
        for turn in range(rounds):
            for i in range(6):
                # Each put fails where it was done before.
                name = f"{turn}-{i}"
                turns = [[["object_put", {"bucket": "crash", "key": f"{name}-{n}-{part}", "content": "x", "if_none_match": "*"}]
                          for part in range(2)] for n in range(3)]
                resources = {"sandbox": {}} if i % 2 else {}
                tasks.append((name, self.start(turns, echo=True, tools=["object.put"], resources=resources)))
            time.sleep(chance.uniform(0.02, 0.6))
            self.server.restart(kill=True)
        # Programs run on while the server is away, and are started once.
        command = "for i in 1 2 3 4 5 6; do echo $i; sleep 0.3; done"
        programs = [self.call("task.run", {"program": {"command": command}})["id"] for _ in range(3)]
        for _ in range(2):
            time.sleep(chance.uniform(0.1, 0.8))
            self.server.restart(kill=True)
        for task in programs:
            with self.subTest(seed=seed, task=task):
                ended = self.end_of(task)
                self.assertEqual((ended["state"], ended["result"].get("stdout")), ("succeeded", "1\n2\n3\n4\n5\n6\n"), ended)
        for name, task in tasks:
            with self.subTest(seed=seed, task=name):
                ended = self.end_of(task)
                self.assertEqual(ended["state"], "succeeded", ended)
                told = [json.loads(text) for text in json.loads(ended["result"]["answer"])]
                self.assertEqual([result.get("error") for result in told], [None] * 6)
                steps = [event["step"] for event in self.call("task.events", {"id": task})["items"]
                         if event["type"] == "TOOL_CALL_RESULT"]
                self.assertEqual(len(steps), len(set(steps)), "a step is in the journal twice")
        self.assertEqual(len(self.call("object.list", {"bucket": "crash", "limit": 1000})["items"]), 6 * len(tasks))
        self.nothing_left()


if __name__ == "__main__":
    unittest.main()
