"""The public clients against the gateway: each plain, streamed, with tools, in its own dialect and across."""

import json
import os
import shutil
import subprocess
import unittest

from support.server import ROOT, Server
from support.upstream import Upstream

CLIENTS = os.path.join(ROOT, "tests", "clients")
# client -> the models that it is tried with: gpt stands behind OpenAI's dialect, claude behind Anthropic's
MATRIX = {each: ["gpt", "claude"] for each in
          ("openai", "anthropic", "ai-openai-compatible", "ai-anthropic", "langchain", "agents")}

NODE = {"ai-openai-compatible": 18, "ai-anthropic": 18}  # the Node that a client needs, where it is not 20


def node_version():
    if not shutil.which("node"):
        return 0
    return int(subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout[1:].split(".")[0])


@unittest.skipUnless(shutil.which("node") and os.path.isdir(os.path.join(CLIENTS, "node_modules")),
                     "needs node and the packages of tests/clients (scripts/setup)")
class Clients(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.upstream = Upstream().__enter__()
        cls.upstream.faults_of = {}
        cls.server = Server(config=cls.upstream.config(), environment={"MOCK_KEY": "sk-upstream"},
                            flags=["--log", "warn"]).start()
        cls.rows = []

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()
        cls.upstream.__exit__()
        print("\n" + table(cls.rows))

    def run_client(self, client, model):
        if node_version() < NODE.get(client, 20):
            self.skipTest(f"{client} needs Node {NODE.get(client, 20)} or newer")
        process = subprocess.run(["node", f"{client}.mjs", self.server.url, self.server.key, model], cwd=CLIENTS,
                                 capture_output=True, text=True, timeout=100, check=False,
                                 env={**os.environ, "NO_PROXY": "127.0.0.1"})
        lines = [json.loads(line) for line in process.stdout.splitlines() if line.startswith("{")]
        self.assertTrue(lines, process.stderr)
        for line in lines:
            type(self).rows.append((client, model, line["what"], line["ok"]))
        self.assertFalse([line for line in lines if not line["ok"]], process.stderr)
        self.assertEqual(process.returncode, 0, process.stderr)


def table(rows):
    """Clients down, what they tried across."""
    columns = list(dict.fromkeys(what for _, _, what, _ in rows))
    lines = ["| client | model | " + " | ".join(columns) + " |", "| --- " * (len(columns) + 2) + "|"]
    for client, model in dict.fromkeys((client, model) for client, model, _, _ in rows):
        cells = {what: "yes" if ok else "NO" for c, m, what, ok in rows if (c, m) == (client, model)}
        lines.append(f"| {client} | {model} | " + " | ".join(cells.get(what, "") for what in columns) + " |")
    return "\n".join(lines)


def add(client, model):
    setattr(Clients, f"test_{client}_with_{model}", lambda self: self.run_client(client, model))


for each, models in MATRIX.items():
    for name in models:
        add(each, name)

if __name__ == "__main__":
    unittest.main()
