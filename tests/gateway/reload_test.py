"""SIGHUP: providers and models change while calls are under way; a fault in the file changes nothing."""

import json
import unittest

from gateway.basic_test import MESSAGES
from support.server import Server
from support.upstream import TEXT, WORDS, Upstream


class Reload(unittest.TestCase):
    def setUp(self):
        self.upstream = self.enterContext(Upstream())
        self.server = self.enterContext(Server(config=self.upstream.config(), environment={"MOCK_KEY": "k"},
                                               flags=["--log", "info"]))

    def names(self):
        models = self.server.request("GET", "/v1/models").json["data"]
        return [model["id"] for model in models if not model["id"].startswith("acloud-")]

    def test_models_change_and_a_stream_goes_on(self):
        self.upstream.held = True
        self.upstream.faults.append("cut@5")
        body = {"model": "gpt", "messages": MESSAGES, "stream": True}
        connection = self.server.connect()
        connection.request("POST", "/v1/chat/completions", json.dumps(body), {"Authorization": f"Bearer {self.server.key}"})
        response = connection.getresponse()
        seen = response.read1()
        self.server.reload(self.upstream.config({"new": ("oai", "mock-new")}), "configuration reloaded")
        self.assertEqual(self.names(), ["new"])
        self.assertEqual(self.server.call("model.chat", {"model": "gpt", "messages": MESSAGES}).code, "not_found")
        self.assertEqual(self.server.call("model.chat", {"model": "new", "messages": MESSAGES}).json["message"]["content"], TEXT)
        self.upstream.release.set()
        seen += response.read()
        connection.close()
        self.assertIn(b"[DONE]", seen)
        for word in WORDS:
            self.assertIn(json.dumps(word).encode(), seen)

    def test_a_fault_in_the_file_changes_nothing(self):
        for config in ("[[model]]\nname = 7", self.upstream.config({"x": ("nowhere", "y")}), "[[provider"):
            self.server.reload(config, "was not reloaded")
            self.assertEqual(self.names(), ["gpt", "claude"])
        self.assertEqual(self.server.call("model.chat", {"model": "gpt", "messages": MESSAGES}).status, 200)


if __name__ == "__main__":
    unittest.main()
