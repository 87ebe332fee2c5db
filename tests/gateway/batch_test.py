"""Files and batches: with the openai client, and what no client shows: limits, budgets, kills, other workspaces.

    python3 -m unittest -v gateway.batch_test
"""

import collections
import datetime
import itertools
import json
import os
import random
import sqlite3
import subprocess
import threading
import time
import unittest
from fractions import Fraction

from gateway.clients_test import CLIENTS, node_version
from support.postgres import Postgres
from support.server import Server
from support.upstream import CACHED, INPUT, WORDS, Upstream

ENDS = ("completed", "failed", "expired", "cancelled")
LARGEST = 4 << 20
LINES = 4_000 if os.environ.get("ACLOUD_SOAK") else 120


def chat(custom_id, text="Hello", **fields):
    return json.dumps({"custom_id": custom_id, "method": "POST", "url": "/v1/chat/completions",
                       "body": {"model": "gpt", "messages": [{"role": "user", "content": text}], **fields}})


def form(content, purpose="batch", filename="lines.jsonl", boundary="b0undary"):
    return (f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{filename}"\r\n\r\n{content}\r\n'
            f'--{boundary}\r\nContent-Disposition: form-data; name="purpose"\r\n\r\n{purpose}\r\n--{boundary}--\r\n')


class Batches(unittest.TestCase):
    def setUp(self):
        self.upstream = self.enterContext(Upstream())
        config = self.upstream.config().replace('name = "gpt"\n', 'name = "gpt"\nretries = 0\nprice = { input = 1, output = 10 }\n')
        self.server = self.enterContext(Server(
            config=config + f"[batch]\nlargest_file_bytes = {LARGEST}\nlines_at_once = 4\n",
            environment={"MOCK_KEY": "sk-upstream"}, flags=["--log", "warn"]))

    def upload(self, lines, **fields):
        made = self.server.call("batch.upload_file", {"filename": "lines.jsonl", "purpose": "batch", "content": "\n".join(lines)}, **fields)
        self.assertEqual(made.status, 200, made.body)
        return made.json["id"]

    def create(self, lines, **fields):
        made = self.server.call("batch.create", {"input_file": self.upload(lines, **fields),
                                                 "endpoint": "/v1/chat/completions"}, **fields)
        self.assertEqual(made.status, 200, made.body)
        return made.json["id"]

    def get(self, batch, **fields):
        return self.server.call("batch.get", {"id": batch}, **fields).json

    def until(self, batch, reached, **fields):
        """The batch once `reached(batch)`: looked at again and again, as its users do."""
        for _ in range(1_200):
            now = self.get(batch, **fields)
            if reached(now):
                return now
            time.sleep(0.05)
        raise AssertionError(f"the batch stays {now}")

    def end(self, batch, **fields):
        return self.until(batch, lambda now: now["state"] in ENDS, **fields)

    def lines_of(self, file):
        content = self.server.request("GET", f"/v1/files/{file}/content")
        self.assertEqual(content.status, 200, content.body)
        return [json.loads(line) for line in content.body.splitlines()]

    def asked(self):
        """How often the provider was asked each text."""
        return collections.Counter(body["messages"][0]["content"] for _, _, body in self.upstream.requests)

    def database(self):
        return sqlite3.connect(os.path.join(self.server.data, "acloud.db"), timeout=30)

    def records(self):
        with self.database() as database:
            return database.execute("SELECT model, batch, input_uncached, cache_read, output, cost_micro, cost_rest, principal "
                                    "FROM usage_calls").fetchall()

    def count_records(self, where):
        with self.database() as database:
            return database.execute(f"SELECT COUNT(*) FROM usage_calls WHERE {where}").fetchone()[0]

    # --- with the client that people have ---

    @unittest.skipUnless(node_version() >= 20 and os.path.isdir(os.path.join(CLIENTS, "node_modules")),
                         "needs Node 20 and the packages of tests/clients (scripts/setup)")
    def test_the_openai_client(self):
        process = subprocess.run(["node", "openai-batch.mjs", self.server.url, self.server.key, "gpt"], cwd=CLIENTS,
                                 capture_output=True, text=True, timeout=200, check=False, env={**os.environ, "NO_PROXY": "127.0.0.1"})
        lines = [json.loads(line) for line in process.stdout.splitlines() if line.startswith("{")]
        self.assertEqual(len(lines), 6, process.stderr)
        self.assertFalse([line for line in lines if not line["ok"]], process.stderr)

    # --- files ---

    def post_form(self, body, content_type="multipart/form-data; boundary=b0undary", **headers):
        return self.server.request("POST", "/v1/files", body, {"Content-Type": content_type, **headers})

    def test_a_file_that_is_too_large_is_refused(self):
        self.assertEqual(self.post_form(form("x" * LARGEST)).status, 200)
        refused = self.post_form(form("x" * (LARGEST + 1)))
        self.assertEqual(refused.status, 413)
        self.assertEqual(refused.json["error"]["code"], "request_too_large")
        # One that says so beforehand is refused before it is sent; one that does not, where it gets too large.
        connection = self.server.connect()
        connection.putrequest("POST", "/v1/files")
        for name, value in (("Authorization", f"Bearer {self.server.key}"), ("Content-Length", str(1 << 40)),
                            ("Content-Type", "multipart/form-data; boundary=b0undary")):
            connection.putheader(name, value)
        connection.endheaders()
        self.assertEqual(connection.getresponse().status, 413)
        connection.close()
        pieces = iter([form("x" * (LARGEST + 1)).encode()])
        self.assertEqual(self.post_form(pieces).status, 413)
        refused = self.server.request("POST", "/api/batch/upload_file?filename=f&purpose=batch", "x" * (LARGEST + 1),
                                      {"Content-Type": "application/octet-stream"})
        self.assertEqual((refused.status, refused.code), (413, "too_large"))
        self.assertEqual(len(self.server.call("batch.list_files").json["items"]), 1)

    def test_a_form_that_is_wrong_is_refused(self):
        for body, content_type in ((form("x"), "application/json"), (form("x"), "multipart/form-data"),
                                   (form("x")[:-9], "multipart/form-data; boundary=b0undary"),
                                   (form("x"), "multipart/form-data; boundary=other"),
                                   (form("x", purpose="Not a purpose"), "multipart/form-data; boundary=b0undary"),
                                   (form("x").replace('name="purpose"', 'name="expires_after"'), "multipart/form-data; boundary=b0undary"),
                                   (form("x").replace('name="file"', 'name="purpose"'), "multipart/form-data; boundary=b0undary"),
                                   (form("x", filename="a\tb"), "multipart/form-data; boundary=b0undary")):
            refused = self.post_form(body, content_type)
            self.assertEqual(refused.status, 400, (body, content_type))
            self.assertEqual(refused.json["error"]["type"], "invalid_request_error")
        self.assertEqual(self.server.request("PUT", "/v1/files", "x").status, 404)
        self.assertEqual(self.server.request("GET", "/v1/files?limit=none").status, 400)
        self.assertEqual(self.server.request("GET", "/v1/files?colour=red").status, 400)

    def test_a_file_survives_a_kill_and_one_upload_is_kept_once(self):
        made = self.post_form(form("kept"), **{"Idempotency-Key": "upload-1"}).json
        self.assertEqual(self.post_form(form("kept"), **{"Idempotency-Key": "upload-1"}).json, made)
        self.server.restart(kill=True)
        self.assertEqual(self.server.request("GET", f"/v1/files/{made['id']}").json, made)
        self.assertEqual(self.server.request("GET", f"/v1/files/{made['id']}/content").body, b"kept")
        self.assertEqual(len(self.server.request("GET", "/v1/files").json["data"]), 1)

    # --- batches ---

    def test_each_line_is_a_call_at_the_price_of_batches(self):
        batch = self.end(self.create([chat("a"), chat("b"), json.dumps({
            "custom_id": "c", "method": "POST", "url": "/v1/chat/completions", "body": {"model": "nope", "messages": []}})]))
        self.assertEqual(batch["counts"], {"total": 3, "completed": 2, "failed": 1})
        self.assertEqual(self.lines_of(batch["error_file"])[0]["response"]["body"]["error"]["code"], "model_not_found")
        records = self.records()
        self.assertEqual(len(records), 2)
        for model, is_batch, read, cached, written, micro, rest, principal in records:
            self.assertEqual((model, is_batch, read, cached, written, principal), ("gpt", 1, INPUT - CACHED, CACHED, len(WORDS), "root"))
            # Half of 1 for a million tokens of input, cached or not, and half of 10 for one of output.
            self.assertEqual(Fraction(micro, 10**6) + Fraction(rest, 10**18),
                             Fraction(INPUT, 2 * 10**6) + Fraction(10 * len(WORDS), 2 * 10**6))

    def test_a_batch_that_is_cancelled_keeps_what_was_answered(self):
        lines = [chat(f"{i}", f"line {i}") for i in range(50)]
        self.upstream.faults_of_text = {f"line {i}": "hang" for i in range(10, 50)}
        batch = self.create(lines)
        self.until(batch, lambda now: now["counts"]["completed"] == 10)
        self.assertTrue(self.upstream.waiting.wait(30))
        file = self.get(batch)["input_file"]
        self.assertEqual(self.server.call("batch.delete_file", {"id": file}).code, "conflict")
        cancelled = self.server.request("POST", f"/v1/batches/{batch}/cancel").json
        self.assertEqual(cancelled["status"], "cancelling")
        self.assertTrue(cancelled["cancelling_at"])
        self.upstream.release.set()  # those under way end: their connections break
        ended = self.end(batch)
        self.assertEqual(ended["state"], "cancelled")
        self.assertEqual([line["custom_id"] for line in self.lines_of(ended["output_file"])], [f"{i}" for i in range(10)])
        self.assertLess(len(self.asked()), 20, "lines were begun after the batch was cancelled")
        self.assertEqual(self.server.call("batch.cancel", {"id": batch}).json["state"], "cancelled")
        self.assertEqual(self.server.call("batch.delete_file", {"id": file}).status, 200)

    def test_a_server_that_is_killed_goes_on_and_asks_no_line_twice(self):
        # The last four lines of each quarter hang, and so are under way when the server is killed.
        quarter = LINES // 4
        held = [{f"line {i}" for i in range(at * quarter - 4, at * quarter)} for at in (1, 2, 3)]
        self.upstream.faults_of_text = {text: "hang" for texts in held for text in texts}
        batch = self.create([chat(f"{i}", f"line {i}") for i in range(LINES)])
        under_way = set()
        for at, texts in enumerate(held, 1):
            self.until(batch, lambda now, at=at: now["counts"]["completed"] == at * quarter - 4)
            while not texts <= set(self.asked()):
                self.upstream.waiting.wait(0.02)
            self.server.stop(kill=True)
            under_way |= texts
            for text in texts:
                del self.upstream.faults_of_text[text]
            self.server.start()
        ended = self.end(batch)
        self.assertEqual(ended["counts"], {"total": LINES, "completed": LINES, "failed": 0})
        self.assertEqual([line["custom_id"] for line in self.lines_of(ended["output_file"])], [f"{i}" for i in range(LINES)])
        asked = self.asked()
        self.assertEqual({text for text, times in asked.items() if times > 1}, under_way)
        self.assertEqual(len(asked), LINES)
        self.assertEqual(sum(asked.values()), LINES + len(under_way))
        print(f"figure: {LINES} lines through {len(held)} kills, {sum(asked.values()) - LINES} of them, under way at a kill, asked again")
        database = self.database()
        self.assertEqual(database.execute("SELECT COUNT(*) FROM batch_lines").fetchone()[0], 0)
        database.close()

    def test_kills_at_any_moment_lose_nothing_and_repeat_only_what_was_under_way(self):
        kills, lines = (40, 20_000) if os.environ.get("ACLOUD_SOAK") else (6, 1_500)
        batch = self.create([chat(f"{i}", f"line {i}") for i in range(lines)])
        chance = random.Random(7)
        for at in sorted(chance.randrange(lines) for _ in range(kills)):
            self.until(batch, lambda now, at=at: now["counts"]["completed"] >= at or now["state"] in ENDS)
            self.server.restart(kill=True)
        ended = self.end(batch)
        self.assertEqual(ended["counts"], {"total": lines, "completed": lines, "failed": 0})
        self.assertEqual([line["custom_id"] for line in self.lines_of(ended["output_file"])], [f"{i}" for i in range(lines)])
        asked = self.asked()
        again = sum(asked.values()) - lines
        self.assertEqual(len(asked), lines)
        self.assertLessEqual(again, 4 * kills)
        counted, lost = (self.count_records(f"outcome {than} 'lost'") for than in ("<>", "="))
        self.assertLessEqual(counted, sum(asked.values()))
        self.assertGreaterEqual(counted, lines)
        # Of those that a kill cut off nobody knows whether the provider heard of them (ledger/open_calls.h).
        self.assertLessEqual(lost, 4 * kills)
        print(f"figure: {lines} lines through {kills} kills at any moment, {again} asked again, {lost} lost")

    def test_a_server_that_is_stopped_lets_lines_end_and_goes_on(self):
        self.upstream.faults_of_text = {"line 5": "hang"}
        batch = self.create([chat(f"{i}", f"line {i}") for i in range(6)])
        self.until(batch, lambda now: now["counts"]["completed"] == 5)
        self.assertTrue(self.upstream.waiting.wait(30))
        stopping = threading.Thread(target=self.server.stop)
        stopping.start()
        self.upstream.faults_of_text = {}
        self.upstream.release.set()
        stopping.join()
        self.server.start()
        ended = self.end(batch)
        self.assertEqual(ended["counts"], {"total": 6, "completed": 6, "failed": 0})
        self.assertLessEqual(self.asked()["line 5"], 2)
        self.assertEqual(sum(self.asked()[f"line {i}"] for i in range(5)), 5)

    def test_limits_are_waited_for(self):
        self.upstream.faults.extend([(429, {"retry-after": "1"}, {"error": {"message": "Slow down."}})] * 3)
        self.server.stop()
        with self.database() as database:
            database.execute("INSERT INTO rate_limits (id, workspace, kind, scope_id, model, rpm, tpm, growth_percent, by_operator) "
                             "VALUES ('lim_1', 'default', 'workspace', 'default', 'gpt', 600, NULL, NULL, 1)")
        self.server.start()
        ended = self.end(self.create([chat(f"{i}") for i in range(30)]))
        self.assertEqual(ended["counts"], {"total": 30, "completed": 30, "failed": 0})

    def test_a_budget_that_is_spent_is_waited_for(self):
        def budget(limit):
            self.server.stop()
            with self.database() as database:
                database.execute("INSERT INTO budgets VALUES ('bud_1', 'default', 'workspace', 'default', ?, 0, 'total', 1, 0) "
                                 "ON CONFLICT (id) DO UPDATE SET limit_micro = excluded.limit_micro", (limit,))
            self.server.start()

        budget(400)  # millionths: a line costs 57.5, and holds more than twice that while it is under way
        batch = self.create([chat(f"{i}", max_tokens=10) for i in range(12)])
        refused = "SELECT COALESCE(SUM(calls), 0) FROM usage_totals WHERE operation = 'model.chat' AND outcome = 'budget_exceeded'"
        database = self.database()
        self.until(batch, lambda _: database.execute(refused).fetchone()[0] >= 3)
        database.close()
        waiting = self.get(batch)
        self.assertEqual((waiting["state"], waiting["counts"]["failed"]), ("in_progress", 0))
        self.assertIn(waiting["counts"]["completed"], range(3, 7))
        budget(1_000_000)
        ended = self.end(batch)
        self.assertEqual(ended["counts"], {"total": 12, "completed": 12, "failed": 0})

    def test_a_provider_that_is_gone_is_tried_again(self):
        self.upstream.faults.extend(["reset"] * 3)
        ended = self.end(self.create([chat("a"), chat("b")]))
        self.assertEqual(ended["counts"], {"total": 2, "completed": 2, "failed": 0})

    def test_a_key_that_is_revoked_ends_its_batches(self):
        made = self.server.call("key.create", {"name": "batcher"}).json
        self.upstream.faults_of_text = {f"line {i}": (429, {"retry-after": "1"}, {}) for i in range(2, 50)}
        batch = self.create([chat(f"{i}", f"line {i}") for i in range(50)], key=made["key"])
        self.until(batch, lambda now: now["counts"]["completed"] == 2)
        self.assertEqual(self.server.call("key.revoke", {"id": made["id"]}).status, 200)
        ended = self.end(batch)
        self.assertEqual(ended["state"], "failed")
        self.assertEqual([each["code"] for each in ended["errors"]], ["key_revoked"])
        self.assertEqual(len(self.lines_of(ended["output_file"])), 2)

    def test_a_key_whose_grant_is_over_ends_its_batches(self):
        over = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=5)
        key = self.server.call("key.create", {"name": "short", "grant": {"expires": over.isoformat()}}).json["key"]
        self.upstream.faults_of_text = {f"line {i}": (429, {"retry-after": "1"}, {}) for i in range(2, 6)}
        batch = self.create([chat(f"{i}", f"line {i}") for i in range(6)], key=key)
        ended = self.end(batch)
        self.assertEqual((ended["state"], ended["counts"]["completed"]), ("failed", 2))
        self.assertEqual([each["code"] for each in ended["errors"]], ["key_revoked"])

    def test_lines_are_translated_for_providers_of_another_dialect(self):
        ended = self.end(self.create([chat("there").replace('"gpt"', '"claude"'), chat("here")]))
        self.assertEqual(ended["counts"], {"total": 2, "completed": 2, "failed": 0})
        there, here = self.lines_of(ended["output_file"])
        self.assertEqual(there["response"]["body"]["choices"][0]["message"], here["response"]["body"]["choices"][0]["message"])
        self.assertEqual({(row[0], row[1]) for row in self.records()}, {("claude", 1), ("gpt", 1)})

    def test_a_key_may_be_cut_down_to_what_a_batch_needs(self):
        grant = {"operations": ["batch.*", "model.chat"], "resources": ["file/*", "batch/*", "model/gpt"]}
        key = self.server.call("key.create", {"name": "narrow", "grant": grant}).json["key"]
        other = chat("other").replace('"gpt"', '"claude"')
        ended = self.end(self.create([chat("gpt"), other], key=key), key=key)
        self.assertEqual(ended["counts"], {"total": 2, "completed": 1, "failed": 1})
        self.assertEqual(self.lines_of(ended["error_file"])[0]["response"]["status_code"], 403)

    def test_files_go_when_they_expire_and_ended_batches_when_they_are_old(self):
        body = form(chat("a")).replace("--b0undary--", "".join(
            f'--b0undary\r\nContent-Disposition: form-data; name="expires_after[{name}]"\r\n\r\n{value}\r\n'
            for name, value in (("anchor", "created_at"), ("seconds", "3600"))) + "--b0undary--")
        kind = {"Content-Type": "multipart/form-data; boundary=b0undary"}
        made = self.server.request("POST", "/v1/files", body, kind).json
        self.assertEqual(made["expires_at"], made["created_at"] + 3600)
        for seconds in ("59", "soon", "99999999"):
            refused = self.server.request("POST", "/v1/files", body.replace("3600", seconds), kind)
            self.assertEqual(refused.status, 400, refused.body)
        asked = {"input_file_id": made["id"], "endpoint": "/v1/chat/completions", "completion_window": "24h",
                 "output_expires_after": {"anchor": "created_at", "seconds": 7200}}
        json_kind = {"Content-Type": "application/json"}
        refused = self.server.request("POST", "/v1/batches", json.dumps({**asked, "output_expires_after": {"seconds": 9}}), json_kind)
        self.assertEqual(refused.status, 400)
        batch = self.server.request("POST", "/v1/batches", json.dumps(asked), json_kind).json["id"]
        ended = self.end(batch)
        output = self.server.request("GET", f"/v1/files/{ended['output_file']}").json
        self.assertEqual(output["expires_at"], output["created_at"] + 7200)
        with self.database() as database:  # an hour passes
            database.execute("UPDATE batch_files SET expires = 1 WHERE id = ?", (made["id"],))
        self.until_gone(f"/v1/files/{made['id']}")
        self.assertEqual(self.server.request("GET", f"/v1/files/{output['id']}/content").status, 200)
        path = os.path.join(self.server.data, "acloud.toml")
        with open(path, encoding="utf-8") as file:
            config = file.read().replace("lines_at_once = 4\n", "lines_at_once = 4\nkeep_ended_s = 1\n")
        with open(path, "w", encoding="utf-8") as file:
            file.write(config)
        self.server.restart()
        self.until_gone(f"/v1/batches/{batch}")
        self.assertEqual(self.server.request("GET", f"/v1/files/{output['id']}").status, 200)

    def until_gone(self, path):
        for _ in range(600):
            if self.server.request("GET", path).status == 404:
                return
            time.sleep(0.05)
        raise AssertionError(f"{path} is still there")

    def test_what_is_not_asked_in_time_expires(self):
        self.upstream.faults_of_text = {f"line {i}": (429, {"retry-after": "1"}, {}) for i in range(2, 6)}
        batch = self.create([chat(f"{i}", f"line {i}") for i in range(6)])
        self.until(batch, lambda now: now["counts"]["completed"] == 2)
        self.server.stop(kill=True)
        with self.database() as database:
            database.execute("UPDATE batches SET expires = created")
        self.server.start()
        ended = self.end(batch)
        self.assertEqual((ended["state"], ended["counts"]), ("expired", {"total": 6, "completed": 2, "failed": 4}))
        given_up = self.lines_of(ended["error_file"])
        self.assertEqual([line["custom_id"] for line in given_up], ["2", "3", "4", "5"])
        self.assertEqual({line["error"]["code"] for line in given_up}, {"batch_expired"})

    def test_another_workspace_sees_nothing(self):
        batch = self.end(self.create([chat("a")]))
        workspace = self.server.call("workspace.create", {"name": "others"}).json["id"]
        key = self.server.call("key.create", {"name": "first", "workspace": workspace}).json["key"]
        for operation, id in (("get_file", batch["input_file"]), ("read_file", batch["output_file"]),
                              ("delete_file", batch["input_file"]), ("get", batch["id"]), ("cancel", batch["id"])):
            self.assertEqual(self.server.call(f"batch.{operation}", {"id": id}, key=key).code, "not_found", operation)
        for operation in ("list_files", "list"):
            self.assertEqual(self.server.call(f"batch.{operation}", key=key).json["items"], [])
        for path in (f"/v1/files/{batch['output_file']}", f"/v1/files/{batch['output_file']}/content", f"/v1/batches/{batch['id']}"):
            self.assertEqual(self.server.request("GET", path, key=key).status, 404)
        refused = self.server.call("batch.create", {"input_file": batch["input_file"], "endpoint": "/v1/chat/completions"}, key=key)
        self.assertEqual(refused.code, "not_found")

    def test_a_workspace_that_is_deleted_takes_its_batches_along(self):
        workspace = self.server.call("workspace.create", {"name": "short"}).json["id"]
        key = self.server.call("key.create", {"name": "first", "workspace": workspace}).json["key"]
        self.upstream.faults_of_text = {"later": (429, {"retry-after": "1"}, {})}
        batch = self.create([chat("a"), chat("b", "later")], key=key)
        self.until(batch, lambda now: now["counts"]["completed"] == 1, key=key)
        self.assertEqual(self.server.call("workspace.delete", {"id": workspace}).status, 200)
        database = self.database()
        for table in ("batch_files", "batches", "batch_lines"):
            self.assertEqual(database.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0], 0, table)
        database.close()
        self.assertEqual(self.end(self.create([chat("a")]))["state"], "completed")

    def test_a_large_file_costs_no_memory(self):
        megabytes = 128
        with Server() as server:
            self.assertEqual(server.request("POST", "/v1/files", form("warm"), {"Content-Type": "multipart/form-data; boundary=b0undary"}).status, 200)
            before = server.memory("VmHWM")
            head, tail = form("\0").encode().split(b"\0")
            piece = b"x" * 999_983 + b"\r\n--b0undar\n"  # nearly a boundary
            pieces = itertools.chain([head], itertools.repeat(piece, megabytes), [tail])
            made = server.request("POST", "/v1/files", pieces, {"Content-Type": "multipart/form-data; boundary=b0undary"})
            self.assertEqual((made.status, made.json["bytes"]), (200, megabytes * len(piece)))
            connection = server.connect()
            connection.request("GET", f"/v1/files/{made.json['id']}/content", headers={"Authorization": f"Bearer {server.key}"})
            response = connection.getresponse()
            read = 0
            while some := response.read(1 << 20):
                read += len(some)
            connection.close()
            self.assertEqual(read, megabytes * len(piece))
            grown = server.memory("VmHWM") - before
            print(f"figure: a file of {megabytes} MB uploaded and read: {grown >> 10} KiB more of memory")
            self.assertLess(grown, 24 << 20)


