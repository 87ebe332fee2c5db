"""A server that runs a model itself: what callers see of it, and what they can't do to each other."""

import json
import os
import shutil
import subprocess
import sys
import threading
import time
import unittest

from support.server import ROOT, Server

sys.path.insert(0, os.path.join(ROOT, "models"))
from tiny.chat import SPECIAL  # noqa: E402: lies beside the model

MODEL = os.environ.get("ACLOUD_RANDOM_MODEL", os.path.join(ROOT, "build", "random-tiny.gguf"))
CLIENTS = os.path.join(ROOT, "tests", "clients")
CONFIG = f"""
[[model]]
name = "tiny"
engine = "llama"
file = "{MODEL}"
parallel = 4

[[model]]
name = "broken"
engine = "llama"
file = "{__file__}"
"""
DEADLINE_S = 30
HAS_CLIENTS = shutil.which("node") and os.path.isdir(os.path.join(CLIENTS, "node_modules"))


def run_clients(test, script, server, model, count):
    """Runs the script of tests/clients; all of the `count` things that it tries must hold."""
    process = subprocess.run(["node", script, server.url, server.key, model], cwd=CLIENTS, capture_output=True, text=True,
                             timeout=200, check=False, env={**os.environ, "NO_PROXY": "127.0.0.1"})
    lines = [json.loads(line) for line in process.stdout.splitlines() if line.startswith("{")]
    test.assertEqual(len(lines), count, process.stderr)
    test.assertFalse([line for line in lines if not line["ok"]])


def chat(text="hello", **more):
    return {"model": "tiny", "messages": [{"role": "user", "content": text}], "max_tokens": 20, "temperature": 0, **more}


class Bare(unittest.TestCase):
    def test_a_bare_server_calls_a_tool(self):
        """With acloud-tiny, which is a part of the program."""
        tool = {"type": "function", "function": {"name": "sandbox_exec", "parameters": {
            "type": "object", "properties": {"command": {"type": "string"}}, "required": ["command"]}}}
        messages = [{"role": "user", "content": "7407 + 48 is what i need"}]
        with Server(flags=["--log", "error"]) as server:
            def say():
                reply = server.request("POST", "/v1/chat/completions", json.dumps(
                    {"model": "acloud-tiny", "messages": messages, "tools": [tool], "temperature": 0}).encode())
                self.assertEqual(reply.status, 200, reply.body)
                return reply.json["choices"][0]

            choice = say()
            self.assertEqual(choice["finish_reason"], "tool_calls", choice)
            call = choice["message"]["tool_calls"][0]
            self.assertIn("7407 + 48", json.loads(call["function"]["arguments"])["command"])
            result = json.dumps({"exit_code": 0, "stdout": "7455\n", "stderr": ""})
            messages += [choice["message"], {"role": "tool", "tool_call_id": call["id"], "content": result}]
            self.assertIn("7455", say()["message"]["content"])


    @unittest.skipUnless(HAS_CLIENTS, "needs node and the packages of tests/clients (scripts/setup)")
    def test_the_public_clients_with_acloud_tiny(self):
        with Server(flags=["--log", "error"]) as server:
            run_clients(self, "tiny.mjs", server, "acloud-tiny", 8)


