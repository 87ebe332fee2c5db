"""Traces and figures as a collector gets them, and what becomes of calls when the collector is away, slow or refusing."""

import json
import os
import shutil
import statistics
import subprocess
import time
import unittest

from gateway.basic_test import MESSAGES
from support.collector import Collector
from support.ports import refusing_port
from support.scripted import Scripted
from support.server import Server
from support.tasks import end_of
from support.upstream import TEXT, Upstream

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"
INTERNAL, SERVER, CLIENT = 1, 2, 3


def telemetry(collector, **settings):
    settings = {"endpoint": collector.url, "spans_every_s": 0.05, "metrics_every_s": 0.2, **settings}
    return "[telemetry]\n" + "".join(f"{name} = {json.dumps(value)}\n" for name, value in settings.items())


class Case(unittest.TestCase):
    def setUp(self):
        self.upstream = self.enterContext(Upstream())
        self.collector = self.enterContext(Collector())

    def serve(self, models=None, more="", **settings):
        headers = settings.pop("headers", {})
        config = self.upstream.config(models) + more + telemetry(self.collector, **settings)
        if headers:
            config += "[telemetry.headers]\n" + "".join(f'{k} = "{v}"\n' for k, v in headers.items())
        self.server = self.enterContext(Server(config=config, environment={"MOCK_KEY": "k", "OTLP_TOKEN": "Bearer-of-traces"}))
        return self.server

    def chat(self, path="/v1/chat/completions", headers=None, **body):
        body = {"model": "gpt", "messages": MESSAGES, **body}
        return self.server.request("POST", path, json.dumps(body), headers or {})

    def tearDown(self):
        self.assertEqual(self.collector.wrong, [])


