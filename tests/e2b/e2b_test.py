"""The public e2b and @e2b/code-interpreter clients against a running server."""

import json
import os
import shutil
import subprocess
import unittest

from support.server import ROOT, Server

CLIENTS = os.path.join(ROOT, "tests", "clients")
METHODS_LEAST = 28


@unittest.skipUnless(shutil.which("node") and os.path.isdir(os.path.join(CLIENTS, "node_modules", "e2b")),
                     "needs node and the packages of tests/clients (scripts/setup)")
class Clients(unittest.TestCase):
    def test_their_methods(self):
        with Server() as server:
            made = server.call("sandbox.create")
            if made.status == 503:
                self.skipTest(made.json["error"]["message"])
            server.call("sandbox.kill", {"id": made.json["id"]})
            try:
                lines = self.run_client(server)
            finally:
                for item in server.call("sandbox.list", {"limit": 1000}).json["items"]:
                    server.call("sandbox.kill", {"id": item["id"]})
        for line in lines:
            with self.subTest(line["what"]):
                self.assertTrue(line["ok"], line.get("error"))
        methods = [line["what"] for line in lines if line["ok"] and "." in line["what"]]
        print(f"\n{len(methods)} methods of the E2B clients work: {', '.join(methods)}")
        self.assertGreaterEqual(len(methods), METHODS_LEAST)
        with open(os.path.join(ROOT, "docs", "e2b.md"), encoding="utf-8") as page:
            text = page.read()
        self.assertEqual([method for method in methods if f"`{method}`" not in text], [])

    def run_client(self, server):
        done = subprocess.run(["node", "e2b.mjs", server.url, server.key, "base"], cwd=CLIENTS, timeout=150,
                              capture_output=True, text=True, check=False,
                              env={**os.environ, "NO_PROXY": "127.0.0.1"})
        lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(lines, done.stderr)
        return lines


if __name__ == "__main__":
    unittest.main()