class Engine(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(config=CONFIG, flags=["--log", "error"]).__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()

    def post(self, path, body):
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.server.request("POST", path, raw, {"Content-Type": "application/json"})

    def say(self, text, **more):
        reply = self.post("/v1/chat/completions", chat(text, **more))
        self.assertEqual(reply.status, 200, reply.body)
        return reply.json["choices"][0]["message"]["content"]

    def engine(self, name="tiny"):
        items = self.post("/api/model/list", {}).json["items"]
        return next(item for item in items if item["name"] == name)["engine"]

    def wait_until_idle(self):
        """A reply that nobody reads any more is dropped before the next step."""
        end = time.monotonic() + DEADLINE_S
        while (state := self.engine())["running"] + state["waiting"]:
            self.assertLess(time.monotonic(), end, state)

    def test_both_dialects_and_both_ways_say_the_same(self):
        whole = self.say("one two three")
        self.assertTrue(whole)
        events = self.post("/v1/chat/completions", chat("one two three", stream=True)).body.decode().split("\n\n")
        chunks = [json.loads(event[6:]) for event in events if event.startswith("data: {")]
        self.assertEqual("".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks), whole)
        reply = self.post("/v1/messages", chat("one two three"))
        self.assertEqual(reply.json["content"][0]["text"], whole)
        self.assertEqual(reply.json["stop_reason"], "max_tokens")
        usage = reply.json["usage"]
        counted = self.post("/v1/messages/count_tokens", {"model": "tiny", "messages": chat("one two three")["messages"]})
        self.assertEqual(counted.json["input_tokens"], usage["input_tokens"] + usage["cache_read_input_tokens"])
        self.assertGreater(usage["cache_read_input_tokens"], 0)

    def test_a_model_says_what_it_is(self):
        state = self.engine()
        self.assertEqual((state["state"], state["parameters"], state["context"]), ("ready", 2853696, 2048))
        self.assertGreater(state["weights_bytes"], 2 * state["parameters"])
        self.assertEqual(state["memory_bytes"], 8192 * 2 * 6 * 32 * 6 * 4)  # parallel times context
        listed = self.server.request("GET", "/v1/models/tiny").json
        self.assertEqual({name: listed["engine"][name] for name in ("state", "context", "weights_bytes", "memory_bytes")},
                         {name: state[name] for name in ("state", "context", "weights_bytes", "memory_bytes")})
        broken = self.engine("broken")
        self.assertEqual(broken["state"], "failed")
        self.assertIn("not a GGUF model", broken["error"])
        reply = self.post("/v1/chat/completions", chat(model="broken"))
        self.assertEqual(reply.status, 503)
        self.assertIn("not a GGUF model", reply.json["error"]["message"])

    def test_bad_input_is_refused_and_harms_nobody(self):
        text = "say this, whatever comes"
        expected = self.say(text)
        many = [{"role": "user", "content": "1 " * 3000}]
        schema = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "nonsense"}}}
        for body, status in (
                (chat(messages=many), 400), (chat(stop=["x"] * 10_000), 400), (chat(response_format=schema), 400),
                (chat(messages=[{"role": "user", "content": 5}]), 400), (chat(temperature=-1), 400),
                (chat(max_tokens=0), 400), (chat(model="nobody"), 404), (chat(logit_bias={"-1": 1}), 400),
                (b'{"model":"tiny","messages":[{"role":"user","content":"\xff"}]}', 400), (b"{", 400)):
            for _ in range(3):
                reply = self.post("/v1/chat/completions", body)
                self.assertEqual(reply.status, status, reply.body[:500])
                self.assertTrue(reply.json["error"]["message"])
        self.assertEqual(self.say(text), expected)

    def test_callers_do_not_change_each_others_answers(self):
        texts = [f"question number {i}, asked by somebody" for i in range(8)]
        alone = [self.say(text) for text in texts]
        together = [None] * len(texts)

        def ask(i):
            together[i] = [self.say(texts[i]) for _ in range(3)]

        threads = [threading.Thread(target=ask, args=(i,)) for i in range(len(texts))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(DEADLINE_S)
        self.assertEqual(together, [[said] * 3 for said in alone])

    def test_who_hangs_up_is_computed_for_no_longer(self):
        body = json.dumps(chat("go on and on", stream=True, max_tokens=1900)).encode()
        head = (f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self.server.key}\r\n"
                f"Content-Length: {len(body)}\r\n\r\n").encode()
        # After a part of the request, after the whole of it, after some bytes of the answer.
        for sent, read in ((len(body) // 2, 0), (len(body), 0), (len(body), 1), (len(body), 2000)):
            for _ in range(3):
                connection = self.server.connect()
                connection.connect()
                connection.sock.sendall(head + body[:sent])
                got = 0
                while got < read:
                    got += len(connection.sock.recv(4096))
                connection.close()
        self.wait_until_idle()
        self.assertTrue(self.say("still there?"))

    def test_tools_are_called_in_the_models_form(self):
        tool = {"type": "function", "function": {"name": "object_put", "parameters": {
            "type": "object", "properties": {"bucket": {"enum": ["logs", "notes"]}}, "required": ["bucket"],
            "additionalProperties": False}}}
        # The model knows no sense: it is pushed to where a call begins, and harder to where the reply may end.
        with open(os.path.join(ROOT, "models", "tokenizer.json"), encoding="utf-8") as file:
            first = 256 + len(json.load(file)["merges"])
        ids = {token: first + i for i, token in enumerate(SPECIAL)}
        reply = self.post("/v1/chat/completions", chat(
            "store it", tools=[tool], tool_choice="required", max_tokens=300, temperature=1,
            logit_bias={ids["<tool_call>"]: 90, ids["<|im_end|>"]: 100}))
        choice = reply.json["choices"][0]
        self.assertEqual(choice["finish_reason"], "tool_calls", reply.body)
        call = choice["message"]["tool_calls"][0]
        self.assertEqual(call["function"]["name"], "object_put")
        self.assertIn(json.loads(call["function"]["arguments"])["bucket"], ("logs", "notes"))

    @unittest.skipUnless(HAS_CLIENTS, "needs node and the packages of tests/clients (scripts/setup)")
    def test_the_public_clients(self):
        run_clients(self, "engine.mjs", self.server, "tiny", 6)


if __name__ == "__main__":
    unittest.main()