class Spans(Case):
    def test_a_call_its_model_and_the_request_to_the_provider(self):
        self.serve()
        reply = self.chat(headers={"traceparent": TRACEPARENT, "tracestate": "vendor=1"}, temperature=0.5, max_tokens=50)
        self.assertEqual(reply.status, 200)
        self.collector.wait(lambda c: len(c.spans) >= 3)
        (call,), (model,), (post,) = map(self.collector.named, ("model.chat", "chat gpt", "POST"))
        for span in (call, model, post):
            self.assertEqual(span.trace, TRACE)
            self.assertEqual(span.raw["traceState"], "vendor=1")
            self.assertFalse(span.failed)
        self.assertEqual([call.parent, model.parent, post.parent], [PARENT, call.id, model.id])
        self.assertEqual([call.kind, model.kind, post.kind], [SERVER, CLIENT, CLIENT])
        self.assertEqual(call.raw["flags"], 0x301)  # its parent is elsewhere
        self.assertEqual(model.raw["flags"], 0x101)
        self.assertLessEqual(call.began, model.began)
        self.assertLessEqual(model.began, post.began)
        self.assertEqual(call.attributes, {
            "acloud.operation": "model.chat", "acloud.request_id": reply.headers["x-request-id"], "acloud.resource": "model/gpt",
            "acloud.workspace": "default", "acloud.principal": "root"})
        used = self.upstream.counted
        self.assertEqual(model.attributes, {
            "gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt", "gen_ai.request.temperature": 0.5,
            "gen_ai.request.max_tokens": 50, "gen_ai.provider.name": "oai", "gen_ai.response.model": "mock-gpt",
            "gen_ai.response.id": "chatcmpl-1", "gen_ai.response.finish_reasons": ["stop"],
            "server.address": "127.0.0.1", "server.port": self.upstream.port,
            "gen_ai.usage.input_tokens": used["input_uncached"] + used["cache_read"],
            "gen_ai.usage.cache_read.input_tokens": used["cache_read"], "gen_ai.usage.output_tokens": used["output"]})
        self.assertEqual(post.attributes, {
            "http.request.method": "POST", "url.full": f"{self.upstream.url}/v1/chat/completions",
            "server.address": "127.0.0.1", "server.port": self.upstream.port, "http.response.status_code": 200,
            "acloud.provider": "oai", "acloud.model": "gpt", "acloud.upstream_model": "mock-gpt"})
        # The provider is told of the request's own span.
        _, headers, _ = self.upstream.requests[-1]
        self.assertEqual(headers["traceparent"], f"00-{TRACE}-{post.id}-01")
        self.assertEqual(headers["tracestate"], "vendor=1")
        self.assertEqual(self.collector.resource["service.name"], "acloud")

    def test_every_dialect_and_stream_gives_the_same_spans(self):
        self.serve()
        # In the words of the provider's dialect, also where the reply is translated.
        openai, anthropic = ("chatcmpl-1", ["stop"]), ("msg_1", ["end_turn"])
        for path, body, model, operation, ended in (
                ("/v1/chat/completions", {"stream": True}, "gpt", "chat", openai),
                ("/v1/chat/completions", {"stream": True}, "claude", "chat", anthropic),
                ("/v1/chat/completions", {}, "claude", "chat", anthropic),
                ("/v1/responses", {"input": "hi", "messages": None, "stream": True}, "gpt", "chat", openai),
                ("/v1/messages", {"max_tokens": 20, "stream": True}, "claude", "chat", anthropic),
                ("/v1/messages", {"max_tokens": 20}, "claude", "chat", anthropic),
                ("/v1/messages/count_tokens", {}, "claude", "count_tokens", None),
                ("/v1/embeddings", {"input": ["a"], "messages": None}, "gpt", "embeddings", None)):
            body = {k: v for k, v in {"model": model, "messages": MESSAGES, **body}.items() if v is not None}
            self.collector.spans.clear()
            reply = self.server.request("POST", path, json.dumps(body))
            self.assertEqual(reply.status, 200, reply.body)
            self.collector.wait(lambda c: len(c.spans) >= 3)
            span, = self.collector.named(f"{operation} {model}")
            self.assertEqual(span.attributes["gen_ai.operation.name"], operation)
            if body.get("stream"):
                self.assertTrue(span.attributes["gen_ai.request.stream"])
                self.assertGreater(span.attributes["gen_ai.response.time_to_first_chunk"], 0)
            self.assertEqual("gen_ai.usage.input_tokens" in span.attributes, operation != "count_tokens")
            said = (span.attributes.get("gen_ai.response.id"), span.attributes.get("gen_ai.response.finish_reasons"))
            self.assertEqual(said, ended if operation == "chat" else (None, None), path)

    def test_each_attempt_and_a_failure_has_its_span(self):
        more = ('[[model]]\nname = "shaky"\ntargets = [{ provider = "oai", model = "bad" }]\nretries = 1\nfallback = ["claude"]\n')
        self.serve(more=more)
        self.upstream.faults_of["bad"] = (503, {}, b"{}")
        self.assertEqual(self.chat(model="shaky").status, 200)
        self.collector.wait(lambda c: len(c.named("POST")) >= 3 and c.named("model.chat"))
        posts = self.collector.named("POST")
        self.assertEqual([post.attributes.get("http.request.resend_count", 0) for post in posts], [0, 1, 2])
        self.assertEqual([post.attributes["http.response.status_code"] for post in posts], [503, 503, 200])
        self.assertEqual([post.attributes.get("error.type") for post in posts], ["503", "503", None])
        self.assertEqual([post.failed for post in posts], [True, True, False])
        model, = self.collector.named("chat shaky")
        self.assertEqual(model.attributes["gen_ai.provider.name"], "ant")
        self.assertFalse(model.failed)

        self.collector.spans.clear()
        self.upstream.faults_of["mock-claude"] = "reset"
        self.assertEqual(self.chat(model="claude").status, 503)
        self.collector.wait(lambda c: c.named("model.chat"))
        for name in ("model.chat", "chat claude"):
            span, = self.collector.named(name)
            self.assertTrue(span.failed)
            self.assertEqual(span.attributes["error.type"], "unavailable")
        self.assertNotIn("message", self.collector.named("chat claude")[0].raw["status"])

    def test_a_client_that_leaves_ends_its_spans(self):
        config = self.upstream.config(hang_up_time_s=0.2) + telemetry(self.collector)
        self.server = self.enterContext(Server(config=config, environment={"MOCK_KEY": "k"}))
        self.upstream.faults.append("hang@5")
        connection = self.server.connect()
        body = {"model": "gpt", "messages": MESSAGES, "stream": True}
        connection.request("POST", "/v1/chat/completions", json.dumps(body), {"Authorization": f"Bearer {self.server.key}"})
        response = connection.getresponse()
        seen = b""
        while b"quick" not in seen:
            seen += response.read1()
        connection.close()
        self.collector.wait(lambda c: c.named("model.chat"))
        for name in ("model.chat", "chat gpt", "POST"):
            span, = self.collector.named(name)
            self.assertEqual(span.attributes["error.type"], "cancelled", name)
        self.assertTrue(self.collector.named("chat gpt")[0].attributes["acloud.usage.estimated"])

    def test_a_call_without_a_trace_begins_one_and_refused_calls_are_told(self):
        self.serve()
        self.chat(headers={"traceparent": "00-nonsense"})
        self.assertEqual(self.server.call("object.get", {"bucket": "none", "key": "k"}).code, "not_found")
        self.collector.wait(lambda c: c.named("object.get") and c.named("model.chat"))
        call, = self.collector.named("object.get")
        self.assertEqual(call.attributes["error.type"], "not_found")
        self.assertIsNone(call.parent)
        self.assertIsNone(self.collector.named("model.chat")[0].parent)
        self.assertNotEqual(call.trace, self.collector.named("model.chat")[0].trace)

    def test_a_call_over_mcp_is_a_part_of_its_clients_trace(self):
        self.serve()
        meta = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "traceparent": TRACEPARENT,
                "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
                "io.modelcontextprotocol/clientCapabilities": {}}
        params = {"name": "model_chat", "arguments": {"model": "gpt", "messages": MESSAGES}, "_meta": meta}
        headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream",
                   "MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call", "Mcp-Name": "model_chat"}
        request = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        reply = self.server.request("POST", "/mcp/model", json.dumps(request), headers)
        self.assertIn(TEXT, reply.body.decode())
        self.collector.wait(lambda c: c.named("model.chat"))
        call, = self.collector.named("model.chat")
        self.assertEqual((call.trace, call.parent), (TRACE, PARENT))

    def test_only_sampled_traces_are_kept(self):
        self.serve(sample_ratio=0.0)
        for flag in ("00", "01"):
            self.chat(headers={"traceparent": f"00-{TRACE}-{PARENT}-{flag}"})
            _, headers, _ = self.upstream.requests[-1]
            self.assertRegex(headers["traceparent"], rf"^00-{TRACE}-[0-9a-f]{{16}}-{flag}$")
        self.chat()
        self.collector.wait(lambda c: len(c.spans) >= 3)
        self.server.stop()
        self.assertEqual({span.trace for span in self.collector.spans}, {TRACE})
        self.assertEqual(len(self.collector.spans), 3)

    def test_headers_come_from_the_environment(self):
        self.serve(headers={"authorization": "env:OTLP_TOKEN"})
        self.chat()
        self.collector.wait(lambda c: c.spans)
        self.assertEqual(self.collector.requests[0][1]["authorization"], "Bearer-of-traces")

    def test_a_literal_header_is_refused(self):
        config = telemetry(self.collector) + '[telemetry.headers]\nauthorization = "Bearer abc"\n'
        server = Server(config=config)
        with self.assertRaisesRegex(RuntimeError, "telemetry.headers.authorization"):
            server.start()
        server.process.stderr.close()
        server.process = None  # it has ended by itself

    def test_without_a_collector_the_callers_trace_goes_on_as_it_came(self):
        self.server = self.enterContext(Server(config=self.upstream.config(), environment={"MOCK_KEY": "k"}))
        self.chat(headers={"traceparent": TRACEPARENT, "tracestate": "vendor=1"})
        _, headers, _ = self.upstream.requests[-1]
        self.assertEqual((headers["traceparent"], headers["tracestate"]), (TRACEPARENT, "vendor=1"))
        self.chat()
        self.assertNotIn("traceparent", self.upstream.requests[-1][1])


