"""What a broken provider, or a client that leaves, makes of a call: the right answer, one record of usage, and
figures that agree with the provider's."""

import json
import sqlite3
import time
import unittest

from gateway.basic_test import events
from support.server import Server
from support.upstream import CACHED, INPUT, TEXT, WORDS, Buckets, Upstream

MESSAGES = [{"role": "user", "content": "Hello"}]
BUCKETS = ("input_uncached", "cache_read", "cache_write_5m", "cache_write_1h", "output", "reasoning")
# Refusals and breaks before the first token: (fault, status to OpenAI's clients, to Anthropic's)
EARLY = (("reset", 503, 529), ("close", 503, 529), ("not-json", 503, 529), ("html", 503, 529),
         ((500, {}, {"error": {"message": "boom"}}), 503, 529), ((503, {}, b""), 503, 529),
         ((529, {}, {"error": {"message": "overloaded"}}), 503, 529),
         ((429, {"retry-after": "7"}, {"error": {"message": "slow down", "type": "x"}}), 429, 429),
         ((429, {}, {"error": {"message": "slow down", "type": "x"}}), 429, 429))
BEFORE_TOKEN = ("reset@0", "half-chunk@0", "bad-json@0", "end@0", "error@0")
AFTER_TOKEN = ("reset@7", "half-chunk@7", "bad-json@7", "end@7", "error@7")


