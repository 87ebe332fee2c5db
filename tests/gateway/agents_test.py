"""The command-line agents against the gateway, each in its own dialect and across: they call a tool, run it,
and give its result back."""

import json
import os
import shutil
import subprocess
import tempfile
import unittest

from gateway.clients_test import CLIENTS, table
from support.server import Server
from support.upstream import TEXT, Upstream

MODULES = os.path.join(CLIENTS, "node_modules")
CODEX = os.path.join(MODULES, "@openai", "codex", "bin", "codex.js")
CLAUDE = os.path.join(MODULES, "@anthropic-ai", "claude-code-linux-x64", "claude")  # itself, without Node
CODEX_CONFIG = """
model = "{model}"
model_provider = "acloud"
[model_providers.acloud]
name = "acloud"
base_url = "{url}/v1"
env_key = "ACLOUD_API_KEY"
wire_api = "responses"
request_max_retries = 0
stream_max_retries = 0
"""


class Agents(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.upstream = Upstream().__enter__()
        cls.server = Server(config=cls.upstream.config(), environment={"MOCK_KEY": "sk-upstream"},
                            flags=["--log", "warn"]).start()
        cls.rows = []

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()
        cls.upstream.__exit__()
        print("\n" + table(cls.rows))

    def setUp(self):
        self.home = tempfile.mkdtemp(prefix="acloud-agent-")
        self.addCleanup(shutil.rmtree, self.home, ignore_errors=True)
        self.upstream.requests.clear()

    def run_agent(self, command, **environment):
        environment = {"HOME": self.home, "PATH": os.environ["PATH"], "NO_PROXY": "127.0.0.1", **environment}
        done = subprocess.run(command, cwd=self.home, env=environment, capture_output=True, text=True, timeout=100,
                              stdin=subprocess.DEVNULL, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def check(self, agent, model, said):
        """It said what the model said, having run the tool and told the model of it."""
        told = json.dumps(self.upstream.requests[-1][2])
        ok = said == TEXT and "from-the-42" in told
        self.rows.append((agent, model, "tool run and answered", ok))
        self.assertEqual(said, TEXT)
        self.assertIn("from-the-42", told)

    def codex(self, model):
        folder = os.path.join(self.home, ".codex")
        os.makedirs(folder)
        with open(os.path.join(folder, "config.toml"), "w", encoding="utf-8") as file:
            file.write(CODEX_CONFIG.format(model=model, url=self.server.url))
        printed = self.run_agent(["node", CODEX, "exec", "--skip-git-repo-check", "--json",
                                  "--dangerously-bypass-approvals-and-sandbox", "Hello"],
                                 CODEX_HOME=folder, ACLOUD_API_KEY=self.server.key)
        items = [line["item"] for line in map(json.loads, printed.splitlines()) if line["type"] == "item.completed"]
        self.check("codex", model, [item["text"] for item in items if item["type"] == "agent_message"][-1])

    def claude(self, model):
        printed = self.run_agent([CLAUDE, "-p", "Hello", "--model", model, "--output-format", "json"],
                                 ANTHROPIC_BASE_URL=self.server.url, ANTHROPIC_AUTH_TOKEN=self.server.key,
                                 ANTHROPIC_SMALL_FAST_MODEL=model, DISABLE_AUTOUPDATER="1",
                                 CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC="1")
        self.check("claude-code", model, json.loads(printed)["result"])


for name in ("gpt", "claude"):
    with_codex = unittest.skipUnless(shutil.which("node") and os.path.exists(CODEX), "needs @openai/codex of tests/clients")
    with_claude = unittest.skipUnless(os.path.exists(CLAUDE), "needs @anthropic-ai/claude-code of tests/clients")
    setattr(Agents, f"test_codex_with_{name}", with_codex(lambda self, model=name: self.codex(model)))
    setattr(Agents, f"test_claude_code_with_{name}", with_claude(lambda self, model=name: self.claude(model)))

if __name__ == "__main__":
    unittest.main()
