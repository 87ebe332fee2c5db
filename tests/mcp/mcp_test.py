"""MCP through its whole height: what each address offers, to whom, and what bad input gets."""

import json
import os
import socket
import time
import unittest

from support.mcp import META, VERSION, Mcp, stream
from support.scripted import Scripted
from support.server import ROOT, Server

# A word of English is 1.3 tokens or so and JSON is worse: three letters a token is more than any tokenizer takes.
TOKENS_MOST = 1500
LETTERS_A_TOKEN = 3


class Base(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(flags=["--conformance", "--log", "warn"]).start()

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()

    def catalog(self):
        return self.server.request("GET", "/api").json["products"]


class Whole(Base):
    """/mcp: five tools for everything."""

    def setUp(self):
        self.mcp = Mcp(self.server)

    def test_the_list_is_small(self):
        for mcp in (self.mcp, Mcp(self.server, session=True)):
            result = mcp.result("tools/list")
            self.assertEqual([tool["name"] for tool in result["tools"]],
                             ["search", "describe", "call", "call_many", "read_docs"])
            self.assertLess(len(json.dumps(result["tools"])) / LETTERS_A_TOKEN, TOKENS_MOST)

    def test_search_finds(self):
        with open(os.path.join(ROOT, "tests", "mcp", "requests.json"), encoding="utf-8") as file:
            requests = json.load(file)
        self.assertGreaterEqual(len(requests), 60)
        missed = []
        for request, wanted in requests.items():
            found = self.mcp.call("search", {"query": request, "limit": 3})["structuredContent"]["operations"]
            names = [each["operation"] for each in found]
            if not set(wanted) & set(names):
                missed.append(f"{request}: {names}, not {wanted}")
        found = len(requests) - len(missed)
        print(f"search: {found} of {len(requests)} among the first three")
        self.assertGreaterEqual(found / len(requests), 0.95, "\n".join(missed))

    def test_describe_and_call(self):
        described = self.mcp.call("describe", {"operation": "object.put"})["structuredContent"]
        self.assertEqual(described["effect"], "write")
        self.assertIn("bucket", described["request"]["properties"])
        made = self.mcp.call("call", {"operation": "object.create_bucket", "arguments": {"bucket": "described"}})
        self.assertEqual(made["structuredContent"]["bucket"], "described")
        self.assertEqual(json.loads(made["content"][0]["text"]), made["structuredContent"])
        shown = self.mcp.call("call", {"operation": "object.delete_bucket", "arguments": {"bucket": "described"},
                                       "dry_run": True})
        self.assertTrue(shown["structuredContent"]["dry_run"])
        failed = self.mcp.call("call", {"operation": "object.create_bucket", "arguments": {"bucket": "described"}})
        self.assertTrue(failed["isError"])
        self.assertIn("conflict", failed["content"][0]["text"])

    def test_an_idempotent_call_happens_once(self):
        request = {"operation": "key.create", "arguments": {"name": "once"}, "idempotency_key": "mcp-once"}
        first = self.mcp.call("call", request)["structuredContent"]
        self.assertEqual(self.mcp.call("call", request)["structuredContent"]["id"], first["id"])

    def test_call_many(self):
        calls = [{"operation": "object.create_bucket", "arguments": {"bucket": "many"}},
                 {"operation": "object.put", "arguments": {"bucket": {"$result": "/0/bucket"}, "key": "a", "content": "x"}},
                 {"operation": "object.get", "arguments": {"bucket": "many", "key": "missing"}},
                 {"operation": "object.list", "arguments": {"bucket": "many"}}]
        done = self.mcp.call("call_many", {"calls": calls})["structuredContent"]
        self.assertTrue(done["failed"])
        self.assertEqual((len(done["results"]), done["not_called"]), (3, 1))
        self.assertEqual(done["results"][2]["error"]["code"], "not_found")
        done = self.mcp.call("call_many", {"calls": calls[1:2] + calls[3:], "go_on": True})["structuredContent"]
        self.assertIn("$result", done["results"][0]["error"]["message"])
        self.assertEqual(done["results"][1]["items"][0]["key"], "a")

    def test_prompts_and_completion(self):
        self.assertEqual([each["name"] for each in self.mcp.result("prompts/list")["prompts"]], ["use", "plan"])
        ref = {"type": "ref/prompt", "name": "use"}
        completed = self.mcp.result("completion/complete", {"ref": ref, "argument": {"name": "product", "value": "sand"}})
        self.assertEqual(completed["completion"]["values"], ["sandbox"])
        used = self.mcp.result("prompts/get", {"name": "use", "arguments": {"product": "object"}})
        self.assertIn("object", used["messages"][0]["content"]["text"])
        planned = self.mcp.result("prompts/get", {"name": "plan", "arguments": {"goal": "run some Python"}})
        self.assertIn("sandbox.run_code", planned["messages"][0]["content"]["text"])

    def test_resources(self):
        self.mcp.call("call", {"operation": "object.create_bucket", "arguments": {"bucket": "read"}})
        self.server.put_bytes("read", "a b/ä.txt", "grüße".encode(), headers={"Content-Type": "text/plain"})
        self.server.put_bytes("read", "raw", b"\xff\x00")
        templates = self.mcp.result("resources/templates/list")["resourceTemplates"]
        self.assertTrue(any(each["uriTemplate"].startswith("acloud://object/get{?bucket,key") for each in templates))
        read = self.mcp.result("resources/read", {"uri": "acloud://object/get?bucket=read&key=a%20b%2F%C3%A4.txt"})
        self.assertEqual(read["contents"][0]["text"], "grüße")
        read = self.mcp.result("resources/read", {"uri": "acloud://object/get?bucket=read&key=raw"})
        self.assertEqual(read["contents"][0]["blob"], "/wA=")
        for uri in ("acloud://object/get?bucket=read&key=none", "acloud://object/put?bucket=read&key=raw", "file:///etc/passwd"):
            self.assertEqual(self.mcp.answer("resources/read", {"uri": uri})["error"]["code"], -32602, uri)

    def test_skills_and_docs(self):
        skills = self.mcp.pages("skills/list", "skills")
        self.assertIn("skill://acloud-object/SKILL.md", [each["uri"] for each in skills])
        read = self.mcp.result("resources/read", {"uri": "skill://acloud-object/SKILL.md"})["contents"][0]["text"]
        self.assertTrue(read.startswith('---\nname: "acloud-object"\n'), read[:100])
        pages = self.mcp.call("read_docs")["structuredContent"]["pages"]
        self.assertIn("acloud-object/SKILL.md", [each["page"] for each in pages])
        page = self.mcp.call("read_docs", {"page": "acloud-object/SKILL.md"})["structuredContent"]
        self.assertEqual(page["text"], read)


class Product(Base):
    """/mcp/<product>: each operation a tool."""

    def test_every_operation_is_a_tool(self):
        for product in self.catalog():
            tools = Mcp(self.server, f"/mcp/{product['name']}").pages("tools/list", "tools")
            self.assertEqual({tool["title"] for tool in tools},
                             {f"{product['name']}.{operation['name']}" for operation in product["operations"]})
            effects = {operation["name"]: operation["effect"] for operation in product["operations"]}
            for tool in tools:
                effect = effects[tool["title"].split(".")[1]]
                self.assertEqual(tool["annotations"]["readOnlyHint"], effect == "read", tool["title"])
                self.assertEqual(tool["annotations"]["destructiveHint"], effect == "destroy", tool["title"])
                self.assertEqual(tool["outputSchema"]["type"], "object")
                self.assertRegex(tool["name"], r"^[a-z0-9_]{1,64}$")

    def test_what_is_not_granted_is_not_listed(self):
        grant = {"operations": ["object.get", "object.list"]}
        key = self.server.call("key.create", {"name": "reader", "grant": grant}).json["key"]
        mcp = Mcp(self.server, "/mcp/object", key=key)
        self.assertEqual([tool["title"] for tool in mcp.result("tools/list")["tools"]], ["object.get", "object.list"])
        self.assertEqual(mcp.answer("tools/call", {"name": "object_put", "arguments": {}})["error"]["code"], -32602)
        whole = Mcp(self.server, key=key)
        found = whole.call("search", {"query": "store a value in a bucket"})["structuredContent"]["operations"]
        self.assertTrue({each["operation"] for each in found} <= {"object.get", "object.list"})
        self.assertTrue(whole.call("describe", {"operation": "object.put"})["isError"])
        refused = whole.call("call", {"operation": "object.put", "arguments": {"bucket": "b-1", "key": "k", "content": ""}})
        self.assertIn("permission_denied", refused["content"][0]["text"])
        operators = Mcp(self.server, "/mcp/workspace", key=self.other_workspace_key())
        self.assertEqual(operators.result("tools/list")["tools"], [])

    def other_workspace_key(self):
        workspace = self.server.call("workspace.create", {"name": "other"}).json["id"]
        return self.server.call("key.create", {"name": "k", "workspace": workspace}).json["key"]

    def test_calls(self):
        mcp = Mcp(self.server, "/mcp/object", session=True)
        self.assertEqual(mcp.call("object_create_bucket", {"bucket": "tools"})["structuredContent"]["bucket"], "tools")
        mcp.call("object.put", {"bucket": "tools", "key": "k", "content": "v"})
        self.assertEqual(mcp.call("object_get", {"bucket": "tools", "key": "k"})["structuredContent"]["content"], "v")
        wrong = mcp.call("object_get", {"bucket": "tools", "kye": "k"})
        self.assertTrue(wrong["isError"])
        self.assertIn("kye", wrong["content"][0]["text"])


class Logs(unittest.TestCase):
    """A task's log as a resource: read, completed, and followed in both revisions."""

    @classmethod
    def setUpClass(cls):
        cls.model = Scripted().__enter__()
        cls.server = Server(config=cls.model.config(), environment={"MOCK_KEY": "k"}, flags=["--log", "warn"]).start()

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()
        cls.model.__exit__()

    def waiting_task(self):
        goal = json.dumps({"turns": [[["task_wait_signal", {"name": "go"}]]]})
        task = self.server.call("task.run", {"goal": goal, "model": "scripted", "tools": ["task.wait_signal"]}).json["id"]
        self.wait_for(task, "waiting")
        return task, f"acloud://task/events?id={task}"

    def wait_for(self, task, state):
        until = time.monotonic() + 60
        while (seen := self.server.call("task.get", {"id": task}).json["state"]) != state:
            self.assertLess(time.monotonic(), until, seen)
            time.sleep(0.02)

    def test_it_is_read_and_found(self):
        task, uri = self.waiting_task()
        mcp = Mcp(self.server)
        templates = {each["name"]: each for each in mcp.result("resources/templates/list")["resourceTemplates"]}
        self.assertEqual(templates["task.events"]["mimeType"], "application/x-ndjson")
        self.assertIn("{?id", templates["task.events"]["uriTemplate"])
        read = mcp.result("resources/read", {"uri": uri})
        self.assertEqual(read["ttlMs"], 0)  # it may be longer a moment later
        lines = [json.loads(line) for line in read["contents"][0]["text"].splitlines()]
        self.assertEqual(lines[0]["type"], "RUN_STARTED")
        ref = {"type": "ref/resource", "uri": templates["task.events"]["uriTemplate"]}
        completed = mcp.result("completion/complete", {"ref": ref, "argument": {"name": "id", "value": task[:12]}})
        self.assertIn(task, completed["completion"]["values"])
        self.server.call("object.create_bucket", {"bucket": "completed"})
        self.server.put_bytes("completed", "the-key", b"v")
        ref = {"type": "ref/resource", "uri": templates["object.get"]["uriTemplate"]}
        for argument, value, known, wanted in (("bucket", "comp", {}, ["completed"]), ("key", "", {}, []),
                                               ("key", "the", {"bucket": "completed"}, ["the-key"])):
            completed = mcp.result("completion/complete", {"ref": ref, "argument": {"name": argument, "value": value},
                                                           "context": {"arguments": known}})
            self.assertEqual(completed["completion"]["values"], wanted, argument)
        narrow = self.server.call("key.create", {"name": "narrow", "grant": {"operations": ["object.*"]}}).json["key"]
        self.assertEqual(Mcp(self.server, key=narrow).answer("resources/read", {"uri": uri})["error"]["code"], -32602)
        for wrong in ("acloud://task/events?id=task_0", "acloud://task/events", uri + "&id=x", uri + "&x=1"):
            self.assertIn("error", mcp.answer("resources/read", {"uri": wrong}), wrong)
        self.server.call("task.cancel", {"id": task})

    def listen(self, mcp, params):
        meta = {META + "protocolVersion": VERSION, META + "clientCapabilities": {}}
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "subscriptions/listen", "params": {"_meta": meta, **params}})
        connection = self.server.connect(timeout=60)
        connection.request("POST", mcp.path, body, {
            "Content-Type": "application/json", "Authorization": f"Bearer {mcp.key or self.server.key}",
            "MCP-Protocol-Version": VERSION, "Mcp-Method": "subscriptions/listen"})
        return connection, stream(connection.getresponse())

    def test_changes_are_told_to_who_listens(self):
        task, uri = self.waiting_task()
        mcp = Mcp(self.server)
        wanted = {"notifications": {"resourceSubscriptions": [uri, "acloud://docs/cli.md", "acloud://object/get?bucket=b&key=k"]}}
        connection, messages = self.listen(mcp, wanted)
        honoured = next(messages)["params"]["notifications"]["resourceSubscriptions"]
        self.assertEqual(honoured, [uri])
        self.server.call("task.signal", {"id": task, "name": "go", "value": 1})
        told = next(messages)
        self.assertEqual((told["method"], told["params"]["uri"]), ("notifications/resources/updated", uri))
        self.wait_for(task, "succeeded")
        self.assertIn("RUN_FINISHED", mcp.result("resources/read", {"uri": uri})["contents"][0]["text"])
        connection.close()
        narrow = self.server.call("key.create", {"name": "narrow", "grant": {"operations": ["object.*"]}}).json["key"]
        connection, messages = self.listen(Mcp(self.server, key=narrow), wanted)
        self.assertNotIn("resourceSubscriptions", next(messages)["params"]["notifications"])
        connection.close()

    def test_changes_are_told_in_a_session(self):
        task, uri = self.waiting_task()
        mcp = Mcp(self.server, session=True)
        connection = self.server.connect(timeout=60)
        connection.request("GET", "/mcp", headers={"Accept": "text/event-stream", "Authorization": f"Bearer {self.server.key}",
                                                   **mcp.session_headers()})
        response = connection.getresponse()
        self.assertEqual(response.readline(), b": listening\n")
        self.assertEqual(mcp.answer("resources/subscribe", {"uri": "acloud://docs/cli.md"})["error"]["code"], -32002)
        mcp.result("resources/subscribe", {"uri": uri})
        self.server.call("task.signal", {"id": task, "name": "go", "value": 1})
        told = next(stream(response))
        self.assertEqual((told["method"], told["params"]["uri"]), ("notifications/resources/updated", uri))
        connection.close()


