"""Limits of models in the configuration: calls, tokens and growth, in both dialects, changed by a reload."""

import json
import unittest

from support.server import Server
from support.upstream import Upstream

LIMITS = {"gpt": "{ rpm = 3 }", "claude": "{ each_key = { rpm = 40, growth_percent = 200 } }"}


def config(upstream, limits):
    text = upstream.config()
    for model, said in limits.items():
        text = text.replace(f'name = "{model}"\n', f'name = "{model}"\nlimits = {said}\n')
    return text


class Limits(unittest.TestCase):
    def setUp(self):
        self.upstream = self.enterContext(Upstream())
        self.server = self.enterContext(Server(config=config(self.upstream, LIMITS), environment={"MOCK_KEY": "k"},
                                               flags=["--log", "info"]))

    def ask(self, model, key=None):
        path = "/v1/messages" if model == "claude" else "/v1/chat/completions"
        body = {"model": model, "max_tokens": 9, "messages": [{"role": "user", "content": "Hello"}]}
        return self.server.request("POST", path, json.dumps(body), {"Content-Type": "application/json"}, key)

    def test_calls_a_minute_of_all_callers(self):
        other = self.server.call("key.create", {"name": "other"}).json["key"]
        self.assertEqual([self.ask("gpt", key).status for key in (None, other, None)], [200, 200, 200])
        refused = self.ask("gpt", other)
        self.assertEqual((refused.status, refused.json["error"]["code"]), (429, "rate_limit_exceeded"))
        self.assertIn("model gpt may use 3 requests a minute", refused.json["error"]["message"])
        self.assertTrue(0 < int(refused.headers["retry-after"]) <= 61)
        self.assertEqual(refused.headers["x-ratelimit-remaining-requests"], "0")
        self.assertEqual(self.upstream.calls, 3)

    def test_a_burst_of_one_key_is_refused_and_another_key_goes_on(self):
        other = self.server.call("key.create", {"name": "other"}).json["key"]
        self.assertEqual([self.ask("claude").status for _ in range(5)], [200, 200, 200, 200, 429])
        refused = self.ask("claude")
        self.assertEqual((refused.json["type"], refused.json["error"]["type"]), ("error", "rate_limit_error"))
        self.assertIn("a key of model claude may not grow so fast: 4 requests a minute now", refused.json["error"]["message"])
        self.assertTrue(50 < int(refused.headers["retry-after"]) <= 61)
        details = self.server.call("model.chat", {"model": "claude", "messages": [{"role": "user", "content": "x"}]}).json
        self.assertEqual((details["error"]["details"]["kind"], details["error"]["details"]["of"]), ("growth", "requests"))
        self.assertEqual(self.ask("claude", other).status, 200)
        self.assertEqual(self.upstream.calls, 5)

    def test_limits_change_while_it_runs(self):
        self.assertEqual([self.ask("gpt").status for _ in range(4)], [200, 200, 200, 429])
        self.server.reload(config(self.upstream, {"gpt": "{ rpm = 4 }"}), "configuration reloaded")
        self.assertEqual([self.ask("gpt").status for _ in range(2)], [200, 429])
        self.server.reload(config(self.upstream, {"gpt": "{ growth_percent = 200 }"}), "was not reloaded")
        self.assertEqual(self.ask("gpt").status, 429)
        self.server.reload(self.upstream.config(), "configuration reloaded")
        self.assertEqual(self.ask("gpt").status, 200)


if __name__ == "__main__":
    unittest.main()
