"""The public clients: the TypeScript SDK's in both its generations and the inspector's command line, over HTTP and
stdio."""

import json
import unittest

from support.mcp import META, VERSION
from support.mcp_clients import INSPECTOR, needs_clients, run_node
from support.server import BINARY, Server


@needs_clients
class Clients(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(flags=["--log", "warn"]).start()

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()

    def test_typescript_clients(self):
        for library, version in (("sdk", "2025-11-25"), ("client", VERSION)):
            for words in (["http", f"{self.server.url}/mcp", self.server.key], ["stdio", BINARY, "mcp"]):
                with self.subTest(library=library, transport=words[0]):
                    seen = run_node(self, self.server, "clients.mjs", library, *words)
                    self.assertEqual(seen["tools"], 5)
                    if seen["version"]:
                        self.assertEqual(seen["version"], version)

    def test_inspector(self):
        http = [f"{self.server.url}/mcp/object", "--transport", "http", "--header", f"Authorization: Bearer {self.server.key}"]
        stdio = [BINARY, "mcp", "object", "-e", f"ACLOUD_URL={self.server.url}", "-e", f"ACLOUD_API_KEY={self.server.key}"]
        for name, target in (("http", http), ("stdio", stdio)):
            with self.subTest(name):
                tools = run_node(self, self.server, INSPECTOR, "--cli", *target, "--method", "tools/list")["tools"]
                described = next(tool for tool in tools if tool["name"] == "object_put")
                self.assertIn("bucket", described["inputSchema"]["properties"])
                called = run_node(self, self.server, INSPECTOR, "--cli", *target, "--method", "tools/call", "--tool-name",
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
