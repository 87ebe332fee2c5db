"""Providers and models that operations change while calls are under way: what is served, what is kept through a restart
and on two servers of one PostgreSQL, and that keys are never seen again."""

import http.client
import json
import os
import random
import threading
import time
import unittest

from gateway.basic_test import MESSAGES
from support.postgres import Postgres
from support.server import Server
from support.upstream import TEXT, WORDS, Upstream

GIVEN = "sk-given-0123456789"
LONG = bool(os.environ.get("ACLOUD_SOAK"))


class Case(unittest.TestCase):
    def setUp(self):
        self.upstream = self.enterContext(Upstream())
        self.server = self.enterContext(Server(config=self.upstream.config(), environment={"MOCK_KEY": "k", "OTHER": "k2"}))

    def set_provider(self, name="new", key="env:MOCK_KEY", server=None, **fields):
        entry = {"name": name, "dialect": "openai", "base_url": f"{self.upstream.url}/v1", "api_key": key, **fields}
        return (server or self.server).call("model.set_provider", entry)

    def set_route(self, name="fresh", provider="new", server=None, **fields):
        entry = {"name": name, "targets": [{"provider": provider, "model": f"mock-{name}"}], **fields}
        return (server or self.server).call("model.set_route", entry)

    def say(self, model, server=None):
        return (server or self.server).call("model.chat", {"model": model, "messages": MESSAGES})

    def answers(self, model, server=None):
        reply = self.say(model, server)
        self.assertEqual(reply.status, 200, reply.body)
        self.assertEqual(reply.json["message"]["content"], TEXT)

    def sources(self, operation, server=None):
        items = (server or self.server).call(operation, {"limit": 1000}).json["items"]
        return {item["name"]: item["source"] for item in items if not item["name"].startswith("acloud-")}


