"""What should never be sent to a model that runs here: it gets a clear error or an end, harms nothing and leaves
nothing behind, while others go on as if it were not there."""

import json
import os
import threading
import time
import unittest

from support.server import ROOT, Server

MODEL = os.environ.get("ACLOUD_RANDOM_MODEL", os.path.join(ROOT, "build", "random-tiny.gguf"))
CONFIG = f'[[model]]\nname = "tiny"\nengine = "llama"\nfile = "{MODEL}"\nparallel = 4\n'
DEADLINE_S = 60
ROUNDS = 20 if "ACLOUD_SOAK" in os.environ else 2
MEMORY = 64 << 20  # may the server grow by, once it has seen everything
WITNESSES = [f"witness number {i}, asked again and again" for i in range(2)]


def chat(text="hello", **more):
    return {"model": "tiny", "messages": [{"role": "user", "content": text}], "max_tokens": 24, "temperature": 0, **more}


def schema(of):
    return {"type": "json_schema", "json_schema": {"name": "x", "schema": of}}


def tool(parameters):
    return [{"type": "function", "function": {"name": "f", "parameters": parameters}}]


def nested(depth):
    inner = {"type": "null"}
    for _ in range(depth):
        inner = {"type": "object", "properties": {"a": inner}, "required": ["a"], "additionalProperties": False}
    return inner


# That no text conforms to, or that say nothing. Those that can't be kept to are refused.
REFUSED = [
    {"type": "nonsense"}, {"$ref": "#/nowhere"}, {"$ref": "#"}, {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}},
    {"$ref": "https://127.0.0.1:1/x.json"}, {"type": "string", "pattern": "^($"}, {"enum": []}, False, 5, "x", [], None,
    {"type": "array", "minItems": 5, "maxItems": 2, "items": {"type": "null"}}, {"type": "string", "minLength": 5, "maxLength": 2},
    {"type": "string", "minLength": 100_000}, {"type": "array", "minItems": 1_000_000, "items": {"type": "null"}}, nested(100),
    {"type": "string", "pattern": "^" + "(a|b)*" * 200 + "$"}, {"type": "string", "pattern": "^(([a-z]?){0,40}[a-z]?){0,40}$"}]
# Those that a grammar can't tell from others, or that only a long text fits, get an answer, of whatever use.
ENDED = [
    {"not": {}}, {"type": "integer", "minimum": 5, "maximum": 3}, {"allOf": [{"type": "string"}, {"type": "integer"}]},
    nested(20),
    {"type": "string", "pattern": "^a{1,100000}$"}, {"const": "x" * 100_000},
    {"type": "object", "properties": {"\0": {"const": "\0"}, 'a\nb"::=': {"type": "string"}}, "additionalProperties": False}]