class TwoServers(unittest.TestCase):
    """Two servers on one PostgreSQL: the one that has a file runs its batches, whichever is asked."""

    def test_a_batch_runs_where_its_input_is(self):
        upstream = self.enterContext(Upstream())
        postgres = self.enterContext(Postgres())
        config = upstream.config() + f'[store]\nurl = "{postgres.new_database("batches")}"\n'
        first, second = (self.enterContext(Server(config=config, environment={"MOCK_KEY": "k"}, flags=["--log", "warn"]))
                         for _ in range(2))
        key = first.call("key.create", {"name": "shared"}).json["key"]
        file = first.call("batch.upload_file", {"filename": "f", "purpose": "batch", "content": "\n".join(chat(f"{i}") for i in range(20))},
                          key=key).json["id"]
        made = second.call("batch.create", {"input_file": file, "endpoint": "/v1/chat/completions"}, key=key)
        self.assertEqual(made.status, 200, made.body)
        for _ in range(1_200):
            batch = second.call("batch.get", {"id": made.json["id"]}, key=key).json
            if batch["state"] in ENDS:
                break
            time.sleep(0.05)
        self.assertEqual((batch["state"], batch["counts"]), ("completed", {"total": 20, "completed": 20, "failed": 0}))
        self.assertEqual(upstream.calls, 20)
        here, there = (server.request("GET", f"/v1/files/{batch['output_file']}/content", key=key) for server in (first, second))
        self.assertEqual((here.status, len(here.body.splitlines())), (200, 20))
        self.assertEqual(there.status, 503)


if __name__ == "__main__":
    unittest.main()