class Changes(Case):
    def test_a_model_is_there_as_soon_as_it_was_set_and_gone_when_it_was_deleted(self):
        provider = self.set_provider()
        self.assertEqual(provider.status, 200, provider.body)
        self.assertEqual(provider.json, {"name": "new", "dialect": "openai", "base_url": f"{self.upstream.url}/v1",
                                         "key": "env:MOCK_KEY", "headers": [], "models": [], "source": "operation"})
        route = self.set_route()
        self.assertEqual(route.status, 200, route.body)
        self.assertEqual(route.json["route"]["targets"][0]["provider"], "new")
        self.answers("fresh")
        self.assertEqual(self.upstream.requests[-1][1]["authorization"], "Bearer k")
        self.assertEqual(self.sources("model.list_providers"), {"ant": "configuration", "new": "operation", "oai": "configuration"})
        self.assertEqual(self.sources("model.list_routes"), {"claude": "configuration", "fresh": "operation", "gpt": "configuration"})
        # What others need stays.
        refused = self.server.call("model.delete_provider", {"name": "new"})
        self.assertEqual(refused.code, "precondition_failed")
        self.assertIn("there is no provider new", refused.json["error"]["message"])
        self.answers("fresh")
        self.assertEqual(self.server.call("model.delete_route", {"name": "fresh"}).json, {"name": "fresh", "falls_back": False})
        self.assertEqual(self.say("fresh").code, "not_found")
        self.assertEqual(self.server.call("model.delete_provider", {"name": "new"}).status, 200)
        self.assertEqual(self.server.call("model.delete_provider", {"name": "new"}).code, "not_found")

    def test_what_was_set_hides_the_files_entry_until_it_is_deleted(self):
        self.assertEqual(self.set_route(name="gpt", provider="ant").status, 200)
        self.answers("gpt")
        self.assertEqual(self.upstream.requests[-1][0], "/v1/messages")
        self.assertEqual(self.sources("model.list_routes")["gpt"], "operation")
        self.assertEqual(self.server.call("model.delete_route", {"name": "gpt"}).json, {"name": "gpt", "falls_back": True})
        self.answers("gpt")
        self.assertEqual(self.upstream.requests[-1][0], "/v1/chat/completions")
        in_file = self.server.call("model.delete_route", {"name": "gpt"})
        self.assertEqual(in_file.code, "precondition_failed")
        self.assertIn("configuration file", in_file.json["error"]["message"])

    def test_what_can_not_be_served_is_refused_and_changes_nothing(self):
        for reply in (self.set_route(provider="nowhere"), self.set_route(targets=[]), self.set_route(fallback=["nobody"]),
                      self.set_provider(base_url="no url"), self.set_provider(dialect="klingon"),
                      self.set_provider(headers={"X-Api-Key": "sk-1"}), self.set_provider(key="file:/etc/passwd"),
                      self.set_provider(key="sealed:oai"), self.set_provider(key="has blanks"),
                      self.set_route(targets=[], engine="llama", file="x.gguf")):
            self.assertIn(reply.code, ("invalid_argument", "precondition_failed"), reply.body)
        self.assertEqual(self.sources("model.list_routes"), {"claude": "configuration", "gpt": "configuration"})

    def test_a_missing_key_is_told_and_its_calls_refused(self):
        self.assertIn("NOT_THERE", self.set_provider(key="env:NOT_THERE").json["problem"])
        self.set_route()
        self.assertEqual(self.say("fresh").code, "unavailable")
        self.set_provider(key="env:OTHER")
        self.answers("fresh")
        self.assertEqual(self.upstream.requests[-1][1]["authorization"], "Bearer k2")

    def test_only_operators_may(self):
        workspace = self.server.call("workspace.create", {"name": "w"}).json["id"]
        key = self.server.call("key.create", {"name": "k", "workspace": workspace}).json["key"]
        for operation, arguments in (("set_route", {"name": "x", "targets": []}), ("list_providers", {}), ("list_routes", {}),
                                     ("delete_route", {"name": "gpt"}), ("delete_provider", {"name": "oai"}),
                                     ("set_provider", {"name": "x", "dialect": "openai", "base_url": "http://x"})):
            self.assertEqual(self.server.call(f"model.{operation}", arguments, key=key).code, "permission_denied")

    def test_a_repeat_with_the_same_idempotency_key_changes_nothing(self):
        headers = {"Idempotency-Key": "once-and-for-all"}
        entry = {"name": "fresh", "targets": [{"provider": "oai", "model": "mock-fresh"}]}
        first = self.server.call("model.set_route", entry, headers=headers)
        self.server.call("model.delete_route", {"name": "fresh"})
        again = self.server.call("model.set_route", entry, headers=headers)
        self.assertEqual(again.json, first.json)
        self.assertEqual(again.headers["idempotency-replayed"], "true")
        self.assertEqual(self.say("fresh").code, "not_found")

    def test_from_the_command_line_with_the_key_in_a_file(self):
        path = os.path.join(self.server.data, "key-to-give")
        with open(path, "w", encoding="ascii") as file:
            file.write(GIVEN)
        done = self.server.cli("model", "set-provider", "new", "openai", f"{self.upstream.url}/v1", "--api-key-file", path)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(json.loads(done.stdout)["key"], "given")
        route = {"name": "fresh", "targets": [{"provider": "new", "model": "mock-fresh"}]}
        done = self.server.cli("model", "set-route", "--json", json.dumps(route))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.answers("fresh")
        self.assertEqual(self.upstream.requests[-1][1]["authorization"], f"Bearer {GIVEN}")

    def test_a_price_that_is_set_is_charged(self):
        self.set_provider()
        self.set_route(price={"input": 1_000_000, "output": 0})
        self.answers("fresh")
        items = self.server.call("usage.query", {"group_by": ["model"]}).json["items"]
        item, = [item for item in items if item["group"]["model"] == "fresh"]
        self.assertEqual(float(item["cost"]), 25)