OTLP = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "otlp")


@unittest.skipUnless(shutil.which("node") and os.path.isdir(os.path.join(OTLP, "node_modules")),
                     "needs node and the packages of tests/otlp (scripts/setup)")
class Protobuf(Case):
    def test_opentelemetrys_own_messages_hold_all_that_is_sent(self):
        self.serve(content=True)
        for fields in ({}, {"stream": True}, {"model": "claude", "temperature": 0.5}):
            self.assertEqual(self.chat(headers={"traceparent": TRACEPARENT, "tracestate": "a=1"}, **fields).status, 200)
        self.upstream.faults.append("reset")
        self.assertEqual(self.chat().status, 200)
        self.collector.wait(lambda c: len(c.named("model.chat")) == 4 and c.metrics)
        requests = list(self.collector.requests)  # more come meanwhile
        sent = json.dumps([[path, json.loads(body)] for path, _, body in requests])
        read = subprocess.run(["node", "decode.mjs"], cwd=OTLP, input=sent, capture_output=True, text=True, check=False)
        self.assertEqual(read.returncode, 0, read.stdout + read.stderr)
        self.assertIn(f"{len(requests)} requests, 0 differ", read.stdout)


class Content(Case):
    SECRET = "the-word-nobody-else-says"

    def ask(self):
        ask = [{"role": "system", "content": "Be short."}, {"role": "user", "content": self.SECRET}]
        self.assertEqual(self.chat(messages=ask).status, 200)
        self.assertEqual(self.chat(messages=ask, stream=True).status, 200)
        # An error that speaks of the request, on either side.
        self.upstream.faults_of["mock-claude"] = (400, {}, json.dumps({"error": {"message": self.SECRET}}).encode())
        self.assertEqual(self.chat(model="claude", messages=ask).status, 400)
        self.assertEqual(self.server.call("model.chat", {"model": "gpt", "messages": self.SECRET}).status, 400)
        self.collector.wait(lambda c: len(c.named("model.chat")) >= 4)

    def test_prompts_are_neither_sent_nor_logged(self):
        self.serve()
        self.ask()
        self.server.stop()
        sent = b"".join(body for *_, body in self.collector.requests)
        for word in (self.SECRET, "Be short", TEXT):
            self.assertNotIn(word.encode(), sent)
            self.assertNotIn(word, "".join(self.server.log))

    def test_prompts_are_sent_as_the_conventions_have_it_where_the_operator_wants_it(self):
        self.serve(content=True)
        self.ask()
        spans = [span.attributes for span in self.collector.named("chat gpt") if not span.failed]
        self.assertEqual(len(spans), 2)
        for attributes in spans:
            self.assertEqual(json.loads(attributes["gen_ai.system_instructions"]), [{"type": "text", "content": "Be short."}])
            self.assertEqual(json.loads(attributes["gen_ai.input.messages"]),
                             [{"role": "user", "parts": [{"type": "text", "content": self.SECRET}]}])
            self.assertEqual(json.loads(attributes["gen_ai.output.messages"]),
                             [{"role": "assistant", "parts": [{"type": "text", "content": TEXT}], "finish_reason": "stop"}])
        self.assertNotIn(self.SECRET, "".join(self.server.log))