class AfterARestart(unittest.TestCase):
    """What became a task of the protocol is found again, and says plainly how it stands."""

    def until(self, mcp, task, status):
        until = time.monotonic() + 60
        while (seen := mcp.result("tasks/get", {"taskId": task}))["status"] != status:
            self.assertLess(time.monotonic(), until, seen)
            time.sleep(0.05)
        return seen

    def test_tasks_of_calls(self):
        able = {"extensions": {META + "tasks": {}}}
        for kill in (True, False):
            with Server(flags=["--log", "warn"]) as server:
                sandbox = server.call("sandbox.create").json["id"]
                mcp = Mcp(server, "/mcp/sandbox", capabilities=able)
                ended = mcp.call("sandbox_exec", {"id": sandbox, "command": "sleep 1; echo it is there"})["taskId"]
                failed = mcp.call("sandbox_exec", {"id": sandbox, "command": "sleep 1; echo x", "cwd": "/none"})
                cancelled = mcp.call("sandbox_exec", {"id": sandbox, "command": "sleep 600"})["taskId"]
                running = mcp.call("sandbox_exec", {"id": sandbox, "command": "sleep 600"})["taskId"]
                result = self.until(mcp, ended, "completed")["result"]
                self.assertNotIn("taskId", failed)  # it failed at once, and so was never a task
                mcp.result("tasks/cancel", {"taskId": cancelled})
                self.assertEqual(mcp.result("tasks/get", {"taskId": running})["status"], "working")
                server.restart(kill=kill)
                self.assertEqual(mcp.result("tasks/get", {"taskId": ended})["result"], result)
                self.assertEqual(mcp.result("tasks/get", {"taskId": cancelled})["status"], "cancelled")
                cut_off = mcp.result("tasks/get", {"taskId": running})
                self.assertEqual(cut_off["status"], "failed")
                self.assertEqual(cut_off["error"]["data"], {"reason": "server_ended"})
                self.assertIn("the server ended", cut_off["error"]["message"])
                mcp.result("tasks/cancel", {"taskId": running})
                update = mcp.answer("tasks/update", {"taskId": running, "inputResponses": {}})
                self.assertEqual(update["error"]["code"], -32602)
                other = Mcp(server, "/mcp/sandbox", capabilities=able, key=server.call("key.create", {"name": "o"}).json["key"])
                for task in (ended, running, "mcptask_" + "0" * 32):
                    self.assertEqual(other.answer("tasks/get", {"taskId": task})["error"]["code"], -32602)


