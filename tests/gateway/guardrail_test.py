"""Guardrails: what goes to a provider and what comes back, in every dialect, in streams cut anywhere, and with real
clients that must notice nothing where nothing is found."""

import json
import os
import shutil
import subprocess
import time
import unittest

from gateway.basic_test import MESSAGES, events
from gateway.clients_test import CLIENTS, node_version
from support.server import Server
from support.upstream import Upstream

KEY = "sk-abcdefghij0123456789ABCD"
CARD = "4111 1111 1111 1111"
GUARDRAILS = """
[[guardrail]]
name = "secrets"
detect = [ { kind = "secrets", action = "mask" }, { kind = "payment_card", action = "block" },
           { kind = "email", action = "flag" },
           { name = "project", pattern = "Project (?:Apollo|Zeus)", action = "mask", on = ["reply"] } ]

[[guardrail]]
name = "small"
models = ["claude"]
largest_request_bytes = 2000

[[guardrail]]
name = "narrow"
workspaces = ["WORKSPACE"]
allowed_models = ["gpt"]
"""
MASKED = "Use [api_key] for [project], please."
WORDS = ["Use sk-", "abcdefghij", "0123456789", "ABCD for", " Pro", "ject Ze", "us, please."]
FORMS = {"chat": ("/v1/chat/completions", lambda text: {"messages": [{"role": "user", "content": text}]}),
         "responses": ("/v1/responses", lambda text: {"input": text}),
         "messages": ("/v1/messages", lambda text: {"max_tokens": 100, "messages": [{"role": "user", "content": text}]})}