class Figures(Case):
    def test_are_those_of_prometheus_under_the_names_of_opentelemetry(self):
        self.serve()
        self.chat()
        self.chat(stream=True)
        self.upstream.faults.append((400, {}, b"{}"))
        self.chat()
        by_model = {"gen_ai_operation_name": "chat", "gen_ai_request_model": "gpt"}
        asked = {**by_model, "gen_ai_provider_name": "oai"}

        def all_there(collector):
            points = [collector.point("gen_ai.client.operation.duration", **asked),
                      collector.point("gen_ai.client.operation.duration", **asked, error_type="invalid_argument"),
                      collector.point("gen_ai.client.token.usage", **asked, gen_ai_token_type="input"),
                      collector.point("gen_ai.client.token.usage", **asked, gen_ai_token_type="output"),
                      collector.point("gen_ai.server.request.duration", **by_model),
                      collector.point("gen_ai.server.time_to_first_token", **asked),
                      collector.point("acloud_gateway_overhead", **by_model)]
            return points if all(points) else None
        points = self.collector.wait(all_there)
        self.assertEqual([int(point["count"]) for point in points], [2, 1, 2, 2, 2, 1, 3])
        used = self.upstream.counted
        self.assertEqual(points[2]["sum"], used["input_uncached"] + used["cache_read"])
        self.assertEqual(points[3]["sum"], used["output"])
        self.assertEqual({name: self.collector.metrics[name]["unit"] for name in (
            "gen_ai.client.token.usage", "gen_ai.client.operation.duration", "acloud_gateway_overhead", "acloud_calls")},
            {"gen_ai.client.token.usage": "{token}", "gen_ai.client.operation.duration": "s", "acloud_gateway_overhead": "s",
             "acloud_calls": "1"})
        shown = self.server.request("GET", "/metrics", key="").body.decode()
        for name in ("gen_ai_client_operation_duration_seconds_count", "gen_ai_client_token_usage_sum",
                     "gen_ai_server_request_duration_seconds_bucket", "acloud_telemetry_spans_sent_total"):
            self.assertRegex(shown, rf"(?m)^{name}")


