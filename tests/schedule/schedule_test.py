"""Product schedule: times that come, were missed, overlap, and what a crash does to them.

A test makes a time come by moving the row's `next` while no server runs.
"""

import os
import sqlite3
import time
import unittest

from support.postgres import Postgres
from support.server import Server

SLEEPS = {"program": {"command": ["sleep", "600"]}}
QUICK = {"program": {"command": ["true"]}}


class Schedules(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server().start()

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()

    def ok(self, operation, key=None, **arguments):
        reply = self.server.call(operation, arguments, key=key)
        self.assertEqual(reply.status, 200, (operation, reply.body))
        return reply.json

    def make(self, name, task=None, key=None, **more):
        self.ok("schedule.create", key=key, name=name, task=task or QUICK, **{"cron": "0 0 1 1 *", **more})
        return name

    def come(self, ago, kill=False):
        """Restarts the server with the next times of schedules put that many seconds back; what they were set to."""
        self.server.stop(kill=kill)
        store = sqlite3.connect(os.path.join(self.server.data, "acloud.db"))
        now = time.time_ns() // 1000
        times = {name: int(now - seconds * 1e6) for name, seconds in ago.items()}
        with store:
            for name, when in times.items():
                changed = store.execute("UPDATE schedules SET next = ? WHERE name = ?", (when, name))
                self.assertEqual(changed.rowcount, 1, name)
        store.close()
        self.server.start()
        return times

    def state(self, name):
        return self.ok("schedule.get", name=name)

    def wait_for(self, name, holds):
        deadline = time.monotonic() + 30
        while not holds(state := self.state(name)):
            self.assertLess(time.monotonic(), deadline, state)
            time.sleep(0.05)
        return state

    def wait_for_end(self, task):
        deadline = time.monotonic() + 30
        while (info := self.ok("task.get", id=task))["state"] in ("queued", "running", "waiting"):
            self.assertLess(time.monotonic(), deadline, info)
            time.sleep(0.05)
        return info

    def tasks_of(self, goal):
        return [task for task in self.ok("task.list", limit=1000)["items"] if task["goal"] == goal]

    def test_what_is_made_is_shown_and_checked(self):
        made = self.ok("schedule.create", name="shown", cron="30 6 * * mon-fri", time_zone="Europe/Oslo", task=QUICK)
        self.assertRegex(made["next"], r"T0[45]:30:00Z$")
        self.assertEqual((made["catch_up"], made["overlap"], made["runs"], made["paused"]), ("one", "skip", 0, False))
        self.assertEqual(self.server.call("schedule.create", {"name": "shown", "cron": "@daily", "task": QUICK}).code,
                         "conflict")
        self.assertIn("shown", [item["name"] for item in self.ok("schedule.list")["items"]])
        for wrong in ({"cron": "61 * * * *"}, {"cron": "0 0 31 2 *"}, {"time_zone": "Mars/Olympus"},
                      {"task": {"goal": 1}}, {"task": {"nonsense": True, "goal": "x"}}, {"catch_up": "some"},
                      {"overlap": "maybe"}, {"task": None}, {"name": "a/b"}):
            reply = self.server.call("schedule.create", {"name": "w", "cron": "@daily", "task": QUICK, **wrong})
            self.assertEqual(reply.code, "invalid_argument", (wrong, reply.body))
        self.assertEqual(self.server.call("schedule.get", {"name": "nowhere"}).code, "not_found")

    def test_a_time_that_comes_runs_a_task_once_whatever_crashes(self):
        self.make("once", {**QUICK, "goal": "once"})
        times = self.come({"once": 1})
        state = self.wait_for("once", lambda s: s["runs"] == 1)
        self.assertEqual(state["last_outcome"], "started")
        self.assertGreater(state["next"], time.strftime("%Y-%m-%d"))
        self.assertEqual(self.wait_for_end(state["last_task"])["state"], "succeeded")
        # As if the server had died between the run and the row.
        self.server.stop(kill=True)
        store = sqlite3.connect(os.path.join(self.server.data, "acloud.db"))
        with store:
            store.execute("UPDATE schedules SET next = ?, runs = 0, last_task = NULL WHERE name = 'once'", (times["once"],))
        store.close()
        self.server.start()
        again = self.wait_for("once", lambda s: s["runs"] == 1)
        self.assertEqual(again["last_task"], state["last_task"])
        self.assertEqual(len(self.tasks_of("once")), 1)

    def test_missed_times(self):
        for rule in ("none", "one", "all"):
            self.make(f"missed-{rule}", {**QUICK, "goal": f"missed {rule}"}, cron="* * * * *", catch_up=rule,
                      overlap="allow")
        self.make("missed-long", {**QUICK, "goal": "missed long"}, cron="0 * * * *", catch_up="all", overlap="allow")
        self.come({"missed-none": 170, "missed-one": 170, "missed-all": 170, "missed-long": 90 * 86400})
        one = self.wait_for("missed-one", lambda s: s["runs"] == 1)
        self.assertEqual(one["last_outcome"], "started late")
        none = self.wait_for("missed-none", lambda s: "last_outcome" in s)
        self.assertIn(none["last_outcome"], ("missed", "started"))  # a minute may have begun meanwhile
        every = self.wait_for("missed-all", lambda s: s["runs"] >= 3)
        self.assertEqual(len(self.tasks_of("missed all")), every["runs"])
        self.wait_for("missed-long", lambda s: s["runs"] >= 2)
        for rule in ("none", "one", "all", "long"):
            self.ok("schedule.delete", name=f"missed-{rule}")
        self.assertLessEqual(len(self.tasks_of("missed none")), 1)
        self.assertLessEqual(len(self.tasks_of("missed one")), 2)

    def test_a_run_that_still_goes_on(self):
        for rule in ("skip", "allow", "replace"):
            self.make(f"over-{rule}", {**SLEEPS, "goal": f"over {rule}"}, overlap=rule)
        names = {f"over-{rule}": 3 for rule in ("skip", "allow", "replace")}
        self.come(names)
        first = {name: self.wait_for(name, lambda s: s["runs"] == 1)["last_task"] for name in names}
        self.come({name: 1 for name in names})
        skipped = self.wait_for("over-skip", lambda s: s["last_outcome"] == "skipped")
        self.assertEqual((skipped["runs"], skipped["last_task"]), (1, first["over-skip"]))
        self.wait_for("over-allow", lambda s: s["runs"] == 2)
        self.assertNotIn(self.ok("task.get", id=first["over-allow"])["state"], ("cancelled", "failed"))
        replaced = self.wait_for("over-replace", lambda s: s["runs"] == 2)
        self.assertNotEqual(replaced["last_task"], first["over-replace"])
        self.assertEqual(self.wait_for_end(first["over-replace"])["state"], "cancelled")
        for rule in ("skip", "allow", "replace"):
            for task in self.tasks_of(f"over {rule}"):
                if task["state"] in ("queued", "running", "waiting"):
                    self.ok("task.cancel", id=task["id"])

    def test_paused_runs_nothing(self):
        self.make("paused", {**QUICK, "goal": "paused"})
        self.make("beside", {**QUICK, "goal": "beside"})
        self.assertNotIn("next", self.ok("schedule.pause", name="paused"))
        self.come({"beside": 1})
        self.wait_for("beside", lambda s: s["runs"] == 1)
        self.assertEqual(self.state("paused")["runs"], 0)
        resumed = self.ok("schedule.resume", name="paused")
        self.assertTrue(resumed["next"].endswith("-01-01T00:00:00Z"))

    def test_it_runs_with_its_makers_rights_as_long_as_their_key_works(self):
        narrow = self.ok("key.create", name="no-tasks", grant={"operations": ["schedule.*"]})["key"]
        denied = self.server.call("schedule.create", {"name": "denied", "cron": "@daily", "task": QUICK}, key=narrow)
        self.assertEqual(denied.code, "permission_denied")
        key = self.ok("key.create", name="maker")
        self.make("revoked", {**QUICK, "goal": "revoked"}, key=key["key"])
        self.ok("key.revoke", id=key["id"])
        self.come({"revoked": 1})
        state = self.wait_for("revoked", lambda s: "last_outcome" in s)
        self.assertIn("revoked", state["last_outcome"])
        self.assertEqual((state["runs"], self.tasks_of("revoked")), (0, []))

    def test_a_workspace_sees_nothing_of_another(self):
        self.make("walled")
        made = self.ok("workspace.create", name=f"other-{time.monotonic_ns()}")
        other = self.ok("key.create", name="k", workspace=made["id"])["key"]
        for operation in ("get", "pause", "resume", "delete"):
            self.assertEqual(self.server.call(f"schedule.{operation}", {"name": "walled"}, key=other).code, "not_found")
        self.assertEqual(self.ok("schedule.list", key=other)["items"], [])
        self.make("walled", key=other)
        self.ok("workspace.delete", id=made["id"])
        self.ok("schedule.delete", name="walled")
        self.assertEqual(self.server.call("schedule.get", {"name": "walled"}).code, "not_found")


class TwoServers(unittest.TestCase):
    """On one PostgreSQL."""

    def test_a_time_runs_once(self):
        with Postgres() as postgres:
            config = f'[store]\nurl = "{postgres.new_database("schedules")}"\n'
            with Server(config=config) as first, Server(config=config):
                names = [f"s{i}" for i in range(5)]
                for name in names:
                    made = first.call("schedule.create", {"name": name, "cron": "0 0 1 1 *", "task": QUICK})
                    self.assertEqual(made.status, 200, made.body)
                postgres.run("schedules", "UPDATE schedules SET next = 1000000 * (extract(epoch FROM now()) - 1)::bigint")
                deadline = time.monotonic() + 60
                while any(first.call("schedule.get", {"name": name}).json["runs"] == 0 for name in names):
                    self.assertLess(time.monotonic(), deadline)
                    time.sleep(0.1)
                states = [first.call("schedule.get", {"name": name}).json for name in names]
                self.assertEqual([(s["runs"], s["last_outcome"]) for s in states], [(1, "started")] * 5)
                tasks = {task["id"] for task in first.call("task.list", {"limit": 1000}).json["items"]}
                self.assertEqual(tasks, {state["last_task"] for state in states})


if __name__ == "__main__":
    unittest.main()
