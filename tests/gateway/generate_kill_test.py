"""A server that is killed while a provider makes a video, at each point of the way, and started again: the provider
was asked once, there is one record with the right sum, and nothing is held any more.

    python3 -m unittest -v gateway.generate_kill_test
"""

import csv
import io
import os
import random
import threading
import unittest

from support.budget import held, set_budget, spent
from support.postgres import Postgres
from support.server import Server
from support.tasks import end_of
from support.video import FILE, Video

PATIENCE = 60
MANY = 60 if os.environ.get("ACLOUD_SOAK") else 12


class Kills(unittest.TestCase):
    def setUp(self):
        self.upstream = self.enterContext(Video())
        self.server = self.enterContext(Server(config=self.upstream.config(), environment={"MOCK_KEY": "k"}, flags=["--log", "error"]))
        set_budget(self.server, "10")
        self.server.call("object.create_bucket", {"bucket": "films"})

    def begin(self, **fields):
        reply = self.server.call("model.generate", {"model": "wan", "prompt": "a boat", "duration_s": 4, "into": {"bucket": "films"}, **fields},
                                 headers={"Idempotency-Key": "once"})
        self.assertEqual(reply.status, 200, reply.body)
        return reply.json["id"]

    def held(self):
        return held(self.server), spent(self.server)

    def check_one_record(self, task):
        ended = end_of(self.server, task, PATIENCE)
        self.assertEqual(ended["state"], "succeeded", ended)
        text = self.server.call("usage.export", {"from": "2020-01-01T00:00:00Z"}).json["content"]
        self.assertEqual([use["cost"] for use in csv.DictReader(io.StringIO(text))], ["2"])
        self.assertEqual((self.held(), len(self.upstream.requests["make"])), ((0, 2), 1))
        self.assertEqual(self.server.get_bytes("films", f"{task}-1.mp4").body, FILE)

    def test_while_it_is_made(self):
        task = self.begin()
        self.upstream.wait_for("look", 2)
        for _ in range(3):
            self.server.restart(kill=True)
            self.assertEqual(self.held(), (2, 0), "what was set aside is held over a restart")
            more = self.server.call("model.generate", {"model": "wan", "prompt": "another", "duration_s": 17})
            self.assertEqual(more.code, "budget_exceeded", more.body)
            self.upstream.wait_for("look", len(self.upstream.requests["look"]) + 2)
        self.assertEqual(self.begin(), task, "the same key is the same generation after a kill")
        self.upstream.finish(self.upstream.only())
        self.check_one_record(task)

    def test_before_the_provider_hears_of_it(self):
        self.upstream.faults["make"].append(503)  # nothing has begun: it is asked again, by the next server
        task = self.begin()
        self.upstream.wait_for("make", 1)
        self.server.restart(kill=True)
        self.upstream.looks = 1
        ended = end_of(self.server, task, PATIENCE)
        # The refusal may have been noted or not when the server was killed.
        made = len(self.upstream.requests["make"])
        self.assertIn((ended["state"], made), (("succeeded", 2), ("failed", 1)), ended)
        self.assertEqual(self.held(), (0, 2 if made == 2 else 0))

    def test_while_the_provider_answers(self):
        self.upstream.faults["make"].append("hang")
        task = self.begin()
        self.assertTrue(self.upstream.hanging.wait(PATIENCE))
        self.server.restart(kill=True)
        ended = end_of(self.server, task, PATIENCE)
        self.assertEqual((ended["state"], ended["error"]["code"]), ("failed", "unavailable"), ended)
        self.assertIn("not known whether", ended["error"]["message"])
        self.assertEqual((self.held(), len(self.upstream.requests["make"])), ((0, 0), 1))

    def test_while_a_look_is_made(self):
        self.upstream.faults["look"].append("hang")
        task = self.begin()
        self.assertTrue(self.upstream.hanging.wait(PATIENCE))
        self.server.restart(kill=True)
        self.upstream.looks = 1
        self.check_one_record(task)

    def test_while_the_result_is_fetched(self):
        self.upstream.faults["file"].append("hang")
        self.upstream.looks = 1
        task = self.begin()
        self.assertTrue(self.upstream.hanging.wait(PATIENCE))
        self.assertEqual(self.held(), (0, 2), "it is paid for when it is made")
        self.server.restart(kill=True)
        self.check_one_record(task)

    def test_a_server_that_is_told_to_end_leaves_it_to_the_next(self):
        task = self.begin()
        self.upstream.wait_for("look", 1)
        self.assertEqual(self.server.stop(), 0)
        self.server.start()
        self.upstream.finish(self.upstream.only())
        self.check_one_record(task)

    def test_at_any_moment(self):
        chance = random.Random(7)
        self.upstream.looks = 3
        set_budget(self.server, "1000")
        tasks = []
        for i in range(MANY):
            made = len(self.upstream.requests["look"])
            reply = self.server.call("model.generate", {"model": chance.choice(("wan", "vidu")), "prompt": str(i), "duration_s": 1 + i % 5})
            tasks.append(reply.json["id"])
            if chance.random() < 0.7:
                self.upstream.wait_for("look", made + chance.randrange(1, 3))
            self.server.restart(kill=True)
        ends = [end_of(self.server, task, PATIENCE) for task in tasks]
        asked = [body.get("prompt") or body["input"]["prompt"] for _, _, body in self.upstream.requests["make"]]
        self.assertEqual(len(set(asked)), len(asked), "a provider was asked twice for one generation")
        text = self.server.call("usage.export", {"from": "2020-01-01T00:00:00Z"}).json["content"]
        uses = list(csv.DictReader(io.StringIO(text)))
        done = [task for task in ends if task["state"] == "succeeded"]
        self.assertEqual(sorted(use["task"] for use in uses), sorted(task["id"] for task in done))
        for task in ends:
            self.assertTrue(task["state"] == "succeeded" or "not known whether" in task["error"]["message"], task)
        cost = sum(1 + i % 5 for i, task in enumerate(ends) if task["state"] == "succeeded") / 2
        self.assertEqual(self.held(), (0, cost))
        print(f"figure: {MANY} servers killed: {len(done)} of {MANY} generations made, the others given up unpaid, none asked for twice")