class UnderWay(Case):
    def test_streams_go_on_through_many_changes(self):
        self.set_provider()
        self.set_route()
        self.upstream.held = True
        streams = []
        for model in ("fresh", "gpt", "claude", "fresh"):
            self.upstream.faults.append("cut@5")
            connection = self.server.connect()
            body = {"model": model, "messages": MESSAGES, "stream": True}
            connection.request("POST", "/v1/chat/completions", json.dumps(body), {"Authorization": f"Bearer {self.server.key}"})
            response = connection.getresponse()
            streams.append((connection, response, response.read1()))
        self.set_route(name="gpt", provider="ant")
        self.set_provider(name="oai", base_url="http://127.0.0.1:9/v1")
        self.server.call("model.delete_route", {"name": "fresh"})
        self.server.call("model.delete_provider", {"name": "new"})
        self.assertEqual(self.say("fresh").code, "not_found")
        self.upstream.release.set()
        for connection, response, seen in streams:
            seen += response.read()
            connection.close()
            self.assertIn(b"[DONE]", seen)
            for word in WORDS:
                self.assertIn(json.dumps(word).encode(), seen)

    def test_calls_and_changes_at_once(self):
        """Each call is answered by one of the two that the model ever was; none fails."""
        self.set_provider(name="a")
        self.set_provider(name="b")
        self.set_route(name="shift", provider="a")
        stop, failed, answered = threading.Event(), [], []

        def call():
            while not stop.is_set():
                reply = self.say("shift")
                (answered if reply.status == 200 else failed).append(reply.body)
        callers = [threading.Thread(target=call) for _ in range(4)]
        for caller in callers:
            caller.start()
        for turn in range(2_000 if LONG else 30):
            self.assertEqual(self.set_route(name="shift", provider="ab"[turn % 2]).status, 200)
        stop.set()
        for caller in callers:
            caller.join()
        self.assertEqual(failed, [])
        print(f"figure: {len(answered)} calls while a model changed {turn + 1} times, none failed")


class Kept(Case):
    def test_what_was_set_is_there_after_a_kill_and_a_restart(self):
        self.set_provider(key=GIVEN)
        self.set_route()
        for kill in (True, False):
            self.server.restart(kill=kill)
            self.answers("fresh")
            self.assertEqual(self.upstream.requests[-1][1]["authorization"], f"Bearer {GIVEN}")

    def test_what_was_acknowledged_survives_kills(self):
        """A server that is killed at any moment while models are set and deleted has all that it said it had."""
        chance = random.Random(3)
        there, unsure, acknowledged = set(), set(), 0
        for turn in range(200 if LONG else 8):
            left = chance.randrange(3, 25)

            def kill(process=self.server.process, left=left):
                time.sleep(left * 0.004)
                process.kill()
            killer = threading.Thread(target=kill)
            killer.start()
            try:
                for number in range(10_000):
                    name = f"m{turn % 9}-{number % 7}"
                    deletes = name in there
                    unsure.add(name)
                    reply = (self.server.call("model.delete_route", {"name": name}) if deletes else
                             self.set_route(name=name, provider="oai"))
                    if reply.status != 200:
                        break
                    acknowledged += 1
                    (there.discard if deletes else there.add)(name)
                    unsure.discard(name)
            except (OSError, http.client.HTTPException):
                pass
            killer.join()
            self.server.restart(kill=True)
            listed = {name for name, source in self.sources("model.list_routes").items() if source == "operation"}
            self.assertEqual(listed - unsure, there - unsure)
            there, unsure = listed, set()
        self.assertGreater(acknowledged, 20)
        print(f"figure: {acknowledged} changes acknowledged over {turn + 1} kills, all kept")

    def test_a_given_key_is_seen_nowhere_again(self):
        set_to = self.set_provider(key=GIVEN)
        self.assertEqual(set_to.json["key"], "given")
        listed = self.server.call("model.list_providers")
        for reply in (set_to, listed):
            self.assertNotIn(GIVEN.encode(), reply.body)
        self.server.stop()
        for folder, _, files in os.walk(self.server.data):
            for name in files:
                if os.path.isfile(path := os.path.join(folder, name)):
                    with open(path, "rb") as file:
                        self.assertNotIn(GIVEN.encode(), file.read(), name)
        self.assertNotIn(GIVEN, "".join(self.server.log))
        self.assertEqual(os.stat(os.path.join(self.server.data, "seal.key")).st_mode & 0o777, 0o600)

    def test_a_key_without_its_seal_is_told_and_can_be_set_again(self):
        self.set_provider(key=GIVEN)
        self.set_route()
        self.server.stop()
        os.remove(os.path.join(self.server.data, "seal.key"))
        self.server.start()
        problem, = [item["problem"] for item in self.server.call("model.list_providers").json["items"] if item["name"] == "new"]
        self.assertIn("set the provider again", problem)
        self.assertEqual(self.say("fresh").code, "unavailable")
        self.assertEqual(self.set_provider(key=GIVEN).status, 200)
        self.answers("fresh")

    def test_a_reload_of_the_file_keeps_what_was_set(self):
        self.set_provider()
        self.set_route(fallback=["claude"])
        self.set_route(name="alone")
        # The file has no model any more that one that was set falls back to: that one alone is left out.
        self.server.reload(self.upstream.config({"only": ("oai", "mock-only")}), "configuration reloaded")
        self.answers("only")
        self.answers("alone")
        self.assertEqual(self.say("fresh").code, "not_found")
        route, = [item for item in self.server.call("model.list_routes").json["items"] if item["name"] == "fresh"]
        self.assertIn("there is no model claude", route["problem"])
        self.server.reload(self.upstream.config(), "configuration reloaded")
        self.answers("fresh")
        self.server.reload(self.upstream.config({"x": ("nowhere", "y")}), "was not reloaded")
        self.answers("fresh")


