"""Hedging: a second target is asked beside one that takes long; the first answer is taken, the other one cancelled, and
both are on the one record of the call."""

import json
import time
import unittest

from gateway.basic_test import MESSAGES, events
from support.server import Server
from support.upstream import INPUT, TEXT, WORDS, Upstream

# `slow` is the cheaper, so it is asked first.
MODEL = """
[[model]]
name = "both"
strategy = "price"
affinity = "none"
hedge_after_s = 0.2
retries = 0
price = { input = 1, output = 10 }
targets = [ { provider = "oai", model = "slow", price = { input = 1, output = 1 } },
            { provider = "ant", model = "quick", price = { input = 2, output = 2 } } ]
"""
FORMS = {"chat": "/v1/chat/completions", "messages": "/v1/messages"}


class Hedging(unittest.TestCase):
    def setUp(self):
        self.upstream = self.enterContext(Upstream())
        self.server = self.enterContext(Server(config=self.upstream.config() + MODEL, environment={"MOCK_KEY": "k"},
                                               flags=["--log", "warn"]))

    def ask(self, form="chat", **fields):
        return self.server.request("POST", FORMS[form], json.dumps(
            {"model": "both", "max_tokens": 50, "messages": MESSAGES, **fields}), {"Content-Type": "application/json"})

    def asked(self):
        models = [body["model"] for _, _, body in self.upstream.requests]
        self.upstream.requests.clear()
        return models

    def text(self, form, reply):
        self.assertEqual(reply.status, 200, reply.body)
        if b"data: " not in reply.body:
            return json.dumps(reply.json)
        texts = [e for e in events(reply.body) if e != "[DONE]"]
        if form == "chat":
            return "".join(e["choices"][0]["delta"].get("content") or "" for e in texts if e["choices"])
        return "".join(e["delta"].get("text", "") for e in texts if e["type"] == "content_block_delta")

    def uses(self):
        """The uses of each call, those of one call together."""
        content = self.server.call("usage.export", {"from": "2026-01-01T00:00:00Z", "format": "cloudevents"}).json["content"]
        calls = {}
        for event in json.loads(content):
            calls.setdefault(event["id"].split("/")[0], []).append(event["data"])
        return list(calls.values())

    def wait_until_left(self, count):
        deadline = time.monotonic() + 20
        while self.upstream.left < count:
            self.assertLess(time.monotonic(), deadline, f"only {self.upstream.left} of {count} were cancelled")
            time.sleep(0.01)

    def test_the_other_answers_where_the_first_hangs(self):
        self.upstream.faults_of["slow"] = "hang"
        made = 0
        for form in FORMS:
            for stream in (False, True):
                self.assertIn(TEXT, self.text(form, self.ask(form, stream=stream)))
                made += 1
                self.assertEqual(self.asked(), ["slow", "quick"])
                self.wait_until_left(made)  # though nobody released it
        uses = self.uses()
        self.assertEqual(len(uses), made)  # one record a call
        for parts in uses:
            by_provider = {part["provider"]: part for part in parts}
            self.assertEqual(len(parts), 2)
            self.assertEqual((by_provider["ant"]["estimated"], by_provider["ant"]["tokens"]["output"]), (False, len(WORDS)))
            self.assertTrue(by_provider["oai"]["estimated"])
            self.assertEqual(by_provider["oai"]["tokens"]["output"], 0)
            self.assertGreater(by_provider["oai"]["tokens"]["input_uncached"], 0)
        total = self.server.call("usage.query", {"group_by": ["model"], "model": "both"}).json["items"][0]
        self.assertEqual((total["calls"], total["failed"], total["estimated"]), (made, 0, made))
        metrics = self.server.request("GET", "/metrics", key="").body.decode()
        self.assertIn(f'acloud_model_hedges_total{{model="both"}} {made}', metrics)

    def test_who_is_quick_is_asked_alone(self):
        for stream in (False, True):
            self.assertIn(TEXT, self.text("chat", self.ask(stream=stream)))
            self.assertEqual(self.asked(), ["slow"])
        self.assertEqual([len(parts) for parts in self.uses()], [1, 1])

    def test_the_first_still_wins_where_the_second_fails(self):
        self.upstream.faults_of = {"slow": "cut@1", "quick": (500, {}, {"error": {"message": "Broken."}})}
        self.upstream.held = True  # `slow` waits, after its first events and before any text
        connection = self.server.connect()
        connection.request("POST", FORMS["chat"], json.dumps({"model": "both", "messages": MESSAGES, "stream": True}),
                           {"Authorization": f"Bearer {self.server.key}"})
        deadline = time.monotonic() + 20
        while len(self.upstream.requests) < 2:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.01)
        self.upstream.release.set()
        response = connection.getresponse()
        body = response.read()
        connection.close()
        said = "".join(e["choices"][0]["delta"].get("content") or "" for e in events(body)[:-1] if e["choices"])
        self.assertEqual(said, TEXT)
        self.assertEqual(self.asked(), ["slow", "quick"])
        self.assertEqual([[part["provider"] for part in parts] for parts in self.uses()], [["oai"]])  # 500s cost nothing
        self.assertEqual(self.uses()[0][0]["tokens"]["input_uncached"] + self.uses()[0][0]["tokens"]["cache_read"], INPUT)

    def test_a_client_that_goes_leaves_nothing_running(self):
        self.upstream.faults_of = {"slow": "hang", "quick": "hang"}
        connection = self.server.connect()
        connection.request("POST", FORMS["chat"], json.dumps({"model": "both", "messages": MESSAGES, "stream": True}),
                           {"Authorization": f"Bearer {self.server.key}"})
        deadline = time.monotonic() + 20
        while len(self.upstream.requests) < 2:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.01)
        connection.close()
        self.wait_until_left(2)


if __name__ == "__main__":
    unittest.main()
