"""Outside MCP servers that do what none should, over standard streams and HTTP: nothing is lost but what they were asked."""

import json
import sys
import tempfile
import threading
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from support.mcp import Mcp
from support.outside import HOSTILE, PATIENCE, Outside, alive, entry, until
from support.ports import refusing_port
from support.server import Server


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
        nobody = self.enterContext(refusing_port())
        config = (entry("absent", "no-such-program") + entry("folder", "/") + entry("elsewhere", "true", cwd="/nowhere")
                  + entry("secretless", "true", env={"A": "env:NO_SUCH_VARIABLE"})
                  + entry("refusing", url=f"http://127.0.0.1:{nobody}/mcp"))
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


if __name__ == "__main__":
    unittest.main()
