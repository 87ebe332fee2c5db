"""Every example in every skill is run against a server, as an agent would: what its page says beforehand, then
itself, in each form that it is given in."""

import concurrent.futures
import json
import os
import re
import shutil
import subprocess
import tempfile
import threading
import unittest

from support.server import BINARY, Server
from support.skills import blocks, fetch
from support.upstream import Upstream

TIME = 60


class Shelf:
    """The server that one skill is tried with, and its counts."""

    def __init__(self, upstream):
        self.config = upstream.config({"text-embedding-v4": ("oai", "mock-embed")})
        self.server = Server(config=self.config, environment={"MOCK_KEY": "sk-upstream"}, flags=["--log", "warn"]).start()
        self.tools = tempfile.TemporaryDirectory()
        os.symlink(BINARY, os.path.join(self.tools.name, "acloud"))

    def close(self):
        self.server.__exit__()
        self.tools.cleanup()

    def key(self, name, whole):
        """A key of a workspace where nothing is yet; the operator's for what is theirs."""
        for workspace in self.server.call("workspace.list").json["items"]:
            if workspace["id"] != "default":
                self.server.call("workspace.delete", {"id": workspace["id"]})
        if whole:
            return self.server.key
        workspace = self.server.call("workspace.create", {"name": name}).json["id"]
        return self.server.call("key.create", {"name": "tried", "workspace": workspace}).json["key"]

    def run(self, script, key):
        environment = {**os.environ, "ACLOUD_URL": self.server.url, "ACLOUD_API_KEY": key, "NO_PROXY": "127.0.0.1",
                       "PATH": f"{self.tools.name}:{os.environ['PATH']}", "XDG_CACHE_HOME": self.tools.name}
        with tempfile.TemporaryDirectory() as folder:
            return subprocess.run(["bash", "-euo", "pipefail", "-c", script], cwd=folder, env=environment, timeout=TIME,
                                  capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)

    def call_tool(self, params, key):
        """tools/call at /mcp; the reason why it failed, or ""."""
        meta = {"io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
                "io.modelcontextprotocol/clientCapabilities": {}}
        request = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {**params, "_meta": meta}}
        headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream",
                   "MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call", "Mcp-Name": params["name"]}
        reply = self.server.request("POST", "/mcp", json.dumps(request), headers, key)
        text = reply.body.decode()
        if "text/event-stream" in reply.headers.get("content-type", ""):
            text = re.findall(r"(?m)^data: (.*)$", text)[-1]
        answer = json.loads(text)
        failed = "error" in answer or answer["result"].get("isError")
        return text if failed else ""


def parts_of(page):
    """The set-up of a reference and its examples: (form, body)."""
    set_up, examples = "", []
    for language, word, body in blocks(page):
        if word == "set-up":
            set_up = body
        elif word in ("curl", "cli", "mcp"):
            examples.append((word, body))
    return set_up, examples


class Examples(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.upstream = Upstream().__enter__()
        shelf = Shelf(cls.upstream)
        cls.skills = fetch(shelf.server)
        cls.operator = {f"{product['name']}.{operation['name']}"
                        for product in shelf.server.request("GET", "/api").json["products"]
                        for operation in product["operations"] if operation.get("operator_only")}
        cls.has_mcp = shelf.server.request("POST", "/mcp", "{}").status != 404
        shelf.close()
        cls.counts = {}
        cls.lock = threading.Lock()

    @classmethod
    def tearDownClass(cls):
        cls.upstream.__exit__()
        print("examples run: " + ", ".join(f"{count} {form}" for form, count in sorted(cls.counts.items())))

    def count(self, form):
        with self.lock:
            self.counts[form] = self.counts.get(form, 0) + 1

    def reference(self, shelf, operation, page):
        whole = operation in self.operator
        set_up, examples = parts_of(page)
        for number, (form, body) in enumerate(examples):
            if form == "mcp" and not self.has_mcp:
                continue
            if whole and number:  # what an operator has made stays: begin anew
                shelf.server.stop()
                shutil.rmtree(shelf.server.data)
                os.mkdir(shelf.server.data)
                with open(os.path.join(shelf.server.data, "acloud.toml"), "w", encoding="utf-8") as file:
                    file.write(shelf.config)
                shelf.server.start()
            key = shelf.key(f"{operation}-{number}", whole)
            if form == "mcp":
                names = re.findall(r"(?m)^([A-Z_]+)=", set_up)
                show = "".join(f'\nprintf "%s\\n" "{name}=${name}"' for name in names)
                made = shelf.run(set_up + 'printf "\\n--\\n"' + show, key)
                if made.returncode:
                    yield f"{operation}: set-up: {made.stdout}{made.stderr}"
                    continue
                for name, value in re.findall(r"(?m)^([A-Z_]+)=(.*)$", made.stdout.rpartition("\n--\n")[2]):
                    body = re.sub(rf"\${name}\b", lambda _, value=value: value, body)
                failed = shelf.call_tool(json.loads(body), key)
            else:
                done = shelf.run(set_up + body, key)
                failed = done.returncode and f"exit code {done.returncode}: {done.stdout}{done.stderr}"
            self.count(form)
            if failed:
                yield f"{operation}: {form}: {body}\n{failed}"

    def skill(self, name, files):
        """What of a skill doesn't work."""
        shelf = Shelf(self.upstream)
        try:
            found = []
            script = "".join(body for language, word, body in blocks(files["SKILL.md"]) if language == "sh")
            whole = name == "acloud-workspace"
            done = shelf.run(script, shelf.key("walk", whole))
            self.count("walk")
            if done.returncode:
                found.append(f"{name}: exit code {done.returncode}: {done.stdout}{done.stderr}")
            for path, page in files.items():
                if path.startswith("references/"):
                    found += self.reference(shelf, page.split("\n", 1)[0][2:], page)
            return found
        finally:
            shelf.close()

    def test_each_works(self):
        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            found = [pool.submit(self.skill, name, files) for name, files in self.skills.items()]
            faults = [fault for each in found for fault in each.result()]
        self.assertEqual(faults, [], "\n" + "\n\n".join(faults))
        for form in ("walk", "curl", "cli", *(["mcp"] if self.has_mcp else [])):
            self.assertGreater(self.counts.get(form, 0), 5)
        if not self.has_mcp:
            self.skipTest("the examples for MCP: this server has no /mcp")


if __name__ == "__main__":
    unittest.main()
