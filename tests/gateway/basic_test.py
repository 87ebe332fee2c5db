"""The gateway with one provider of each dialect: what passes through, what is asked for, what is counted."""

import json
import os
import unittest

from support.server import Server
from support.upstream import CACHED, INPUT, TEXT, WORDS, WRITTEN, Upstream

MESSAGES = [{"role": "user", "content": "Hello"}]


def events(body):
    """The data of each event, parsed; "[DONE]" as it is."""
    found = []
    for block in body.decode().split("\n\n"):
        data = [line[6:] for line in block.split("\n") if line.startswith("data: ")]
        if data:
            found.append(data[0] if data[0] == "[DONE]" else json.loads(data[0]))
    return found


class Gateway(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.upstream = Upstream().__enter__()
        cls.server = Server(config=cls.upstream.config(), environment={"MOCK_KEY": "sk-upstream"},
                            flags=["--log", "warn"]).start()

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()
        cls.upstream.__exit__()

    def setUp(self):
        self.upstream.requests.clear()

    def post(self, path, body, **headers):
        return self.server.request("POST", path, json.dumps(body), {"Content-Type": "application/json", **headers})

    def chat(self, **fields):
        return self.post("/v1/chat/completions", {"model": "gpt", "messages": MESSAGES, **fields})

    def test_models_are_listed(self):
        models = self.server.request("GET", "/v1/models").json
        self.assertEqual([m["id"] for m in models["data"]], ["gpt", "claude", "acloud-tiny", "acloud-embed"])
        self.assertEqual(self.server.request("GET", "/v1/models/gpt").json["object"], "model")
        self.assertEqual(self.server.request("GET", "/v1/models/nope").status, 404)
        self.assertEqual([m["name"] for m in self.server.call("model.list").json["items"]], ["gpt", "claude", "acloud-tiny", "acloud-embed"])
        anthropic = self.server.request("GET", "/v1/models", headers={"anthropic-version": "2023-06-01"}).json
        self.assertEqual(anthropic["data"][0]["type"], "model")
        page = self.server.call("model.list", {"limit": 1}).json
        self.assertEqual(self.server.call("model.list", {"cursor": page["next_cursor"]}).json["items"][0]["name"], "claude")

    def test_a_chat_passes_as_it_came(self):
        odd = {"x-unknown": {"kept": [1, 2.50, None]}, "temperature": 0.10, "user": "é\n\"中\""}
        reply = self.chat(**odd)
        self.assertEqual(reply.status, 200, reply.body)
        self.assertEqual(reply.json["choices"][0]["message"]["content"], TEXT)
        self.assertIn("x-request-id", reply.headers)
        path, headers, body = self.upstream.requests[0]
        self.assertEqual(path, "/v1/chat/completions")
        self.assertEqual(body, {"model": "mock-gpt", "messages": MESSAGES, **odd})
        self.assertEqual(headers["authorization"], "Bearer sk-upstream")
        self.assertNotIn(self.server.key, json.dumps(headers))

    def test_usage_is_asked_for_and_kept_from_who_did_not_ask(self):
        quiet = self.chat(stream=True)
        self.assertEqual(quiet.headers["content-type"], "text/event-stream; charset=utf-8")
        got = events(quiet.body)
        self.assertEqual("".join(e["choices"][0]["delta"].get("content", "") for e in got[:-1]), TEXT)
        self.assertEqual(got[-1], "[DONE]")
        self.assertFalse([e for e in got[:-1] if not e["choices"]])
        self.assertEqual(self.upstream.requests[0][2]["stream_options"], {"include_usage": True})
        asked = events(self.chat(stream=True, stream_options={"include_usage": True}).body)
        self.assertEqual(asked[-2]["usage"]["prompt_tokens"], INPUT)
        other = events(self.chat(stream=True, stream_options={"include_usage": False, "other": 1}).body)
        self.assertTrue(all(e["choices"] for e in other[:-1]))
        self.assertEqual(self.upstream.requests[2][2]["stream_options"], {"include_usage": True, "other": 1})

    def test_messages_pass_as_they_came(self):
        body = {"model": "claude", "max_tokens": 100, "messages": MESSAGES, "system": [
            {"type": "text", "text": "Be kind.", "cache_control": {"type": "ephemeral"}}]}
        reply = self.post("/v1/messages?beta=true", body, **{"anthropic-version": "2026-10-21", "anthropic-beta": "x,y"})
        self.assertEqual(reply.status, 200, reply.body)
        self.assertEqual(reply.json["content"][0]["text"], TEXT)
        self.assertIn("request-id", reply.headers)
        path, headers, sent = self.upstream.requests[0]
        self.assertEqual(path, "/v1/messages?beta=true")
        self.assertEqual(sent, {**body, "model": "mock-claude"})
        self.assertEqual((headers["x-api-key"], headers["anthropic-version"], headers["anthropic-beta"]),
                         ("sk-upstream", "2026-10-21", "x,y"))
        streamed = events(self.post("/v1/messages", {**body, "stream": True}).body)
        self.assertEqual(streamed[0]["type"], "message_start")
        self.assertEqual(streamed[-1]["type"], "message_stop")
        self.assertEqual(self.post("/v1/messages/count_tokens", body).json, {"input_tokens": INPUT})

    def test_embeddings_pass(self):
        reply = self.post("/v1/embeddings", {"model": "gpt", "input": ["a", "b"], "encoding_format": "base64"})
        self.assertEqual(len(reply.json.get("data", [])), 2, reply.body)
        self.assertIsInstance(reply.json["data"][0]["embedding"], str)

    def test_errors_have_the_dialects_form(self):
        for body, status, code in (({"model": "nope", "messages": MESSAGES}, 404, "model_not_found"),
                                   ({"messages": MESSAGES}, 400, None),
                                   ({"model": 7, "messages": MESSAGES}, 400, None)):
            reply = self.post("/v1/chat/completions", body)
            self.assertEqual((reply.status, reply.json["error"]["code"]), (status, code), reply.body)
            self.assertEqual(set(reply.json["error"]), {"message", "type", "param", "code"})
            reply = self.post("/v1/messages", body)
            self.assertEqual((reply.status, reply.json["type"]), (status, "error"))
            self.assertEqual(set(reply.json), {"type", "error", "request_id"})
        for raw in (b"", b"[]", b"{", b'{"model":"gpt","model":"claude"}', b"\xff"):
            self.assertEqual(self.server.request("POST", "/v1/chat/completions", raw).status, 400, raw)
        wrong = self.server.request("POST", "/v1/chat/completions", b"{}", key="acloud_" + "0" * 40)
        self.assertEqual((wrong.status, wrong.json["error"]["code"]), (401, "invalid_api_key"))
        wrong = self.server.request("POST", "/v1/messages", b"{}", key="")
        self.assertEqual((wrong.status, wrong.json["error"]["type"]), (401, "authentication_error"))
        self.assertEqual(self.server.request("GET", "/v1/nothing").json["error"]["type"], "invalid_request_error")

    def test_an_upstreams_refusal_passes_as_it_came(self):
        refusal = {"error": {"message": "max_tokens is too large", "type": "invalid_request_error", "param": "max_tokens",
                             "code": "too_big", "extra": 1}}
        self.upstream.faults.append((400, {}, refusal))
        reply = self.chat()
        self.assertEqual((reply.status, reply.json), (400, refusal))
        self.upstream.faults.append((401, {}, {"error": {"message": "Incorrect API key sk-upstream"}}))
        self.upstream.faults_of["mock-gpt"] = (401, {}, {"error": {"message": "Incorrect API key sk-upstream"}})
        try:
            reply = self.chat()
        finally:
            del self.upstream.faults_of["mock-gpt"]
        self.assertEqual(reply.status, 503)
        self.assertNotIn("sk-upstream", reply.body.decode())

    def test_the_neutral_form(self):
        reply = self.server.call("model.chat", {"model": "gpt", "messages": MESSAGES}).json
        self.assertEqual(reply["message"]["content"], TEXT)
        self.assertEqual(reply["finish_reason"], "stop")
        self.assertEqual(reply["tokens"], {"input_uncached": INPUT - CACHED, "cache_read": CACHED, "cache_write_5m": 0,
                                           "cache_write_1h": 0, "output": len(WORDS), "reasoning": 0})
        streamed = self.server.call("model.chat", {"model": "gpt", "messages": MESSAGES}, headers={"Accept": "text/event-stream"})
        got = events(streamed.body)
        self.assertEqual("".join(e.get("content", "") for e in got[:-1]), TEXT)
        self.assertEqual(got[-1]["message"]["content"], TEXT)
        embedded = self.server.call("model.embed", {"model": "gpt", "input": ["a", "b"]}).json
        self.assertEqual(embedded["embeddings"], [[0.25, -0.5, 1.0, 0.125]] * 2)

    def test_metrics_have_the_names_that_dashboards_know(self):
        self.chat(stream=True)
        text = self.server.request("GET", "/metrics", key="").body.decode()
        for name in ("gen_ai_client_operation_duration_seconds", "gen_ai_server_time_to_first_token_seconds",
                     "gen_ai_client_token_usage", "acloud_gateway_overhead_seconds"):
            self.assertRegex(text, rf"(?m)^{name}_count\{{.*gen_ai_request_model=\"gpt\".*\}} [1-9]")


if __name__ == "__main__":
    unittest.main()