class TwoServers(unittest.TestCase):
    set_provider, set_route, say, answers = Case.set_provider, Case.set_route, Case.say, Case.answers

    def setUp(self):
        self.upstream = self.enterContext(Upstream())
        postgres = self.enterContext(Postgres())
        self.url = postgres.new_database("shared")
        self.postgres = postgres

    def serve(self, seal="s3cret"):
        store = f'[store]\nurl = "{self.url}"\n' + ('seal_key = "env:SEAL"\n' if seal else "")
        return self.enterContext(Server(config=self.upstream.config() + store, environment={"MOCK_KEY": "k", "SEAL": seal or ""}))

    def wait(self, model, code, server):
        deadline = time.monotonic() + 20
        while self.say(model, server).code != code:
            self.assertLess(time.monotonic(), deadline)

    def test_both_serve_what_either_was_told(self):
        one, two = self.serve(), self.serve()
        self.assertEqual(self.set_provider(key=GIVEN, server=one).status, 200)
        self.assertEqual(self.set_route(server=one).status, 200)
        self.answers("fresh", one)
        self.wait("fresh", "ok", two)
        self.assertEqual(self.upstream.requests[-1][1]["authorization"], f"Bearer {GIVEN}")
        self.assertEqual(two.call("model.delete_route", {"name": "fresh"}).status, 200)
        self.wait("fresh", "not_found", one)
        self.assertEqual(self.postgres.ask("shared", "SELECT count(*) FROM model_entries WHERE position("
                                           f"convert_to('{GIVEN}', 'UTF8') IN entry) > 0"), ["0"])

    def test_without_a_seal_keys_are_named_and_not_given(self):
        one = self.serve(seal=None)
        refused = self.set_provider(key=GIVEN, server=one)
        self.assertEqual(refused.code, "precondition_failed")
        self.assertIn("seal_key", refused.json["error"]["message"])
        self.assertEqual(self.set_provider(server=one).status, 200)


if __name__ == "__main__":
    unittest.main()