class BadInput(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(config=CONFIG, flags=["--log", "error"]).__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()

    def post(self, body, path="/v1/chat/completions"):
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.server.request("POST", path, raw, {"Content-Type": "application/json"})

    def say(self, text):
        reply = self.post(chat(text))
        self.assertEqual(reply.status, 200, reply.body)
        return reply.json["choices"][0]["message"]["content"]

    def engine(self):
        return self.post({}, "/api/model/list").json["items"][0]["engine"]

    def beside_witnesses(self, harm):
        """Runs `harm` while others ask the same again and again: each must get the same each time. Then nothing of it
        may run any more."""
        expected = [self.say(text) for text in WITNESSES]
        done = threading.Event()
        wrong = []
        asked = [0] * len(WITNESSES)

        def witness(i):
            try:
                while True:
                    over = done.is_set()
                    if (said := self.say(WITNESSES[i])) != expected[i]:
                        wrong.append(said)
                    asked[i] += 1
                    if over:
                        return
            except Exception as error:  # pylint: disable=broad-except
                wrong.append(repr(error))

        threads = [threading.Thread(target=witness, args=(i,)) for i in range(len(WITNESSES))]
        for thread in threads:
            thread.start()
        try:
            harm()
        finally:
            done.set()
            for thread in threads:
                thread.join(DEADLINE_S)
        self.assertEqual(wrong, [])
        self.assertTrue(all(asked))
        end = time.monotonic() + DEADLINE_S
        while (state := self.engine())["running"] + state["waiting"]:
            self.assertLess(time.monotonic(), end, state)

    def without_leaks(self, harm):
        """`harm` again and again: after the first round the memory stays."""
        self.beside_witnesses(harm)
        before = self.server.memory()

        def rounds():
            for _ in range(ROUNDS):
                harm()

        self.beside_witnesses(rounds)
        self.assertLess(self.server.memory() - before, MEMORY)

    def refused(self, body, word="", status=400):
        reply = self.post(body)
        self.assertEqual(reply.status, status, reply.body[:500])
        self.assertIn(word, reply.json["error"]["message"])
        self.assertTrue(reply.json["error"]["message"])

    def test_prompts_over_the_context(self):
        def harm():
            for count in (2100, 50_000):
                self.refused(chat("1 " * count), "tokens")
            self.refused(chat("x", max_tokens=0), "max_tokens")

        self.without_leaks(harm)

    def test_invalid_utf8(self):
        def harm():
            for bad in (b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\xe2\x82"):
                self.refused(b'{"model":"tiny","messages":[{"role":"user","content":"' + bad + b'"}]}')
            # Escapes of half a character are no text either; a NUL is.
            self.assertIn(self.post(b'{"model":"tiny","max_tokens":2,"messages":[{"role":"user","content":"\\ud800"}]}').status,
                          (200, 400))
            self.assertEqual(self.post(chat("a\0b", max_tokens=2)).status, 200)

        self.without_leaks(harm)

    def test_impossible_schemas(self):
        def harm():
            for of in REFUSED:
                self.refused(chat(response_format=schema(of)))
                if of is not None:  # a tool without parameters
                    self.refused(chat(tools=tool(of), tool_choice="required"))
            for of in ENDED:
                reply = self.post(chat(response_format=schema(of)))
                self.assertIn(reply.status, (200, 400), reply.body[:500])
                if reply.status == 400:
                    self.assertTrue(reply.json["error"]["message"])
            self.refused(chat(grammar="root ::= " + '("a" | "b")* ' * 60), "constrained")

        self.without_leaks(harm)

    def test_ten_thousand_stop_strings(self):
        def harm():
            self.refused(chat(stop=[f"stop {i}" for i in range(10_000)]), "10000 strings")
            self.refused(chat(stop=["x" * 100_000]), "stop")
            self.assertEqual(self.post(chat(stop=[f"stop {i}" for i in range(64)])).status, 200)

        self.without_leaks(harm)

    def hang_up(self, body, sent, read):
        """Sends `sent` bytes of the body's request, reads `read` of the answer, and is gone."""
        raw = json.dumps(body).encode()
        head = (f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                f"Authorization: Bearer {self.server.key}\r\nContent-Length: {len(raw)}\r\n\r\n").encode()
        connection = self.server.connect()
        connection.connect()
        connection.sock.sendall((head + raw)[:sent] if sent is not None else head + raw)
        got = 0
        while got < read:
            piece = connection.sock.recv(4096)
            if not piece:
                break
            got += len(piece)
        connection.close()

    def test_clients_that_hang_up_at_each_phase(self):
        long = "1 " * 900
        phases = [
            (chat(), 20, 0), (chat(), 150, 0),  # in the head, in the body
            (chat(long), None, 0), (chat(long, stream=True), None, 0),  # while the prompt is read
            (chat(stream=True, max_tokens=1900), None, 1), (chat(stream=True, max_tokens=1900), None, 3000),  # in the reply
            (chat(max_tokens=1900), None, 0),  # while a reply is made that comes at once
            (chat(response_format=schema({"type": "string"}), max_tokens=1900), None, 0),
            (chat(stream=True), None, 10_000)]  # at its end

        def harm():
            for body, sent, read in phases:
                self.hang_up(body, sent, read)
            # More than there are places: some leave while they wait.
            threads = [threading.Thread(target=self.hang_up, args=(chat(f"{i} {long}", stream=True), None, 0)) for i in range(12)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(DEADLINE_S)

        self.without_leaks(harm)


if __name__ == "__main__":
    unittest.main()
