"""Outside MCP servers as products of the cloud: public ones over stdio and HTTP, and other clouds."""

import json
import os
import signal
import subprocess
import tempfile
import unittest

from support.mcp import VERSION, Mcp
from support.outside import EVERYTHING, FILESYSTEM, NODE, Outside, entry, toml, until
from support.ports import free_port
from support.scripted import Scripted
from support.server import BINARY, Server


@unittest.skipUnless(os.path.exists(EVERYTHING) and os.path.exists(NODE),
                     "needs the packages of tests/mcp and tests/skills (scripts/setup)")
class Public(Outside):
    """The public reference servers, and another acloud."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="acloud-files-")
        cls.port = free_port()
        cls.over_http = cls.start_everything()
        cls.inner = Server(flags=["--log", "warn"]).start()
        cls.model = Scripted().__enter__()
        url = cls.inner.url
        config = (entry("everything", NODE, EVERYTHING, "stdio", env={"FROM_ENV": "env:OUTSIDE_SECRET", "PLAIN": "yes"})
                  + entry("files", NODE, FILESYSTEM, cls.folder, summary="Files of the team.")
                  + entry("remote", url=f"http://127.0.0.1:{cls.port}/mcp")
                  + entry("inner", url=f"{url}/mcp/object", bearer="env:INNER_KEY")
                  + entry("bridge", BINARY, "mcp", "queue", env={"ACLOUD_URL": url, "ACLOUD_API_KEY": "env:INNER_KEY"})
                  + cls.model.config())
        cls.server = Server(config=config, flags=["--log", "warn"], environment={
            "OUTSIDE_SECRET": "s3cret", "INNER_KEY": cls.inner.key, "MOCK_KEY": "k", "NOT_FOR_CHILDREN": "1"}).start()

    @classmethod
    def start_everything(cls):
        return subprocess.Popen([NODE, EVERYTHING, "streamableHttp"], env={**os.environ, "PORT": str(cls.port)},
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()
        cls.model.__exit__()
        cls.inner.__exit__()
        cls.over_http.kill()
        cls.over_http.wait()
        subprocess.run(["rm", "-rf", cls.folder], check=True)

    def test_all_are_connected_in_the_newest_revision_that_they_speak(self):
        for name, transport, revision in (("everything", "stdio", "2025-11-25"), ("files", "stdio", "2025-11-25"),
                                          ("remote", "http", "2025-11-25"), ("inner", "http", VERSION),
                                          ("bridge", "stdio", VERSION)):
            with self.subTest(name):
                seen = self.wait_for(name)
                self.assertEqual((seen["transport"], seen["revision"]), (transport, revision))
                self.assertEqual((seen["left_out"], "reason" in seen), ([], False))
                self.assertEqual(len(self.operations(name)), seen["tools"])
                self.assertGreater(seen["tools"], 3)
        metrics = self.server.request("GET", "/metrics").body.decode()
        self.assertIn('acloud_mcp_server_up{server="remote"} 1', metrics)
        names = [each["name"] for each in self.server.call("mcp_server.list", {"limit": 2}).json["items"]]
        self.assertEqual(names, ["bridge", "everything"])

    def test_tools_are_called_as_operations(self):
        for name in ("everything", "remote"):
            with self.subTest(name):
                self.wait_for(name)
                self.assertEqual(self.text(f"{name}.echo", {"message": "hello"}), "Echo: hello")
                self.assertIn("42", self.text(f"{name}.get_sum", {"a": 40, "b": 2}))
                weather = self.server.call(f"{name}.get_structured_content", {"location": "Chicago"}).json
                self.assertEqual(set(weather["structuredContent"]), {"temperature", "conditions", "humidity"})
                image = self.server.call(f"{name}.get_tiny_image").json["content"]
                self.assertIn("image/png", [block.get("mimeType") for block in image])
        missing = self.refused("everything.get_sum", {"a": 1})
        self.assertEqual((missing["code"], missing["details"]["field"]), ("invalid_argument", "b"))
        self.assertEqual(self.refused("everything.get_sum", {"a": "x", "b": 2})["code"], "invalid_argument")
        self.assertEqual(self.refused("everything.nothing")["code"], "not_found")

    def test_a_child_has_its_own_environment(self):
        self.wait_for("everything")
        environment = json.loads(self.text("everything.get_env"))
        self.assertEqual((environment["FROM_ENV"], environment["PLAIN"]), ("s3cret", "yes"))
        self.assertNotIn("NOT_FOR_CHILDREN", environment)
        self.assertNotIn("INNER_KEY", environment)

    def test_a_tool_that_fails_is_an_error(self):
        self.wait_for("files")
        error = self.refused("files.read_text_file", {"path": "/etc/passwd"})
        self.assertEqual(error["code"], "invalid_argument")
        self.assertRegex(error["message"], "^files.read_text_file: .*Access denied")

    def test_effects_dry_runs_and_idempotency(self):
        self.wait_for("files")
        effects = {name: each["effect"] for name, each in self.operations("files").items()}
        self.assertEqual([effects[name] for name in ("read_text_file", "write_file", "create_directory")],
                         ["read", "destroy", "write"])
        path = os.path.join(self.folder, "a.txt")
        wanted = {"path": path, "content": "one"}
        shown = self.server.call("files.write_file", wanted, headers={"Prefer": "dry-run"}).json
        self.assertEqual((shown["effect"], shown["resource"]), ("destroy", "mcp_server/files"))
        self.assertFalse(os.path.exists(path))
        first = self.server.call("files.write_file", wanted, headers={"Idempotency-Key": "w1"})
        self.assertEqual(first.status, 200, first.body)
        with open(path, "w", encoding="ascii") as file:
            file.write("changed since")
        again = self.server.call("files.write_file", wanted, headers={"Idempotency-Key": "w1"})
        self.assertEqual((again.json, again.headers["idempotency-replayed"]), (first.json, "true"))
        self.assertEqual(self.text("files.read_text_file", {"path": path}), "changed since")

    def test_grants_narrow_and_hide(self):
        self.wait_for("files")
        def made(grant):
            return self.server.call("key.create", {"name": "k", "grant": grant}).json["key"]
        reader = made({"operations": ["files.read_*", "files.list_*"]})
        path = os.path.join(self.folder, "granted.txt")
        self.assertEqual(self.refused("files.write_file", {"path": path, "content": ""}, key=reader)["code"],
                         "permission_denied")
        self.assertFalse(os.path.exists(path))
        self.assertIn(self.folder, self.text("files.list_allowed_directories", key=reader))
        names = [tool["name"] for tool in Mcp(self.server, "/mcp/files", reader).pages("tools/list", "tools")]
        self.assertIn("files_read_text_file", names)
        self.assertNotIn("files_write_file", names)
        other = made({"resources": ["mcp_server/everything"]})
        self.assertEqual(self.refused("files.list_allowed_directories", key=other)["code"], "permission_denied")
        self.assertEqual(self.refused("mcp_server.list", key=reader)["code"], "permission_denied")

    def test_the_command_line_knows_them(self):
        self.wait_for("everything")
        ran = self.server.cli("everything", "get-sum", "--a", "20", "--b", "22", "--output", "json")
        self.assertEqual(ran.returncode, 0, ran.stderr)
        self.assertIn("42", json.loads(ran.stdout)["content"][0]["text"])
        ran = self.server.cli("files", "read-text-file", "--path", "/etc/passwd", "--output", "json")
        self.assertEqual(ran.returncode, 2)
        self.assertEqual(json.loads(ran.stderr)["error"]["code"], "invalid_argument")
        self.assertIn(b"get-sum", self.server.cli("everything", "--help").stdout)

    def test_mcp_finds_describes_and_calls_them(self):
        for session in (False, True):
            with self.subTest(session=session):
                self.wait_for("everything")
                whole = Mcp(self.server, session=session)
                found = whole.call("search", {"query": "add two numbers, their sum"})["structuredContent"]["operations"]
                self.assertIn("get_sum", " ".join(each["operation"] for each in found))
                described = whole.call("describe", {"operation": "everything.get_sum"})["structuredContent"]
                self.assertEqual(described["request"]["required"], ["a", "b"])
                image = whole.call("call", {"operation": "everything.get_tiny_image"})["content"]
                self.assertIn("image", [block["type"] for block in image])
                own = Mcp(self.server, "/mcp/everything", session=session)
                tools = {tool["name"]: tool for tool in own.pages("tools/list", "tools")}
                self.assertTrue(tools["everything_echo"]["annotations"]["readOnlyHint"])
                self.assertNotIn("outputSchema", tools["everything_echo"])
                self.assertIn("temperature", tools["everything_get_structured_content"]["outputSchema"]["properties"])
                weather = own.call("everything_get_structured_content", {"location": "Chicago"})
                self.assertIn("temperature", weather["structuredContent"])
                failed = own.call("everything_get_sum", {"a": "x", "b": 1})
                self.assertTrue(failed["isError"])

    def test_agents_of_tasks_have_them_as_tools(self):
        self.wait_for("everything")
        goal = {"turns": [[["everything_get_sum", {"a": 40, "b": 2}]]], "echo": True}
        task = self.server.call("task.run", {"goal": json.dumps(goal), "model": "scripted",
                                             "tools": ["everything.get_*"]}).json["id"]
        def ended():
            seen = self.server.call("task.get", {"id": task}).json
            return seen if seen["state"] in ("succeeded", "failed") else None
        done = until(ended, lambda: self.server.call("task.events", {"id": task}).body)
        self.assertEqual(done["state"], "succeeded", done)
        self.assertIn("42", done["result"]["answer"])
        offered = [tool["function"]["name"] for tool in self.model.requests[-1]["tools"]]
        self.assertIn("everything_get_sum", offered)
        self.assertNotIn("everything_echo", offered)

    def test_a_call_that_is_given_up_leaves_the_connection(self):
        for name in ("everything", "remote"):
            with self.subTest(name):
                connects = self.wait_for(name)["connects"]
                slow = self.refused(f"{name}.trigger_long_running_operation", {"duration": 600, "steps": 2},
                                    headers={"acloud-timeout-s": "0.5"})
                self.assertEqual(slow["code"], "deadline_exceeded")
                self.assertEqual(self.text(f"{name}.echo", {"message": "still"}), "Echo: still")
                until(lambda name=name: self.seen(name)["calls"] == 0, lambda name=name: self.seen(name))
                self.assertEqual(self.seen(name)["connects"], connects)

    def test_another_cloud_is_a_product_of_this_one(self):
        self.wait_for("inner")
        bucket = {"bucket": "from-outside"}
        made = self.server.call("inner.object_create_bucket", bucket)
        self.assertEqual(made.json["structuredContent"]["bucket"], "from-outside")
        self.assertEqual(self.inner.call("object.list", bucket).status, 200)
        self.assertEqual(self.refused("inner.object_create_bucket", bucket)["code"], "invalid_argument")
        self.wait_for("bridge")
        self.assertEqual(self.server.call("bridge.queue_create", {"name": "q"}).status, 200)
        self.assertEqual(self.inner.call("queue.send", {"name": "q", "body": "x"}).status, 200)

    def test_a_process_that_is_killed_is_started_again(self):
        before = self.wait_for("files")
        def child():
            listed = subprocess.run(["pgrep", "-P", str(self.server.process.pid), "-f", FILESYSTEM],
                                    capture_output=True, text=True, check=False).stdout.split()
            return int(listed[0]) if listed else None
        pid = child()
        os.kill(pid, signal.SIGKILL)
        self.wait_for("files", more=lambda seen: seen["connects"] > before["connects"])
        self.assertIn(self.folder, self.text("files.list_allowed_directories"))
        self.assertNotEqual(child(), pid)

    def test_a_server_over_http_that_comes_back_is_reached_again(self):
        before = self.wait_for("remote")
        cls = type(self)
        cls.over_http.kill()
        cls.over_http.wait()
        self.assertEqual(self.refused("remote.echo", {"message": "x"})["code"], "unavailable")
        cls.over_http = cls.start_everything()
        # The new process does not know the session: the next call or check says so, and another is begun.
        def works():
            return self.server.call("remote.echo", {"message": "back"}).status == 200
        until(works, lambda: self.seen("remote"))
        self.assertGreater(self.seen("remote")["connects"], before["connects"])


class Configuration(unittest.TestCase):
    def test_what_is_wrong_is_told_with_its_place(self):
        for text, said in ((entry("a_b", "true"), "acloud.toml:2: mcp_server\\[0\\].name"),
                           (entry("sandbox", "true"), "still free"),
                           (entry("a", "true", comand="x"), "acloud.toml:5: .*comand"),
                           (entry("a", "true") + entry("a", "true"), "two have this name"),
                           (entry("a"), "either command or url"),
                           (entry("a", url="http://127.0.0.1/", bearer="literal"), "never as itself")):
            with self.subTest(said), tempfile.TemporaryDirectory() as folder:
                path = os.path.join(folder, "acloud.toml")
                with open(path, "w", encoding="utf-8") as file:
                    file.write(text)
                ran = subprocess.run([BINARY, "serve", "--listen", "127.0.0.1:0", "--data", folder, "--config", path],
                                     capture_output=True, text=True, timeout=60, check=False)
                self.assertNotEqual(ran.returncode, 0)
                self.assertRegex(ran.stderr, said)


if __name__ == "__main__":
    unittest.main()