class Tasks(Case):
    def test_steps_are_spans_of_their_tasks_trace(self):
        model = self.enterContext(Scripted())
        self.server = self.enterContext(Server(config=model.config() + telemetry(self.collector), environment={"MOCK_KEY": "k"}))
        self.assertEqual(self.server.call("queue.create", {"name": "out"}).status, 200)
        goal = {"turns": [[["queue_send", {"name": "out", "body": "hello"}]]], "answer": "sent"}
        agent = {"instructions": "Send it.", "model": "scripted", "tools": ["queue.send"]}
        task = self.server.call("task.run", {"agent": agent, "goal": json.dumps(goal)}).json
        self.assertEqual(end_of(self.server, task["id"], 30)["state"], "succeeded")
        self.collector.wait(lambda c: c.named("invoke_agent"))
        root, = self.collector.named("invoke_agent")
        self.assertEqual(root.attributes["acloud.task"], task["id"])
        self.assertIsNone(root.parent)
        self.collector.wait(lambda c: any(s.trace == root.trace and s.name == "chat scripted" for s in c.spans))
        own = [span for span in self.collector.spans if span.trace == root.trace]
        by_id = {span.id: span for span in own}
        chats = [span for span in own if span.name == "model.chat"]
        self.assertTrue(chats)
        self.assertTrue(all(span.parent == root.id and span.kind == INTERNAL for span in chats))
        tool, = [span for span in own if span.name == "execute_tool queue.send"]
        self.assertEqual(tool.parent, root.id)
        self.assertEqual(tool.attributes["gen_ai.tool.name"], "queue.send")
        send, = [span for span in own if span.name == "queue.send"]
        self.assertEqual(send.parent, tool.id)
        self.assertTrue(all(span.parent in by_id for span in own if span is not root))
        self.assertTrue(all(root.began <= span.began and span.ended <= root.ended for span in own))


