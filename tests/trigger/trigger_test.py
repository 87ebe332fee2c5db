"""Product trigger: tasks for messages, objects and webhooks, each once, also through kill -9."""

import base64
import hmac
import http.client
import json
import os
import random
import time
import unittest

from support.server import Server

SHOWS = {"program": {"command": ["cat", "event.json"]}}
PATIENCE = 60


class Triggers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server().start()

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()

    def ok(self, operation, **arguments):
        reply = self.server.call(operation, arguments)
        self.assertEqual(reply.status, 200, (operation, reply.body))
        return reply.json

    def wait_for(self, holds, what="it"):
        by = time.monotonic() + PATIENCE
        while not (value := holds()):
            self.assertLess(time.monotonic(), by, f"{what} never came")
            time.sleep(0.05)
        return value

    def ended_of(self, trigger, count):
        """The events that tasks of `trigger` were told of, once so many have ended."""
        def ended():
            tasks = [task for task in self.ok("task.list", limit=1000)["items"] if task["state"] == "succeeded"]
            told = [json.loads(task["result"]["stdout"]) for task in tasks if task["result"].get("stdout", "").startswith("{")]
            mine = [event for event in told if event["trigger"] == trigger]
            return mine if len(mine) >= count else None
        return self.wait_for(ended, f"{count} tasks of {trigger}: {self.ok('trigger.get', name=trigger)}")

    def post(self, path, body, headers, method="POST"):
        host = self.server.url.split("//")[1]
        connection = http.client.HTTPConnection(host, timeout=30)
        try:
            connection.request(method, path, body, headers)
            reply = connection.getresponse()
            return reply.status, reply.read(), reply.headers
        finally:
            connection.close()

    def signed(self, secret, body, delivery="d1", at=None):
        stamp = str(int(time.time() if at is None else at))
        key = base64.b64decode(secret.removeprefix("whsec_"))
        digest = hmac.digest(key, f"{delivery}.{stamp}.".encode() + body, "sha256")
        return {"webhook-id": delivery, "webhook-timestamp": stamp, "content-type": "application/json",
                "webhook-signature": "v1," + base64.b64encode(digest).decode()}

    def test_an_object_that_is_put_starts_a_task(self):
        self.ok("object.create_bucket", bucket="inbox")
        self.ok("trigger.create", name="reports", object={"bucket": "inbox", "prefix": "reports/"}, task=SHOWS)
        self.ok("object.put", bucket="inbox", key="other", content="x")
        self.ok("object.put", bucket="inbox", key="reports/1", content="12345")
        event = self.ended_of("reports", 1)[0]
        self.assertEqual((event["type"], event["bucket"], event["key"], event["size"]), ("object.put", "inbox", "reports/1", 5))
        seen = self.ok("trigger.get", name="reports")
        self.assertEqual((seen["runs"], seen["waiting"], seen["last_outcome"]), (1, 0, "started"))

    def test_a_message_of_a_queue_starts_a_task_and_is_gone(self):
        self.ok("queue.create", name="work")
        self.ok("trigger.create", name="worker", queue="work", task=SHOWS)
        for n in range(3):
            self.ok("queue.send", name="work", body=f"message {n}")
        told = self.ended_of("worker", 3)
        self.assertEqual(sorted(event["body"] for event in told), ["message 0", "message 1", "message 2"])
        self.wait_for(lambda: self.ok("queue.get", name="work")["waiting"] == 0, "the last ack")

    def test_a_webhook_is_taken_with_its_signature_alone_and_once(self):
        made = self.ok("trigger.create", name="hook", webhook={}, task=SHOWS)
        self.assertNotIn(made["secret"], json.dumps([self.ok("trigger.get", name="hook"), self.ok("trigger.list")]))
        body = b'{"n": 1}'
        for headers in ({}, self.signed("whsec_" + base64.b64encode(bytes(32)).decode(), body),
                        self.signed(made["secret"], b"other"), self.signed(made["secret"], body, at=time.time() - 3600)):
            status, text, _ = self.post(made["webhook"], body, headers)
            self.assertEqual((status, json.loads(text)["error"]["code"]), (401, "unauthenticated"), headers)
        self.assertEqual(self.post("/hooks/0123", body, self.signed(made["secret"], body))[0], 404)
        self.assertEqual(self.post(made["webhook"], None, {}, method="GET")[0], 400)
        self.assertEqual(self.post(made["webhook"], b"x" * (300 << 10), {})[0], 413)
        for _ in range(3):  # a sender that got no answer sends again
            self.assertEqual(self.post(made["webhook"], body, self.signed(made["secret"], body))[0], 202)
        self.ended_of("hook", 1)
        self.assertEqual(self.post(made["webhook"], body, self.signed(made["secret"], body))[0], 202, "later than its task")
        self.assertEqual(self.post(made["webhook"], body, self.signed(made["secret"], body, delivery="d2"))[0], 202)
        told = self.ended_of("hook", 2)
        self.wait_for(lambda: self.ok("trigger.get", name="hook")["waiting"] == 0)
        self.assertEqual([event["body"] for event in told], [body.decode()] * 2)
        self.assertEqual(self.ok("trigger.get", name="hook")["runs"], 2)

    def test_githubs_signature_and_a_secret_of_ones_own(self):
        made = self.ok("trigger.create", name="github", webhook={"secret": "a secret of my own"}, task=SHOWS)
        body = b'{"ref": "refs/heads/main"}'
        signature = "sha256=" + hmac.digest(b"a secret of my own", body, "sha256").hex()
        headers = {"X-Hub-Signature-256": signature, "X-GitHub-Delivery": "one", "X-GitHub-Event": "push"}
        self.assertEqual(self.post(made["webhook"], body, headers)[0], 202)
        self.assertEqual(self.ended_of("github", 1)[0]["headers"]["x-github-event"], "push")

    def test_paused_it_takes_nothing_and_deleted_it_is_gone(self):
        made = self.ok("trigger.create", name="paused", webhook={}, task=SHOWS)
        self.ok("trigger.pause", name="paused")
        status, _, headers = self.post(made["webhook"], b"{}", self.signed(made["secret"], b"{}"))
        self.assertEqual((status, headers["retry-after"]), (503, "60"))
        self.ok("trigger.resume", name="paused")
        self.assertEqual(self.post(made["webhook"], b"{}", self.signed(made["secret"], b"{}"))[0], 202)
        self.ended_of("paused", 1)
        self.ok("trigger.delete", name="paused")
        self.assertEqual(self.post(made["webhook"], b"{}", self.signed(made["secret"], b"{}"))[0], 404)
        self.assertEqual(self.server.call("trigger.get", {"name": "paused"}).code, "not_found")

    def test_no_more_tasks_at_once_than_it_says(self):
        made = self.ok("trigger.create", name="narrow", webhook={}, at_once=2,
                       task={"program": {"command": ["sleep", "600"]}, "deadline_s": 900})
        for n in range(5):
            self.assertEqual(self.post(made["webhook"], b"{}", self.signed(made["secret"], b"{}", delivery=f"n{n}"))[0], 202)
        self.wait_for(lambda: self.ok("trigger.get", name="narrow")["runs"] == 2)
        tasks = [task["id"] for task in self.ok("task.list", limit=1000)["items"] if task["state"] in ("queued", "running")]
        self.assertEqual((len(tasks), self.ok("trigger.get", name="narrow")["waiting"]), (2, 3))
        self.ok("task.cancel", id=tasks[0])
        self.wait_for(lambda: self.ok("trigger.get", name="narrow")["runs"] == 3, "the third")
        self.ok("trigger.delete", name="narrow")
        for task in self.ok("task.list", limit=1000)["items"]:
            if task["state"] in ("queued", "running"):
                self.ok("task.cancel", id=task["id"])

    def test_what_makes_no_sense_or_is_not_allowed_is_refused(self):
        self.ok("object.create_bucket", bucket="secret-bucket")
        for wrong in ({}, {"webhook": {}, "queue": "q"}, {"webhook": {"secret": "short"}}, {"webhook": {}, "task": {"goal": ""}},
                      {"webhook": {}, "task": None}, {"object": {"prefix": "x"}}, {"webhook": {}, "at_once": 0}):
            self.assertEqual(self.server.call("trigger.create", {"name": "wrong", "task": SHOWS, **wrong}).status, 400, wrong)
        grant = {"operations": ["trigger.*", "task.*", "key.*"]}
        narrow = self.ok("key.create", name="triggers", grant=grant)["key"]
        refused = self.server.call("trigger.create", {"name": "peeps", "object": {"bucket": "secret-bucket"}, "task": SHOWS}, key=narrow)
        self.assertEqual(refused.code, "permission_denied")

    def test_every_event_that_was_acknowledged_runs_once_through_kills(self):
        rounds = 20 if os.environ.get("ACLOUD_SOAK") else 4
        seed = int(os.environ.get("ACLOUD_SEED", random.randrange(1 << 30)))
        chance = random.Random(seed)
        self.ok("object.create_bucket", bucket="crash")
        self.ok("queue.create", name="crash", visibility_s=2)
        made = self.ok("trigger.create", name="crash-hook", webhook={}, task=SHOWS, at_once=100)
        self.ok("trigger.create", name="crash-object", object={"bucket": "crash"}, task=SHOWS, at_once=100)
        self.ok("trigger.create", name="crash-queue", queue="crash", task=SHOWS, at_once=100)
        sent = 0
        for _ in range(rounds):
            for _ in range(3):
                body = json.dumps({"n": sent}).encode()
                self.assertEqual(self.post(made["webhook"], body, self.signed(made["secret"], body, delivery=f"c{sent}"))[0], 202)
                self.ok("object.put", bucket="crash", key=f"k{sent}", content="x")
                self.ok("queue.send", name="crash", body=f"m{sent}")
                sent += 1
            time.sleep(chance.uniform(0.05, 1.5))
            self.server.restart(kill=True)
        with self.subTest(seed=seed):
            hooks = [event["body"] for event in self.ended_of("crash-hook", sent)]
            objects = [event["key"] for event in self.ended_of("crash-object", sent)]
            messages = [event["body"] for event in self.ended_of("crash-queue", sent)]
            self.assertEqual(sorted(hooks), sorted(json.dumps({"n": n}) for n in range(sent)))
            self.assertEqual(sorted(objects), sorted(f"k{n}" for n in range(sent)))
            self.assertEqual(sorted(messages), sorted(f"m{n}" for n in range(sent)))


if __name__ == "__main__":
    unittest.main()