def texts(value):
    """All strings of a document."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return "".join(texts(each) for each in value)
    return value if isinstance(value, str) else ""


def streamed(form, body):
    """The text of a streamed answer."""
    out = ""
    for event in events(body):
        if event == "[DONE]":
            continue
        if form == "chat" and event.get("choices"):
            out += event["choices"][0]["delta"].get("content") or ""
        elif form == "messages" and event["type"] == "content_block_delta":
            out += event["delta"].get("text", "")
        elif form == "responses" and event["type"] == "response.output_text.delta":
            out += event["delta"]
    return out


class Guardrails(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.upstream = Upstream().__enter__()
        cls.server = Server(config=cls.upstream.config(), environment={"MOCK_KEY": "sk-upstream"},
                            flags=["--log", "info"]).start()
        cls.other = cls.server.call("workspace.create", {"name": "other"}).json["id"]
        cls.server.stop()
        with open(os.path.join(cls.server.data, "acloud.toml"), "a", encoding="utf-8") as file:
            file.write(GUARDRAILS.replace("WORKSPACE", cls.other))
        cls.server.start()

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()
        cls.upstream.__exit__()

    def setUp(self):
        self.upstream.requests.clear()
        self.upstream.words = WORDS

    def post(self, form, model, text, key=None, **fields):
        path, body = FORMS[form]
        return self.server.request("POST", path, json.dumps({"model": model, **body(text), **fields}),
                                   {"Content-Type": "application/json", "anthropic-version": "2023-06-01"}, key)

    def each(self):
        return [(form, model) for form in FORMS for model in ("gpt", "claude")]

    def used(self):
        items = self.server.call("usage.query", {"group_by": ["operation"]}).json["items"]
        return sum(item["tokens"]["output"] for item in items)

    def test_replies_are_masked_whole_and_streamed(self):
        for form, model in self.each():
            whole = self.post(form, model, "Hello")
            self.assertEqual(whole.status, 200, whole.body)
            self.assertIn(MASKED, texts(whole.json))
            stream = self.post(form, model, "Hello", stream=True).body
            self.assertEqual(streamed(form, stream), MASKED)
            self.assertNotIn(b"abcdefghij", stream)
            self.assertNotIn(b"Zeus", stream)

    def test_a_secret_is_caught_wherever_a_stream_is_cut(self):
        text = f"see {KEY} here"
        for cut in range(1, len(text)):
            self.upstream.words = [text[:cut], text[cut:]]
            for form, model in (("chat", "gpt"), ("messages", "claude"), ("responses", "claude")):
                body = self.post(form, model, "Hello", stream=True).body
                self.assertEqual(streamed(form, body), "see [api_key] here", (form, cut))
                self.assertNotIn(b"abcdefghij", body)

    def test_arguments_of_tools_are_looked_at(self):
        schema = {"type": "object", "properties": {KEY: {"type": "string"}}}
        tools = {"chat": [{"type": "function", "function": {"name": "t", "parameters": schema}}],
                 "messages": [{"name": "t", "input_schema": schema}],
                 "responses": [{"type": "function", "name": "t", "parameters": schema}]}
        for form, model in self.each():  # the provider's mock calls the tool with the schema's names
            for stream in (False, True):
                reply = self.post(form, model, "Hello", tools=tools[form], stream=stream)
                self.assertEqual(reply.status, 200, reply.body)
                self.assertNotIn(b"abcdefghij0123456789", reply.body)

    def test_requests_are_masked_before_they_leave(self):
        self.upstream.words = ["fine"]
        for form, model in self.each():
            self.upstream.requests.clear()
            self.assertEqual(self.post(form, model, f"my key is {KEY}, Project Apollo").status, 200)
            sent = json.dumps(self.upstream.requests[0][2])
            self.assertIn("my key is [api_key], Project Apollo", sent)  # the pattern is for replies alone
            self.assertNotIn("abcdefghij", sent)

    def test_a_blocked_request_costs_nothing_and_goes_nowhere(self):
        before = self.used()
        for form, model in self.each():
            for stream in (False, True):
                reply = self.post(form, model, f"card {CARD}", stream=stream)
                self.assertEqual(reply.status, 403)
                self.assertIn("guardrail secrets: the request holds what looks like a payment_card",
                              reply.json["error"]["message"])
                self.assertEqual(reply.json.get("type"), "error" if form == "messages" else None)
                self.assertNotIn(b"4111", reply.body)
        self.assertFalse(self.upstream.requests)
        self.assertEqual(self.used(), before)

    def test_a_blocked_reply_ends_in_the_dialects_error_and_is_billed(self):
        self.upstream.words = ["pay ", "4111 11", "11 1111", " 1111", " now", " or never"]
        for form, model in self.each():
            before = self.used()
            whole = self.post(form, model, "Hello")
            self.assertEqual(whole.status, 403, whole.body)
            self.assertNotIn(b"4111", whole.body)
            self.assertEqual(self.used(), before + len(self.upstream.words))
            for begun in (False, True):
                before = self.used()
                stream = self.stream(form, model, begun)
                self.assertNotIn(b"4111", stream)
                self.assertIn(b"guardrail secrets", stream)
                self.assertGreater(self.used(), before)
                if begun:
                    self.assertEqual(streamed(form, stream), "pay ")
                    last = events(stream)[-1]
                    self.assertTrue("error" in last or last["type"] == "error", last)

    def stream(self, form, model, begun):
        """A streamed reply, all of it; `begun`: its provider waits until its beginning has come."""
        path, body = FORMS[form]
        self.upstream.release.clear()
        self.upstream.held = begun
        if begun:
            self.upstream.faults.append("cut@4")
        connection = self.server.connect()
        try:
            connection.request("POST", path, json.dumps({"model": model, **body("Hello"), "stream": True}),
                               {"Authorization": f"Bearer {self.server.key}", "anthropic-version": "2023-06-01"})
            response = connection.getresponse()
            seen = response.read1() if begun else b""
            while begun and b"pay" not in seen:
                seen += response.read1()
            self.upstream.release.set()
            return seen + response.read()
        finally:
            self.upstream.held = False
            connection.close()

    def test_the_neutral_form_goes_the_same_way(self):
        answer = self.server.call("model.chat", {"model": "claude", "messages": MESSAGES})
        self.assertEqual(answer.json["message"]["content"], MASKED)
        refused = self.server.call("model.chat", {"model": "gpt", "messages": [{"role": "user", "content": CARD}]})
        self.assertEqual(refused.code, "permission_denied")
        self.assertEqual(refused.json["error"]["details"],
                         {"guardrail": "secrets", "detector": "payment_card", "side": "request"})

    def test_sizes_and_models(self):
        self.upstream.words = ["fine"]
        self.assertEqual(self.post("messages", "claude", "x" * 2000).status, 413)
        self.assertEqual(self.post("messages", "gpt", "x" * 2000).status, 200)
        narrow = self.server.call("key.create", {"name": "narrow", "workspace": self.other}).json["key"]
        self.assertEqual(self.post("chat", "gpt", "Hello", key=narrow).status, 200)
        refused = self.post("chat", "claude", "Hello", key=narrow)
        self.assertEqual(refused.status, 403)
        self.assertIn("model claude may not be called here", refused.json["error"]["message"])

    def test_findings_are_told_without_the_text(self):
        self.upstream.words = ["write to ", "ada@", "example.com", " now"]
        stream = self.post("chat", "gpt", "I am bob@example.com", stream=True)
        self.assertEqual(streamed("chat", stream.body), "write to ada@example.com now")
        self.assertEqual(self.upstream.requests[0][2]["messages"][0]["content"], "I am bob@example.com")
        items = self.server.call("model.findings", {"limit": 2}).json["items"]
        request_id = stream.headers["x-request-id"]
        self.assertEqual([(i["request_id"], i["detector"], i["side"], i["action"], i["model"]) for i in items],
                         [(request_id, "email", "reply", "flag", "gpt"), (request_id, "email", "request", "flag", "gpt")])
        self.assertNotIn("example.com", json.dumps(items))
        page = self.server.call("model.findings", {"limit": 1}).json
        older = self.server.call("model.findings", {"limit": 1, "cursor": page["next_cursor"]}).json
        self.assertEqual(older["items"], items[1:])
        metrics = self.server.request("GET", "/metrics", key="").body.decode()
        self.assertRegex(metrics, r'acloud_guardrail_findings_total\{.*detector="email".*\} \d')
        self.assertNotIn("example.com", "".join(self.server.log))
        stranger = self.server.call("key.create", {"name": "x", "workspace": self.other}).json["key"]
        self.assertEqual(self.server.call("model.findings", {}, key=stranger).code, "permission_denied")

    def test_a_stream_goes_on_while_nothing_must_be_held(self):
        self.upstream.words = ["Nothing", " here", " is", " secret", "."]
        self.upstream.held = True
        self.upstream.faults.append("cut@4")
        self.upstream.release.clear()
        connection = self.server.connect()
        try:
            connection.request("POST", "/v1/chat/completions",
                               json.dumps({"model": "gpt", "messages": MESSAGES, "stream": True}),
                               {"Authorization": f"Bearer {self.server.key}"})
            response = connection.getresponse()
            seen = b""
            deadline = time.monotonic() + 20
            while b" here" not in seen:  # the provider waits before it says " is"
                self.assertLess(time.monotonic(), deadline)
                seen += response.read1()
            self.upstream.release.set()
            self.assertIn(b"[DONE]", seen + response.read())
        finally:
            self.upstream.held = False
            self.upstream.release.set()
            connection.close()

    def test_real_clients_notice_nothing(self):
        if node_version() < 20 or not os.path.isdir(os.path.join(CLIENTS, "node_modules")):
            self.skipTest("needs node 20 and the packages of tests/clients (scripts/setup)")
        self.upstream.words = Upstream().words
        for client in ("openai", "anthropic"):
            for model in ("gpt",):
                process = subprocess.run(["node", f"{client}.mjs", self.server.url, self.server.key, model],
                                         cwd=CLIENTS, capture_output=True, text=True, timeout=100, check=False,
                                         env={**os.environ, "NO_PROXY": "127.0.0.1"})
                lines = [json.loads(line) for line in process.stdout.splitlines() if line.startswith("{")]
                self.assertTrue(lines, process.stderr)
                self.assertFalse([line for line in lines if not line["ok"]], process.stderr)


class ReloadedGuardrails(unittest.TestCase):
    def setUp(self):
        self.upstream = self.enterContext(Upstream())
        self.server = self.enterContext(Server(config=self.upstream.config(), environment={"MOCK_KEY": "k"}))

    def test_old_findings_are_forgotten_when_new_ones_come(self):
        rule = '[[guardrail]]\nname = "mail"\ndetect = [ { kind = "email", action = "flag" } ]\n[findings]\nkeep_s = 2\n'
        server = self.enterContext(Server(config=self.upstream.config() + rule, environment={"MOCK_KEY": "k"}))

        def ask():
            reply = server.call("model.chat", {"model": "gpt", "messages": [{"role": "user", "content": "I am bob@example.com"}]})
            self.assertEqual(reply.status, 200, reply.body)
            return reply.headers["x-request-id"]

        def listed():
            return {item["request_id"] for item in server.call("model.findings", {"limit": 100}).json["items"]}

        old = ask()
        self.assertIn(old, listed())
        end = time.monotonic() + 20
        while old in listed():
            self.assertLess(time.monotonic(), end)
            self.assertIn(ask(), listed())
            time.sleep(0.2)

    def test_guardrails_change_and_faults_change_nothing(self):
        self.upstream.words = ["fine"]
        ask = {"model": "gpt", "messages": [{"role": "user", "content": CARD}]}
        self.assertEqual(self.server.call("model.chat", ask).status, 200)
        rule = '[[guardrail]]\nname = "cards"\ndetect = [ { kind = "payment_card", action = "block" } ]\n'
        self.server.reload(self.upstream.config() + rule, "configuration reloaded")
        self.assertEqual(self.server.call("model.chat", ask).code, "permission_denied")
        wrong = '[[guardrail]]\nname = "x"\ndetect = [\n  { name = "p", pattern = "a+", action = "flag" } ]\n'
        self.server.reload(self.upstream.config() + wrong, "was not reloaded")
        line = len((self.upstream.config() + wrong).splitlines())
        told = [line for line in self.server.log if "was not reloaded" in line][-1]
        self.assertIn(f"acloud.toml:{line}: guardrail[0].detect[0]: pattern: at character 2", told)
        self.assertEqual(self.server.call("model.chat", ask).code, "permission_denied")



if __name__ == "__main__":
    unittest.main()
