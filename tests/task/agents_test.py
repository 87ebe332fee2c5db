"""Agents that exist, unchanged, as programs of tasks: @openai/codex and @anthropic-ai/claude-code run in a sandbox that
reaches the cloud through its proxy alone, call a tool, run it, tell the model of it, and end; what they used is on the
task's receipt."""

import io
import json
import os
import tarfile
import unittest

from gateway.agents_test import CLAUDE, CODEX_CONFIG, MODULES
from support.server import Server
from support.tasks import end_of
from support.upstream import TEXT, Upstream

CODEX_PROGRAM = os.path.join(MODULES, "@openai", "codex-linux-x64", "vendor", "x86_64-unknown-linux-musl", "bin", "codex")
INSIDE = "http://127.0.0.1:7300"
PRICES = "price = { input = 1, output = 10, cache_read = 0.5, cache_write = 2 }\n"
PATIENCE = 100


def with_prices(config):
    return "".join(line + (PRICES if "targets = " in line else "") for line in config.splitlines(keepends=True))


class Agents(unittest.TestCase):
    """Each agent's program is uploaded once, and an image is made of it, as a user would."""

    @classmethod
    def setUpClass(cls):
        cls.upstream = Upstream().__enter__()
        cls.server = Server(config=with_prices(cls.upstream.config()), environment={"MOCK_KEY": "sk-upstream"},
                            flags=["--log", "warn"]).start()

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()
        cls.upstream.__exit__()

    def setUp(self):
        self.upstream.requests.clear()
        self.upstream.counted.clear()

    def call(self, operation, arguments=None):
        reply = self.server.call(operation, arguments or {})
        self.assertEqual(reply.status, 200, reply.body)
        return reply.json

    def image(self, name, program):
        """An image with `program` at /opt/`name`."""
        sandbox = self.call("sandbox.create")["id"]
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as tar:
            tar.add(program, arcname=name)
        sent = self.server.request("POST", f"/api/sandbox/upload_files?id={sandbox}&path=/opt", packed.getvalue(),
                                   {"Content-Type": "application/octet-stream"})
        self.assertEqual(sent.status, 200, sent.body)
        self.call("sandbox.snapshot", {"id": sandbox, "name": name})
        self.call("sandbox.kill", {"id": sandbox})
        return name

    def run_program(self, program, tools=("model.*",)):
        task = self.call("task.run", {"program": program, "tools": list(tools), "deadline_s": PATIENCE})["id"]
        ended = end_of(self.server, task, PATIENCE)
        self.assertEqual(ended["state"], "succeeded", ended)
        return task, ended["result"]

    def check(self, task, model, said):
        self.assertEqual(said, TEXT)
        self.assertIn("from-the-42", json.dumps(self.upstream.requests[-1][2]), "the model was not told of the tool")
        for _, headers, _ in self.upstream.requests:
            self.assertIn("sk-upstream", headers.get("authorization", "") + headers.get("x-api-key", ""))
        receipt = self.call("usage.receipt", {"task": task})
        lines = [line for line in receipt["models"] if line["model"] == model]
        self.assertEqual(len(lines), len(receipt["models"]), receipt)
        tokens = {name: sum(line["tokens"].get(name, 0) for line in lines) for name in self.upstream.counted}
        self.assertEqual(tokens, dict(self.upstream.counted))
        self.assertGreater(float(receipt["cost"]), 0)
        self.assertEqual(self.call("sandbox.list")["items"], [])
        self.assertEqual([key for key in self.call("key.list")["items"] if key["name"] == task], [], "its key is left")

    @unittest.skipUnless(os.path.exists(CODEX_PROGRAM), "needs @openai/codex of tests/clients")
    def test_codex(self):
        config = CODEX_CONFIG.format(model="gpt", url=INSIDE).replace("ACLOUD_API_KEY", "OPENAI_API_KEY")
        command = ["/opt/codex", "exec", "--skip-git-repo-check", "--json", "--dangerously-bypass-approvals-and-sandbox",
                   "Hello"]
        task, result = self.run_program({"image": self.image("codex", CODEX_PROGRAM), "command": command,
                                         "files": [{"path": ".codex/config.toml", "content": config}]})
        items = [line["item"] for line in map(json.loads, result["stdout"].splitlines()) if line["type"] == "item.completed"]
        self.check(task, "gpt", [item["text"] for item in items if item["type"] == "agent_message"][-1])

    @unittest.skipUnless(os.path.exists(CLAUDE), "needs @anthropic-ai/claude-code of tests/clients")
    def test_claude_code(self):
        command = ["/opt/claude", "-p", "Hello", "--model", "claude", "--output-format", "json"]
        env = {"ANTHROPIC_SMALL_FAST_MODEL": "claude", "DISABLE_AUTOUPDATER": "1",
               "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1"}
        task, result = self.run_program({"image": self.image("claude", CLAUDE), "command": command, "env": env})
        self.check(task, "claude", json.loads(result["stdout"])["result"])


if __name__ == "__main__":
    unittest.main()