class Faults(Case):
    def metric(self, name):
        for line in self.server.request("GET", "/metrics", key="").body.decode().splitlines():
            if line.startswith(name + " "):
                return float(line.split()[1])
        return None

    def wait_metric(self, name, at_least):
        deadline = time.monotonic() + 30
        while (self.metric(name) or 0) < at_least:
            self.assertLess(time.monotonic(), deadline, name)
            time.sleep(0.02)

    def test_a_collector_that_is_not_there_costs_nothing_but_spans(self):
        self.serve(endpoint=f"http://127.0.0.1:{self.enterContext(refusing_port())}")
        for _ in range(20):
            self.assertEqual(self.chat().status, 200)
        self.wait_metric("acloud_telemetry_failures_total", 5)  # of both kinds by then
        self.assertEqual(self.metric("acloud_telemetry_spans_sent_total"), 0)
        for signal in ("traces", "metrics"):
            told = [line for line in self.server.log if "collector does not take" in line and f'"{signal}"' in line]
            self.assertEqual(len(told), 1, self.server.log)
        began = time.monotonic()
        self.assertEqual(self.server.stop(), 0)
        self.assertLess(time.monotonic() - began, 8)

    def test_a_collector_that_refuses_is_asked_once(self):
        self.serve(metrics_every_s=3600)
        self.collector.always = (400, {})
        self.chat()
        self.wait_metric('acloud_telemetry_spans_dropped_total{reason="refused"}', 3)
        self.assertEqual(len(self.collector.requests), len({body for *_, body in self.collector.requests}))

    def test_a_collector_that_asks_for_time_gets_the_same_after_it(self):
        self.serve(metrics_every_s=3600)
        self.collector.faults.append((503, {"retry-after": "1"}))
        began = time.monotonic()
        self.chat()
        self.collector.wait(lambda c: c.named("model.chat"))
        self.assertGreaterEqual(time.monotonic() - began, 1)
        bodies = [body for *_, body in self.collector.requests]
        self.assertEqual(bodies[0], bodies[1])

    def test_a_collector_that_comes_back_gets_what_waited(self):
        self.serve(metrics_every_s=3600)
        self.collector.faults.extend(["close", (502, {}), (429, {"retry-after": "0"})])
        self.chat()
        self.collector.wait(lambda c: c.named("model.chat"))
        self.wait_metric("acloud_telemetry_spans_sent_total", 3)
        self.assertEqual(len(self.collector.spans), 3)

    def calls_take(self, number):
        times = []
        connection = self.server.connect()
        body = json.dumps({"model": "gpt", "messages": MESSAGES})
        for _ in range(number):
            began = time.monotonic()
            connection.request("POST", "/v1/chat/completions", body, {"Authorization": f"Bearer {self.server.key}"})
            self.assertEqual(connection.getresponse().read()[:1], b"{")
            times.append(time.monotonic() - began)
        connection.close()
        return statistics.median(times)

    def test_a_hanging_collector_neither_slows_calls_nor_grows_memory(self):
        self.upstream.keep_requests = False
        plain = self.enterContext(Server(config=self.upstream.config(), environment={"MOCK_KEY": "k"}))
        self.server = plain
        self.calls_take(50)
        without = self.calls_take(300)
        self.serve(queued_spans=512, timeout_s=60.0)
        self.collector.always = "hang"
        self.calls_take(200)  # more spans than there is room for
        before = self.server.memory()
        hanging = self.calls_take(1000)
        self.assertGreater(self.metric('acloud_telemetry_spans_dropped_total{reason="queue_full"}'), 1000)
        self.assertLess(self.server.memory() - before, 8 << 20)
        print(f"figure: a call takes {without * 1e6:.0f} us, {hanging * 1e6:.0f} us with a collector that hangs")
        self.assertLess(hanging, without + 0.05)  # one that waited for the collector would take seconds
        began = time.monotonic()
        self.assertEqual(self.server.stop(), 0)
        self.assertLess(time.monotonic() - began, 8)

    def test_what_spans_cost(self):
        """Processor time of the server for a call: with a collector, with spans of a tenth, and without any."""
        self.upstream.keep_requests = False
        costs = {}
        for name, settings in (("without", None), ("a tenth", {"sample_ratio": 0.1}), ("all", {})):
            if settings is None:
                self.server = self.enterContext(Server(config=self.upstream.config(), environment={"MOCK_KEY": "k"}))
            else:
                self.serve(spans_every_s=1, metrics_every_s=3600, **settings)
            self.calls_take(100)
            before = self.processor_time()
            self.calls_take(500)
            costs[name] = (self.processor_time() - before) / 500 * 1e6
            self.server.stop()
        print("figure: processor time of a call, spans of: " + ", ".join(f"{name} {cost:.0f} us" for name, cost in costs.items()))
        self.assertLess(costs["all"], costs["without"] * 2 + 500)

    def processor_time(self):
        with open(f"/proc/{self.server.process.pid}/stat", encoding="ascii") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def test_a_server_that_ends_sends_what_is_left(self):
        self.serve(spans_every_s=600, metrics_every_s=3600)
        self.chat()
        self.server.stop()
        self.assertEqual(len(self.collector.spans), 3)
        self.assertIn("gen_ai.client.token.usage", self.collector.metrics)


if __name__ == "__main__":
    unittest.main()
