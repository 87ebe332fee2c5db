"""First contact without a key: an agent makes itself a workspace, by REST, MCP and the command line; what it is told
where it may and where it may not; and that what it gets has walls."""

import http.client
import json
import os
import tempfile
import unittest
import uuid

from support.mcp import Mcp
from support.scripted import Scripted
from support.server import Server

ON = '[signup]\nenabled = true\nbudget = "0.00015"\nper_address = 50\n'


def sign_up(server, arguments=None, source="127.0.0.1", headers=None):
    """The status, the headers and the JSON of a sign-up from an address of this machine."""
    connection = http.client.HTTPConnection(server.host, server.port, timeout=30, source_address=(source, 0))
    try:
        connection.request("POST", "/api/workspace/sign_up", json.dumps(arguments or {}),
                           {"Content-Type": "application/json", **(headers or {})})
        response = connection.getresponse()
        return response.status, {k.lower(): v for k, v in response.getheaders()}, json.loads(response.read())
    finally:
        connection.close()


class Off(unittest.TestCase):
    """As it is unless the operator says otherwise."""

    @classmethod
    def setUpClass(cls):
        cls.server = Server(flags=["--log", "warn"]).start()

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()

    def test_it_is_refused_clearly(self):
        status, _, body = sign_up(self.server)
        self.assertEqual((status, body["error"]["code"]), (403, "permission_denied"))
        self.assertIn("sign-up is off", body["error"]["message"])
        mcp = Mcp(self.server)
        refused = mcp.call("call", {"operation": "workspace.sign_up"})
        self.assertIn("sign-up is off", refused["content"][0]["text"])
        done = self.server.cli("workspace", "sign-up", "--output", "json")
        self.assertEqual(done.returncode, 5, done.stderr)
        self.assertIn("sign-up is off", json.loads(done.stderr)["error"]["message"])
        self.assertEqual(self.server.call("workspace.list").json["items"][0]["id"], "default")
        self.assertEqual(len(self.server.call("workspace.list").json["items"]), 1)

    def test_nothing_speaks_of_it(self):
        for path, headers in (("/", {"Accept": "text/markdown"}), ("/llms.txt", {}), ("/openapi.json", {}),
                              ("/.well-known/skills/acloud/SKILL.md", {}),
                              ("/.well-known/skills/acloud-workspace/SKILL.md", {})):
            reply = self.server.request("GET", path, headers=headers, key="")
            self.assertEqual(reply.status, 200, path)
            self.assertNotIn(b"sign_up", reply.body, path)
        self.assertEqual(Mcp(self.server, key="").send("tools/list").status, 401)
        found = Mcp(self.server).call("search", {"query": "sign up for an account", "limit": 50})
        self.assertNotIn("sign_up", json.dumps(found["structuredContent"]["operations"]))