class TwoServers(unittest.TestCase):
    def test_another_server_goes_on_with_it_and_the_budget_is_one(self):
        postgres = self.enterContext(Postgres())
        url = postgres.new_database("shared")
        upstream = self.enterContext(Video())
        config = upstream.config(more=f'[store]\nurl = "{url}"\n')
        first, second = (self.enterContext(Server(config=config, environment={"MOCK_KEY": "k"}, flags=["--log", "error"])) for _ in range(2))
        second.key = first.key
        postgres.run("shared", "INSERT INTO budgets VALUES ('bud_1', 'default', 'workspace', 'default', 5000000, 0, 'total', 1, 0)")
        replies = []

        def ask(server):
            replies.append(server.call("model.generate", {"model": "wan", "prompt": "a boat", "duration_s": 4}))

        threads = [threading.Thread(target=ask, args=(server,)) for server in (first, second) * 5]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        tasks = [reply.json["id"] for reply in replies if reply.status == 200]
        self.assertEqual((len(tasks), {reply.code for reply in replies}), (2, {"ok", "budget_exceeded"}))
        upstream.wait_for("make", 2)
        upstream.wait_for("look", 4)
        first.stop(kill=True)
        upstream.looks = 1
        for task in tasks:
            self.assertEqual(end_of(second, task, PATIENCE)["state"], "succeeded")
        self.assertEqual(postgres.ask("shared", "SELECT count(*) FROM budget_holds"), ["0"])
        self.assertEqual(postgres.ask("shared", "SELECT sum(cost_micro) FROM usage_totals"), ["4000000"])
        self.assertEqual(len(upstream.requests["make"]), 2)


if __name__ == "__main__":
    unittest.main()