class Protocol(Base):
    """What the suite does not check."""

    def status_and_code(self, reply):
        body = reply.json if reply.body else {}
        return reply.status, body.get("error", {}).get("code")

    def test_a_key_is_needed(self):
        reply = Mcp(self.server, key="").send("tools/list")
        self.assertEqual(reply.status, 401)
        self.assertIn('resource_metadata="', reply.headers["www-authenticate"])
        url = reply.headers["www-authenticate"].split('"')[1]
        self.assertTrue(url.startswith(self.server.url), url)
        about = self.server.request("GET", url[len(self.server.url):], key="").json
        self.assertEqual((about["resource"], about["bearer_methods_supported"]), (f"{self.server.url}/mcp", ["header"]))
        self.assertEqual(Mcp(self.server, key="acloud_" + "0" * 40).send("tools/list").status, 401)
        self.assertEqual(Mcp(self.server, "/mcp/nothing").send("tools/list").status, 404)

    def test_origins(self):
        mcp = Mcp(self.server)
        for origin, status in (("http://localhost:9", 200), ("http://127.0.0.1:1", 200), ("http://[::1]", 200),
                               ("https://evil.example", 403), ("null", 403), ("http://localhost.evil.example", 403),
                               ("http://127.0.0.1.evil.example", 403)):
            self.assertEqual(mcp.send("tools/list", headers={"Origin": origin}).status, status, origin)
        with Server(config='[server]\norigins = ["https://console.example"]\n', flags=["--log", "warn"]) as server:
            reply = Mcp(server).send("tools/list", headers={"Origin": "https://console.example"})
            self.assertEqual(reply.status, 200)

    def test_bad_messages(self):
        mcp = Mcp(self.server)
        standing = {"MCP-Protocol-Version": VERSION, "Mcp-Method": "tools/list"}
        deep = '{"jsonrpc":"2.0","id":1,"method":"tools/list","params":' + "[" * 5000 + "]" * 5000 + "}"
        for body, wanted in (("{", (400, -32700)), ('{"a":1,"a":2}', (400, -32700)), (b"\xff", (400, -32700)),
                             (deep, (400, -32700)), ("[]", (400, -32600)), ("7", (400, -32600)),
                             ('{"id":1,"method":"x"}', (400, -32600)),
                             ('{"jsonrpc":"2.0","id":{},"method":"x"}', (400, -32600)),
                             ('{"jsonrpc":"2.0","id":null,"method":"x"}', (400, -32600)),
                             ('{"jsonrpc":"2.0","id":1}', (400, -32600)),
                             ('{"jsonrpc":"2.0","id":1,"method":"tools/list","params":[]}', (400, -32602))):
            self.assertEqual(self.status_and_code(mcp.post(body, standing)), wanted, body[:60])
        self.assertEqual(mcp.post("x" * ((16 << 20) + 1), standing).status, 413)
        self.assertEqual(mcp.post("{}", {"Content-Type": "text/plain"}).status, 415)
        self.assertEqual(self.server.request("GET", "/mcp").status, 405)
        self.assertEqual(self.server.request("PUT", "/mcp", "{}").status, 405)
        # A request that must name a tool, and arguments of the wrong kind.
        self.assertEqual(self.status_and_code(mcp.send("tools/call", {"name": "call", "arguments": []}))[1], -32602)
        self.assertEqual(self.status_and_code(mcp.send("tools/call", {"arguments": {}}, {"Mcp-Name": "x"}))[1], -32602)
        self.assertEqual(self.status_and_code(mcp.send("tools/list", {"cursor": "17"}))[1], -32602)
        self.assertEqual(self.status_and_code(mcp.send("tools/list", {"cursor": 17}))[1], -32602)

    def test_sessions(self):
        mcp = Mcp(self.server, session=True)
        self.assertEqual(mcp.result("ping"), {})
        self.assertEqual(mcp.post({"jsonrpc": "2.0", "id": 1, "method": "ping"}, {}).status, 400)
        # A session is its maker's alone.
        other = self.server.call("key.create", {"name": "other"}).json["key"]
        stolen = Mcp(self.server, key=other)
        stolen.session = mcp.session
        self.assertEqual(stolen.send("ping").status, 404)
        self.assertEqual(mcp.answer("logging/setLevel", {"level": "loud"})["error"]["code"], -32602)
        self.assertEqual(self.server.request("DELETE", "/mcp", headers=mcp.session_headers()).status, 204)
        self.assertEqual(mcp.send("ping").status, 404)

    def test_state_that_was_changed_is_refused(self):
        fixtures = Mcp(self.server, "/conformance/mcp", key="", capabilities={"elicitation": {}})
        name = "test_input_required_result_tampered_state"
        asked = fixtures.call(name)
        answers = {"inputResponses": {"confirm": {"action": "accept", "content": {"ok": True}}}}
        state = asked["requestState"]
        text, seal = state.rsplit(".", 1)
        for changed in (text + "." + seal[:-1] + ("0" if seal[-1] != "0" else "1"), "A" + state, state + "0", "", ".",
                        "." + seal, text):
            answer = fixtures.answer("tools/call", {"name": name, "arguments": {}, **answers, "requestState": changed})
            self.assertEqual(answer.get("error", {}).get("code"), -32602, changed[:40])
        # Good, but for another request.
        other = {"name": "test_input_required_result_request_state", "arguments": {}, **answers, "requestState": state}
        self.assertEqual(fixtures.answer("tools/call", other)["error"]["code"], -32602)
        self.assertEqual(fixtures.call(name, **answers, requestState=state)["content"][0]["text"], "state-ok")

    def test_a_task_is_its_callers_alone(self):
        able = {"extensions": {META + "tasks": {}}}
        grantless = self.server.call("key.create", {"name": "tasker"}).json["key"]
        sandbox = self.server.call("sandbox.create").json["id"]
        mcp = Mcp(self.server, "/mcp/sandbox", capabilities=able)
        done = mcp.call("sandbox_exec", {"id": sandbox, "command": "echo at once"})
        self.assertEqual((done["resultType"], done["structuredContent"]["stdout"]), ("complete", "at once\n"))
        made = mcp.call("sandbox_exec", {"id": sandbox, "command": "sleep 1.5; echo later"})
        self.assertEqual((made["resultType"], made["status"]), ("task", "working"))
        stranger = Mcp(self.server, "/mcp/sandbox", key=grantless, capabilities=able)
        self.assertEqual(stranger.answer("tasks/get", {"taskId": made["taskId"]})["error"]["code"], -32602)
        until = time.monotonic() + 20
        while (task := mcp.result("tasks/get", {"taskId": made["taskId"]}))["status"] == "working":
            self.assertLess(time.monotonic(), until)
            time.sleep(made["pollIntervalMs"] / 1000)
        self.assertEqual(task["result"]["structuredContent"]["stdout"], "later\n")
        long = mcp.call("sandbox_exec", {"id": sandbox, "command": "sleep 600"})
        mcp.result("tasks/cancel", {"taskId": long["taskId"]})
        self.assertEqual(mcp.result("tasks/get", {"taskId": long["taskId"]})["status"], "cancelled")
        self.server.call("sandbox.kill", {"id": sandbox})

    def test_progress_and_cancellation(self):
        sandbox = self.server.call("sandbox.create").json["id"]
        arguments = {"id": sandbox, "command": "echo one; sleep 0.2; echo two"}
        params = {"name": "sandbox_exec", "arguments": arguments, "_meta": {"progressToken": "p"}}
        for session in (False, True):
            mcp = Mcp(self.server, "/mcp/sandbox", session=session)
            messages = mcp.messages(mcp.send("tools/call", params))
            said = [m["params"]["message"] for m in messages if m.get("method") == "notifications/progress"]
            self.assertIn("stdout: one\n", said)
            self.assertEqual(messages[-1]["result"]["structuredContent"]["stdout"], "one\ntwo\n")
        # Who hangs up ends the call: the command is gone.
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
            "name": "sandbox_exec", "arguments": {"id": sandbox, "command": "sleep 987"},
            "_meta": {META + "protocolVersion": VERSION, META + "clientCapabilities": {}}}})
        head = (f"POST /mcp/sandbox HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self.server.key}\r\n"
                f"Content-Type: application/json\r\nMCP-Protocol-Version: {VERSION}\r\nMcp-Method: tools/call\r\n"
                f"Mcp-Name: sandbox_exec\r\nContent-Length: {len(body)}\r\n\r\n")
        with socket.create_connection((self.server.host, self.server.port)) as connection:
            connection.sendall((head + body).encode())
            self.wait_for_sleepers(sandbox, 1)
        self.wait_for_sleepers(sandbox, 0)
        self.server.call("sandbox.kill", {"id": sandbox})

    def wait_for_sleepers(self, sandbox, count):
        until = time.monotonic() + 20
        command = "cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -o 'sleep 98[7]' | wc -l"
        while True:
            found = self.server.call("sandbox.exec", {"id": sandbox, "command": command}).json["stdout"].strip()
            if int(found) >= 1 if count else found == "0":
                return
            self.assertLess(time.monotonic(), until, found)
            time.sleep(0.1)

    def test_a_stop_does_not_wait_for_listeners(self):
        with Server(flags=["--conformance", "--log", "warn"]) as server:
            meta = {META + "protocolVersion": VERSION, META + "clientCapabilities": {}}
            body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "subscriptions/listen",
                               "params": {"_meta": meta, "notifications": {"toolsListChanged": True}}})
            connection = server.connect()
            connection.request("POST", "/conformance/mcp", body,
                               {"Content-Type": "application/json", "MCP-Protocol-Version": VERSION,
                                "Mcp-Method": "subscriptions/listen"})
            response = connection.getresponse()
            self.assertIn(b"acknowledged", response.read1(65536))
            began = time.monotonic()
            self.assertEqual(server.stop(), 0)
            self.assertLess(time.monotonic() - began, 8)
            self.assertIn(b'"resultType":"complete"', response.read())
            connection.close()


if __name__ == "__main__":
    unittest.main()
