"""The agents of examples/ do what they are for: the analyst with acloud-tiny, the others with a scripted model."""

import base64
import io
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
import unittest

from support.server import ROOT
from task.task_test import TaskCase

AGENTS = os.path.join(ROOT, "examples", "agents")


def text_of(name):
    with open(os.path.join(AGENTS, name), encoding="utf-8") as file:
        return file.read()


class Examples(TaskCase):
    def run_agent(self, name, turns, answer, files):
        task = self.start(turns, answer=answer, agent=json.loads(text_of(name)), resources={"files": files})
        ended = self.end_of(task)
        self.assertEqual(ended["state"], "succeeded", ended)
        events = self.call("task.events", {"id": task})["items"]
        return ended["result"]["answer"], [json.loads(e["content"]) for e in events if e["type"] == "TOOL_CALL_RESULT"]

    def test_the_analyst(self):
        data = os.path.join(ROOT, "examples", "data", "planets.csv")
        done = self.server.cli("task", "run", "--agent", f"{AGENTS}/analyst.json", "--file", data, "--goal",
                               "what is the sum of moons in planets.csv?")
        self.assertEqual(done.returncode, 0, done.stderr)
        events = [json.loads(line) for line in done.stdout.decode().splitlines()]
        self.assertEqual(events[0]["event"], "RUN_STARTED")
        self.assertEqual([event["event"] for event in events[-2:]], ["receipt", "result"])
        self.assertIn("288", events[-1]["data"]["result"]["answer"])
        traced = self.server.cli("task", "trace", events[-1]["data"]["id"])
        self.assertIn("sandbox.run_code", [json.loads(line)["name"] for line in traced.stdout.decode().splitlines()])

    def test_the_triager(self):
        log = "".join(f"{i} ERROR cannot reach db-{i % 3}\n" if i % 4 else f"{i} INFO up\n" for i in range(40))
        found = {"worst": "cannot reach db", "count": 30, "cause": "the database is down", "next": ["look at it"]}
        answer, told = self.run_agent("triager.json", [[["sandbox_exec", {"command": "grep -c ERROR app.log"}]]],
                                      json.dumps(found), [{"path": "app.log", "content": log}])
        self.assertEqual((answer, told[0]["stdout"]), (found, "30\n"))

    def test_the_reviewer(self):
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as archive:
            for name, text in (("sums.py", "def add(a, b):\n    return a - b\n"),
                               ("test_sums.py", "import unittest, sums\nclass T(unittest.TestCase):\n"
                                                "    def test(self): self.assertEqual(sums.add(1, 2), 3)\n")):
                entry = tarfile.TarInfo(name)
                entry.size = len(text)
                archive.addfile(entry, io.BytesIO(text.encode()))
        content = base64.b64encode(packed.getvalue()).decode()
        commands = ["tar xzf repository.tar.gz && ls", "python3 -m unittest 2>&1 | tail -1"]
        answer, told = self.run_agent("reviewer.json", [[["sandbox_exec", {"command": command}]] for command in commands],
                                      "sums.py:2 subtracts", [{"path": "repository.tar.gz", "content_base64": content}])
        self.assertEqual(answer, "sums.py:2 subtracts")
        self.assertIn("sums.py", told[0]["stdout"])
        self.assertIn("FAILED", told[1]["stdout"])

    def program(self, name, command):
        if not self.server.call("object.list", {"bucket": "reports"}).status == 200:
            self.call("object.create_bucket", {"bucket": "reports"})
        return {"goal": json.dumps({"answer": "A good day."}), "tools": ["object.put", "model.*"],
                "program": {"command": command, "env": {"BUCKET": "reports", "MODEL": "scripted"},
                            "files": [{"path": name, "content": text_of(name)}]}}

    def check_report(self, ended):
        self.assertEqual(ended["state"], "succeeded", ended)
        self.assertIn("stored 11 bytes", ended["result"]["stdout"])
        stored = self.call("object.get", {"bucket": "reports", "key": f"{ended['id']}.txt"})
        self.assertEqual(stored["content"], "A good day.")
        receipt = self.call("usage.receipt", {"task": ended["id"]})
        self.assertEqual([line["model"] for line in receipt["models"]], ["scripted"])

    def test_a_program_in_python(self):
        task = self.call("task.run", self.program("report.py", ["python3", "report.py"]))["id"]
        self.check_report(self.end_of(task))

    def test_a_program_in_node(self):
        task = self.call("task.run", self.program("report.mjs", "command -v node || exit 77; exec node report.mjs"))["id"]
        ended = self.end_of(task)
        if ended["result"].get("exit_code") == 77:
            self.outside(text_of("report.mjs"))
        else:
            self.check_report(ended)

    def outside(self, text):
        """Without Node in the image: the same program on this machine, with a key like a task's."""
        node = shutil.which("node")
        if node is None:
            self.skipTest("there is no node")
        made = self.call("key.create", {"name": "node", "grant": {"operations": ["object.put", "model.*"]}})
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "report.mjs")
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            url = self.server.url
            env = {**os.environ, "ACLOUD_URL": url, "ACLOUD_API_KEY": made["key"], "OPENAI_BASE_URL": url + "/v1",
                   "OPENAI_API_KEY": made["key"], "ACLOUD_TASK": "task_node", "BUCKET": "reports", "MODEL": "scripted",
                   "ACLOUD_GOAL": json.dumps({"answer": "A good day."})}
            done = subprocess.run([node, path], env=env, capture_output=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.call("object.get", {"bucket": "reports", "key": "task_node.txt"})["content"], "A good day.")



if __name__ == "__main__":
    unittest.main()