class Faults(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.upstream = Upstream().__enter__()
        models = {"gpt": ("oai", "mock-gpt"), "claude": ("ant", "mock-claude"), "spare": ("oai", "mock-spare")}
        config = cls.upstream.config(models, first_token_time_s=2, between_tokens_time_s=2, hang_up_time_s=5)
        config += ('[[model]]\nname = "once"\nretries = 0\ntargets = [{ provider = "oai", model = "mock-once" }]\n'
                   '[[model]]\nname = "once-claude"\nretries = 0\ntargets = [{ provider = "ant", model = "mock-once" }]\n'
                   '[[model]]\nname = "safe"\nretries = 0\nfallback = ["spare"]\n'
                   'targets = [{ provider = "oai", model = "mock-unsafe" }]\n'
                   '[[model]]\nname = "safe-claude"\nretries = 0\nfallback = ["spare"]\n'
                   'targets = [{ provider = "ant", model = "mock-unsafe" }]\n'
                   '[[model]]\nname = "kept"\ncache_s = 600\ntargets = [{ provider = "oai", model = "mock-kept" }]\n'
                   '[[model]]\nname = "mixed"\ntargets = [{ provider = "oai", model = "mock-mixed" },\n'
                   '  { provider = "ant", model = "mock-mixed" }]\n'
                   '[[model]]\nname = "both"\nstrategy = "weighted"\ntargets = [\n'
                   '  { provider = "oai", model = "mock-left", weight = 3 },\n'
                   '  { provider = "oai", model = "mock-right", weight = 1 } ]\n')
        cls.server = Server(config=config, environment={"MOCK_KEY": "k"}, flags=["--log", "error"]).start()

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()
        cls.upstream.__exit__()

    def setUp(self):
        self.upstream.faults.clear()
        self.upstream.faults_of.clear()
        self.upstream.waiting.clear()
        self.upstream.release.clear()
        self.upstream.counted.clear()
        self.upstream.requests.clear()
        self.upstream.held = False
        self.before = self.rows()

    def rows(self):
        database = sqlite3.connect(f"file:{self.server.data}/acloud.db?mode=ro", uri=True, timeout=30)
        try:
            return {(row[0], row[-1]): row[:-1] for row in database.execute(
                f"SELECT request_id, outcome, model, provider, estimated, {', '.join(BUCKETS)}, part FROM usage_calls")}
        finally:
            database.close()

    def new_rows(self, count):
        """The usage of calls since the test began, when there are so many; records are made before the reply ends,
        but after a hang-up there is no reply to wait for."""
        deadline = time.monotonic() + 20
        while True:
            rows = [row for id, row in self.rows().items() if id not in self.before]
            used = [row for row in rows if row[2]]
            if len(used) >= count or time.monotonic() > deadline:
                return used
            time.sleep(0.01)

    def post(self, path, model, stream=False, **fields):
        body = {"model": model, "messages": MESSAGES, "stream": stream, **fields}
        if path == "/v1/messages":
            body["max_tokens"] = 100
        return self.server.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})

    def check_error(self, reply, status):
        self.assertEqual(reply.status, status, reply.body)
        error = reply.json["error"]
        self.assertTrue(error["message"] and error["type"], reply.body)

    def fresh(self):
        """A server of its own, whose breakers have seen nothing."""
        server = Server(config=self.upstream.config(first_token_time_s=1, between_tokens_time_s=1, hang_up_time_s=5) +
                        '[[model]]\nname = "once"\nretries = 0\ntargets = [{ provider = "oai", model = "mock-once" }]\n'
                        '[[model]]\nname = "once-claude"\nretries = 0\n'
                        'targets = [{ provider = "ant", model = "mock-once" }]\n'
                        '[[model]]\nname = "broken"\nretries = 0\nfallback = ["once-claude"]\n'
                        'targets = [{ provider = "oai", model = "mock-once" }]\n',
                        environment={"MOCK_KEY": "k"}, flags=["--log", "error"])
        return server

    def test_what_breaks_before_the_first_token_is_an_error_in_the_dialects_form(self):
        for fault, to_openai, to_anthropic in EARLY:
            for path, model, status in (("/v1/chat/completions", "once", to_openai),
                                        ("/v1/messages", "once-claude", to_anthropic),
                                        ("/v1/chat/completions", "once-claude", to_openai)):
                for stream in (False, True):
                    with self.subTest(fault=fault, path=path, stream=stream):
                        self.upstream.faults.append(fault)
                        reply = self.post(path, model, stream)
                        self.check_error(reply, status)
                        if isinstance(fault, tuple) and "retry-after" in fault[1]:
                            self.assertEqual(reply.headers["retry-after"], "7")
                        self.upstream.faults.clear()
                        # A success between keeps the breaker closed.
                        self.assertEqual(self.post(path, model).status, 200)

    def test_a_stream_that_breaks_before_its_first_token_falls_back_unseen(self):
        for fault in BEFORE_TOKEN:
            for path, model in (("/v1/chat/completions", "safe"), ("/v1/messages", "safe-claude"),
                                ("/v1/messages", "safe"), ("/v1/chat/completions", "safe-claude")):
                with self.subTest(fault=fault, path=path, model=model):
                    self.before = self.rows()
                    self.upstream.counted.clear()
                    self.upstream.faults.append(fault)
                    reply = self.post(path, model, stream=True)
                    self.assertEqual(reply.status, 200, reply.body)
                    self.assertIn(b"lazy", reply.body)
                    self.assertNotIn(b"error", reply.body)
                    row, = self.new_rows(1)
                    self.assertEqual((row[1], row[2], row[4]), ("ok", "spare", 0))
                    self.assertEqual(Buckets(dict(zip(BUCKETS, row[5:]))), +self.upstream.counted)
                    self.upstream.faults.clear()
                    self.assertEqual(self.post(path, model).status, 200)  # keeps its breaker closed

    def test_a_stream_that_breaks_later_ends_with_an_error_event_and_is_billed_for_what_came(self):
        self.upstream.held = True
        for fault in AFTER_TOKEN:
            for path, model in (("/v1/chat/completions", "once"), ("/v1/messages", "once-claude"),
                                ("/v1/messages", "once"), ("/v1/chat/completions", "once-claude"),
                                ("/v1/responses", "once")):
                with self.subTest(fault=fault, path=path, model=model):
                    self.before = self.rows()
                    self.upstream.faults.append(fault)
                    body = self.broken_stream(path, model)
                    last = events(body)[-1]
                    self.assertIn("error", last if path == "/v1/chat/completions" else last["type"], body)
                    row, = self.new_rows(1)
                    self.assertEqual((row[1], row[4]), ("unavailable", 1), row)
                    self.assertGreater(row[9], 0, row)
                    self.upstream.faults.clear()
                    self.assertEqual(self.post("/v1/chat/completions", model).status, 200)

    def broken_stream(self, path, model):
        """The reply, read to its end; the fault comes when its first word has."""
        body = {"model": model, "stream": True, "max_tokens": 100, "messages": MESSAGES}
        if path == "/v1/responses":
            body = {"model": model, "stream": True, "input": "Hello"}
        self.upstream.release.clear()
        connection = self.server.connect()
        try:
            connection.request("POST", path, json.dumps(body), {"Authorization": f"Bearer {self.server.key}"})
            response = connection.getresponse()
            self.assertEqual(response.status, 200)
            seen = b""
            while b"The" not in seen:
                seen += response.read1()
            self.upstream.release.set()
            return seen + response.read()
        finally:
            connection.close()

    def test_retries_find_a_provider_that_is_well_again(self):
        self.upstream.faults.extend(["reset", (500, {}, b"")])
        reply = self.post("/v1/chat/completions", "gpt")
        self.assertEqual(reply.status, 200, reply.body)
        self.assertEqual(len(self.upstream.requests), 3)
        self.assertEqual(len(self.new_rows(1)), 1)
        text = self.server.request("GET", "/metrics", key="").body.decode()
        self.assertRegex(text, r'acloud_model_retries_total\{model="gpt"\} [2-9]')

    def test_a_breaker_keeps_calls_away_and_half_opens(self):
        with self.fresh() as server:
            body = json.dumps({"model": "broken", "messages": MESSAGES, "max_tokens": 9})
            post = lambda: server.request("POST", "/v1/chat/completions", body, {"Content-Type": "application/json"})
            asked = lambda: sum(path == "/v1/chat/completions" for path, _, _ in self.upstream.requests)
            self.upstream.faults.extend(["reset", ""] * 5)  # the fallback answers each
            for _ in range(5):
                self.assertEqual(post().status, 200)
            self.assertEqual(asked(), 5)
            self.assertEqual(post().status, 200)
            self.assertEqual(asked(), 5, "the breaker is open")
            deadline = time.monotonic() + 30
            while asked() == 5:  # half-open: one probe, which closes it
                self.assertEqual(post().status, 200)
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.05)
            for _ in range(3):
                self.assertEqual(post().status, 200)
            self.assertEqual(asked(), 9)

    def test_weights_are_kept_and_sessions_stay(self):
        self.upstream.requests.clear()
        for _ in range(120):
            self.assertEqual(self.post("/v1/chat/completions", "both").status, 200)
        left = sum(body["model"] == "mock-left" for _, _, body in self.upstream.requests)
        self.assertTrue(65 <= left <= 110, left)  # 90 expected, 5 standard deviations around it
        self.upstream.requests.clear()
        for i in range(40):
            self.post("/v1/chat/completions", "both", prompt_cache_key=f"session-{i % 10}")
        where = {}
        for _, _, body in self.upstream.requests:
            where.setdefault(body["prompt_cache_key"], set()).add(body["model"])
        self.assertEqual({len(models) for models in where.values()}, {1})
        self.assertEqual(len(set.union(*where.values())), 2)

    def test_hangs_end_at_their_time(self):
        with self.fresh() as server:
            for fault, stream in (("hang", True), ("hang@0", True)):
                self.upstream.faults.append(fault)
                body = json.dumps({"model": "once", "messages": MESSAGES, "stream": stream})
                reply = server.request("POST", "/v1/chat/completions", body, {"Content-Type": "application/json"})
                self.assertEqual(reply.status, 504, reply.body)
                self.assertEqual(reply.json["error"]["code"], "timeout")
            self.upstream.faults.append("hang@5")
            body = json.dumps({"model": "once-claude", "messages": MESSAGES, "stream": True, "max_tokens": 100})
            reply = server.request("POST", "/v1/messages", body, {"Content-Type": "application/json"})
            self.assertEqual(reply.status, 200)
            self.assertEqual(events(reply.body)[-1]["error"]["type"], "timeout_error")

    def test_a_client_that_hangs_up_is_billed_by_the_providers_figures(self):
        self.upstream.words = WORDS * 50
        try:
            for path, model in (("/v1/chat/completions", "gpt"), ("/v1/messages", "claude"), ("/v1/messages", "gpt"),
                                ("/v1/chat/completions", "claude")):
                for at in (b"HTTP/1.1 200", b"quick", b"lazy"):
                    with self.subTest(path=path, model=model, at=at):
                        self.before = self.rows()
                        self.upstream.counted.clear()
                        self.hang_up(path, model, at)
                        row, = self.new_rows(1)
                        self.assertIn(row[1], ("cancelled", "ok"))  # ok: the last byte was on its way already
                        self.assertEqual((row[2], row[4]), (model, 0), row)
                        self.assertEqual(Buckets(dict(zip(BUCKETS, row[5:]))), +self.upstream.counted)
        finally:
            self.upstream.words = WORDS

    def hang_up(self, path, model, at):
        body = {"model": model, "messages": MESSAGES, "stream": True}
        if path == "/v1/messages":
            body["max_tokens"] = 10_000
        connection = self.server.connect()
        connection.request("POST", path, json.dumps(body), {"Authorization": f"Bearer {self.server.key}"})
        seen = b""
        while at not in seen:
            piece = connection.sock.recv(200)
            self.assertTrue(piece, seen)
            seen += piece
        connection.close()

    def test_a_client_that_hangs_up_before_the_answer_is_billed_for_its_prompt_alone(self):
        self.upstream.faults.append("hang")
        connection = self.server.connect()
        body = json.dumps({"model": "once", "messages": MESSAGES})
        connection.request("POST", "/v1/chat/completions", body, {"Authorization": f"Bearer {self.server.key}"})
        self.assertTrue(self.upstream.waiting.wait(10))
        connection.close()
        row, = self.new_rows(1)
        self.assertEqual((row[1], row[4], row[9]), ("cancelled", 1, 0), row)
        self.assertGreater(row[5], 0)

    def test_a_reply_without_figures_is_counted_here(self):
        self.upstream.faults_of["mock-gpt"] = "no-usage"
        for stream in (False, True):
            self.before = self.rows()
            self.assertEqual(self.post("/v1/chat/completions", "gpt", stream).status, 200)
            row, = self.new_rows(1)
            self.assertEqual((row[1], row[4]), ("ok", 1))
            self.assertTrue(5 <= row[9] <= 30, row)

    def test_an_answer_is_given_again_within_its_workspace_alone(self):
        for stream in (False, True):
            for path in ("/v1/chat/completions", "/v1/messages"):
                with self.subTest(stream=stream, path=path):
                    self.before = self.rows()
                    self.upstream.requests.clear()
                    first = self.post(path, "kept", stream)
                    again = self.post(path, "kept", stream)
                    self.assertEqual((first.status, first.headers.get("x-acloud-cache")), (200, None))
                    self.assertEqual((again.body, again.headers["x-acloud-cache"]), (first.body, "hit"))
                    self.assertEqual(again.headers["content-type"], first.headers["content-type"])
                    self.assertEqual(len(self.upstream.requests), 1)
                    self.assertEqual(len(self.new_rows(1)), 1, "what is given again is not billed")
        workspace = self.server.call("workspace.create", {"name": "other"}).json["id"]
        key = self.server.call("key.create", {"name": "k", "workspace": workspace}).json["key"]
        body = json.dumps({"model": "kept", "messages": MESSAGES, "stream": False})
        other = self.server.request("POST", "/v1/chat/completions", body, {"Content-Type": "application/json"}, key)
        self.assertEqual((other.status, other.headers.get("x-acloud-cache")), (200, None), other.body)
        self.upstream.faults.append((400, {}, {"error": {"message": "no", "type": "x"}}))
        self.assertEqual(self.post("/v1/chat/completions", "kept", user="x").status, 400)
        self.assertEqual(self.post("/v1/chat/completions", "kept", user="x").status, 200, "errors are not kept")

    def test_what_one_target_cannot_take_goes_to_another(self):
        for _ in range(10):
            reply = self.post("/v1/chat/completions", "mixed", seed=7)  # Anthropic's dialect has no seed
            self.assertEqual(reply.status, 200, reply.body)
        self.assertEqual({path for path, _, _ in self.upstream.requests}, {"/v1/chat/completions"})
        refused = self.post("/v1/chat/completions", "claude", seed=7)
        self.assertEqual((refused.status, refused.json["error"]["param"]), (400, "seed"), refused.body)

    def test_half_a_body_is_tried_again(self):
        self.upstream.faults.append("half-body")
        self.assertEqual(self.post("/v1/chat/completions", "gpt").json["choices"][0]["message"]["content"], TEXT)
        self.assertEqual(len(self.upstream.requests), 2)

    def test_a_stream_of_ten_thousand_chunks(self):
        self.upstream.words = ["word "] * 10_000
        try:
            for path, model in (("/v1/chat/completions", "gpt"), ("/v1/messages", "gpt")):
                self.before = self.rows()
                reply = self.post_long(path, model)
                self.assertEqual(reply.body.count(b"word "), 10_000)
                row, = self.new_rows(1)
                self.assertEqual(row[9], 10_000)
        finally:
            self.upstream.words = WORDS

    def post_long(self, path, model):
        body = {"model": model, "messages": MESSAGES, "stream": True, "max_tokens": 20_000}
        return self.server.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})

    def test_large_bodies_cost_little_memory(self):
        before = self.server.memory("VmRSS")
        piece = b"x" * (1 << 20)
        connection = self.server.connect(timeout=100)
        head, tail = b'{"messages":[{"role":"user","content":"', b'"}],"model":"gpt"}'
        connection.putrequest("POST", "/v1/chat/completions")
        connection.putheader("Authorization", f"Bearer {self.server.key}")
        connection.putheader("Content-Length", str(len(head) + 200 * len(piece) + len(tail)))
        connection.endheaders(head)
        for _ in range(200):
            connection.send(piece)
        connection.send(tail)
        reply = connection.getresponse()
        self.assertEqual(reply.status, 200, reply.read())
        reply.read()
        connection.close()
        self.assertEqual(int(self.upstream.requests[-1][1]["content-length"]),
                         len(head) + 200 * len(piece) + len(tail) + len("mock-"))
        self.assertLess(self.server.memory("VmHWM") - before, 40 << 20)

    def test_a_large_reply_goes_on_as_it_comes(self):
        self.upstream.words = ["word " * 200] * 4000
        try:
            reply = self.post("/v1/chat/completions", "gpt")
            self.assertEqual(len(reply.json["choices"][0]["message"]["content"]), 4_000_000)
            row, = self.new_rows(1)
            self.assertEqual((row[4], row[9]), (0, 4000))
        finally:
            self.upstream.words = WORDS


if __name__ == "__main__":
    unittest.main()