class On(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.model = Scripted()
        cls.model.__enter__()
        cls.server = Server(config=cls.model.config() + ON, environment={"MOCK_KEY": "k"}, flags=["--log", "warn"]).start()

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()
        cls.model.__exit__()

    def new(self):
        status, _, body = sign_up(self.server, {"name": "scout"})
        self.assertEqual(status, 200, body)
        return body

    def test_one_call_gives_a_workspace_and_a_key(self):
        made = self.new()
        self.assertRegex(made["name"], r"^scout-[0-9a-f]{8}$")
        self.assertEqual(made["budget"], "0.00015")
        self.assertEqual(self.server.call("object.create_bucket", {"bucket": "mine"}, key=made["key"]).status, 200)
        self.assertIn(made["workspace"], [each["id"] for each in self.server.call("workspace.list").json["items"]])
        # Names that are taken neither clash nor tell of each other.
        self.assertNotEqual(self.new()["name"], made["name"])
        for name in ("", "A", "-a", "a" * 49, "a b"):
            self.assertEqual(sign_up(self.server, {"name": name})[0], 400, name)

    def test_over_mcp(self):
        for session in (False, True):
            visitor = Mcp(self.server, key="", session=session)
            told = visitor.result("server/discover")["instructions"] if not session else "workspace.sign_up"
            self.assertIn("workspace.sign_up", told)
            found = visitor.call("search", {"query": "I have no key yet, let me sign up"})["structuredContent"]
            self.assertIn("workspace.sign_up", [each["operation"] for each in found["operations"]])
            self.assertEqual(visitor.call("describe", {"operation": "object.put"})["structuredContent"]["effect"], "write")
            made = visitor.call("call", {"operation": "workspace.sign_up"})["structuredContent"]
            mine = Mcp(self.server, key=made["key"])
            done = mine.call("call", {"operation": "object.create_bucket", "arguments": {"bucket": "by-mcp"}})
            self.assertEqual(done["structuredContent"]["bucket"], "by-mcp")
        tools = Mcp(self.server, "/mcp/workspace", key="").result("tools/list")["tools"]
        self.assertEqual([each["name"] for each in tools], ["workspace_sign_up"])

    def test_over_the_command_line(self):
        with tempfile.TemporaryDirectory() as home:
            nothing = {"ACLOUD_API_KEY": "", "HOME": home, "XDG_CONFIG_HOME": home}
            done = self.server.cli("workspace", "sign-up", "--name", "shell", "--output", "json", environment=nothing)
            self.assertEqual(done.returncode, 0, done.stderr)
            made = json.loads(done.stdout)
            done = self.server.cli("key", "list", "--output", "json", environment={**nothing, "ACLOUD_API_KEY": made["key"]})
            self.assertEqual([each["id"] for each in json.loads(done.stdout)["items"]], [made["id"]])
            done = self.server.cli("key", "list", "--output", "json", environment=nothing)
            self.assertEqual(done.returncode, 4)
            self.assertIn("workspace.sign_up", json.loads(done.stderr)["error"]["message"])
        # Who has a key is spared from sending it: it is for those who have none.
        done = self.server.cli("workspace", "sign-up", "--output", "json")
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_an_arriving_agent_is_told(self):
        for path, headers in (("/", {"Accept": "text/markdown"}), ("/llms.txt", {}), ("/openapi.json", {}),
                              ("/.well-known/skills/acloud/SKILL.md", {}),
                              ("/.well-known/skills/acloud-object/SKILL.md", {}),
                              ("/.well-known/skills/acloud-workspace/references/sign_up.md", {})):
            reply = self.server.request("GET", path, headers=headers, key="")
            self.assertIn(b"sign_up", reply.body, path)
        described = self.server.request("GET", "/openapi.json", key="").json["paths"]["/api/workspace/sign_up"]["post"]
        self.assertEqual(described["security"], [])
        page = self.server.request("GET", "/.well-known/skills/acloud-workspace/references/sign_up.md", key="").body.decode()
        curl = page.split("```sh curl\n")[1].split("\n```")[0]
        self.assertNotIn("Authorization", curl)
        refused = self.server.request("POST", "/api/object/list_buckets", "{}", key="")
        self.assertEqual(refused.status, 401)
        self.assertIn("workspace.sign_up", refused.json["error"]["message"])

    def test_a_visitor_can_do_nothing_else(self):
        visitor = Mcp(self.server, key="")
        for operation in ("object.list_buckets", "workspace.list", "key.create", "model.list", "task.list"):
            refused = visitor.call("call", {"operation": operation, "arguments": {"name": "x"} if operation == "key.create" else {}})
            self.assertTrue(refused["isError"], operation)
            self.assertIn("unauthenticated", refused["content"][0]["text"], operation)
        self.assertEqual(Mcp(self.server, "/mcp/object", key="").result("tools/list")["tools"], [])
        self.assertEqual(visitor.result("resources/templates/list")["resourceTemplates"], [])
        self.assertIn("error", visitor.answer("resources/read", {"uri": "acloud://object/get?bucket=b&key=k"}))
        self.assertIn("error", visitor.answer("subscriptions/listen", {"notifications": {"toolsListChanged": True}}))
        self.assertEqual(self.server.request("POST", "/v1/chat/completions", '{"model":"scripted"}', key="").status, 401)

    def test_who_has_a_key_is_refused(self):
        reply = self.server.call("workspace.sign_up")
        self.assertEqual(reply.status, 403)
        mine = self.new()["key"]
        self.assertEqual(self.server.call("workspace.sign_up", key=mine).status, 403)
        found = Mcp(self.server, key=mine).call("search", {"query": "sign up", "limit": 50})["structuredContent"]
        self.assertNotIn("workspace.sign_up", [each["operation"] for each in found["operations"]])

    def test_its_walls(self):
        mine, other = self.new(), self.new()
        self.server.call("object.create_bucket", {"bucket": "private"}, key=other["key"])
        self.server.put_bytes("private", "k", b"secret", key=other["key"])
        self.assertEqual(self.server.call("object.get", {"bucket": "private", "key": "k"}, key=mine["key"]).status, 404)
        self.assertEqual(self.server.call("key.create", {"name": "x", "workspace": other["workspace"]}, key=mine["key"]).status, 404)
        self.assertEqual(self.server.call("key.create", {"name": "x", "workspace": "default"}, key=mine["key"]).status, 404)
        self.assertEqual(self.server.call("key.revoke", {"id": other["id"]}, key=mine["key"]).status, 404)
        for operation, arguments in (("workspace.list", {}), ("workspace.create", {"name": "more"}),
                                     ("workspace.delete", {"id": other["workspace"]})):
            self.assertEqual(self.server.call(operation, arguments, key=mine["key"]).code, "permission_denied")

    def test_its_budget_binds_all_its_keys_and_tasks(self):
        mine = self.new()
        # A call costs 0.00003; what it may cost at most is held before it.
        chat = {"model": "scripted", "max_tokens": 5, "messages": [{"role": "user", "content": "{}"}]}

        def statuses(key):
            return [self.server.request("POST", "/v1/chat/completions", json.dumps(chat),
                                        {"Content-Type": "application/json"}, key).status for _ in range(8)]

        spent = statuses(mine["key"])
        self.assertEqual((spent[0], spent[-1]), (200, 402), spent)
        second = self.server.call("key.create", {"name": "second"}, key=mine["key"]).json["key"]
        self.assertEqual(set(statuses(second)), {402})
        # A task's own budget is beside the workspace's, not instead of it.
        task = self.server.call("task.run", {"goal": "{}", "budget": "1000", "model": "scripted"}, key=mine["key"]).json["id"]
        self.server.call("task.events", {"id": task}, key=mine["key"], headers={"Accept": "text/event-stream"})
        ended = self.server.call("task.get", {"id": task}, key=mine["key"]).json
        self.assertEqual((ended["state"], ended["error"]["code"]), ("failed", "budget_exceeded"), ended)
        self.assertEqual(self.server.request("POST", "/v1/chat/completions", json.dumps(chat), {}, None).status, 200)

    def test_the_same_idempotency_key_gives_the_same_key(self):
        once = {"Idempotency-Key": str(uuid.uuid4())}
        first, again = sign_up(self.server, headers=once)[2], sign_up(self.server, headers=once)
        self.assertEqual(again[2]["key"], first["key"])
        # Of another address it is another; and one that can be guessed is none.
        self.assertNotEqual(sign_up(self.server, headers=once, source="127.0.0.9")[2]["key"], first["key"])
        self.assertEqual(sign_up(self.server, headers={"Idempotency-Key": "1"})[0], 400)

    def test_a_sandbox_of_somebody_is_nobody(self):
        sandbox = self.server.call("sandbox.create", {"egress": {"cloud": True}}).json["id"]
        command = ("curl -sS -d '{}' http://127.0.0.1:7300/api/workspace/sign_up 2>/dev/null || python3 -c \"import "
                   "urllib.request as u;print(u.urlopen(u.Request('http://127.0.0.1:7300/api/workspace/sign_up',b'{}')).read())\"")
        done = self.server.call("sandbox.exec", {"id": sandbox, "command": command}).json
        self.assertNotIn("acloud_", done["stdout"])
        self.assertIn("403" if "inside of a sandbox" not in done["stdout"] else "inside of a sandbox",
                      done["stdout"] + done["stderr"])
        self.server.call("sandbox.kill", {"id": sandbox})


class Bounds(unittest.TestCase):
    def refused(self, server, source):
        status, headers, body = sign_up(server, source=source)
        self.assertEqual((status, body["error"]["code"]), (429, "rate_limited"), body)
        self.assertGreater(int(headers["retry-after"]), 0)
        self.assertLessEqual(int(headers["retry-after"]), 86400)
        return body["error"]["message"]

    def test_of_one_address_and_of_all_also_after_a_restart(self):
        config = '[signup]\nenabled = true\nper_address = 2\nper_day = 5\n'
        with Server(config=config, flags=["--log", "warn"]) as server:
            for source in ("127.0.0.1", "127.0.0.1", "127.0.0.2", "127.0.0.2"):
                self.assertEqual(sign_up(server, source=source)[0], 200)
            self.assertIn("address/127.0.0.1", self.refused(server, "127.0.0.1"))
            server.restart(kill=True)
            self.refused(server, "127.0.0.2")
            self.assertEqual(sign_up(server, source="127.0.0.3")[0], 200)
            self.assertIn("all visitors", self.refused(server, "127.0.0.3"))
            # What was refused has counted for nothing and left nothing.
            self.assertEqual(len(server.call("workspace.list").json["items"]), 6)

    def test_of_workspaces_and_deleting_makes_room(self):
        config = '[signup]\nenabled = true\nworkspaces = 1\noperations = ["object.*"]\n'
        with Server(config=config, flags=["--log", "warn"]) as server:
            made = sign_up(server)[2]
            status, headers, body = sign_up(server)
            self.assertEqual((status, body["error"]["code"]), (503, "unavailable"))
            self.assertGreater(int(headers["retry-after"]), 0)
            self.assertEqual(server.call("sandbox.list", key=made["key"]).status, 403)
            self.assertEqual(server.call("object.list_buckets", key=made["key"]).status, 200)
            self.assertEqual(server.call("workspace.delete", {"id": made["workspace"]}).status, 200)
            self.assertEqual(server.call("object.list_buckets", key=made["key"]).status, 401)
            self.assertEqual(sign_up(server)[0], 200)

    def test_a_flood_is_refused_and_one_that_floods_alone(self):
        with Server(config='[signup]\nenabled = true\nper_address = 1\n', flags=["--log", "warn"]) as server:
            made = 0
            for _ in range(1000):
                status, headers, body = sign_up(server)
                made += status == 200
                if "without an API key" in body.get("error", {}).get("message", ""):
                    break
            self.assertEqual((status, made), (429, 1))
            self.assertTrue(0 < int(headers["retry-after"]) <= 60)
            self.assertEqual(sign_up(server, source="127.0.0.2")[0], 200)  # another is let in

    def test_a_configuration_that_is_wrong(self):
        with tempfile.TemporaryDirectory() as data:
            for line in ('budget = "x"', 'budget = "0"', 'budget = "-1"', "per_address = 0", "budgets = 1"):
                server = Server(data=data, config=f"[signup]\nenabled = true\n{line}\n")
                with self.assertRaises(RuntimeError) as failed:
                    server.start()
                self.assertIn("acloud.toml:", str(failed.exception))
                self.assertIn("ended with 2", str(failed.exception), line)
                server.process.stderr.close()
            os.unlink(os.path.join(data, "acloud.toml"))


if __name__ == "__main__":
    unittest.main()
