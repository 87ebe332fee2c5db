"""A call with an idempotency key whose server is killed in the middle, and that is made again: its effect is there once.

SQL in a database's own file and in PostgreSQL, commands in sandboxes with their output, processes, sandboxes; and claims
of a server that is gone, on a store that two servers share.
"""

import glob
import os
import random
import signal
import sqlite3
import threading
import time
import unittest
from pathlib import Path

from support.postgres import Postgres
from support.server import Server

PATIENCE = 90  # seconds for any one thing, on a machine that does much else


def wait_until(what, holds):
    by = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > by:
            raise AssertionError(f"{what} after {PATIENCE} s")
        time.sleep(0.01)


class Sent:
    """A call under way, whatever becomes of it."""

    def __init__(self, server, operation, arguments, key):
        self.reply = None

        def send():
            try:
                self.reply = server.call(operation, arguments, headers={"Idempotency-Key": key})
            except OSError:
                pass
            except Exception:  # noqa: BLE001: http.client has many for a server that is gone
                pass

        self.thread = threading.Thread(target=send, daemon=True)
        self.thread.start()

    def over(self):
        self.thread.join(PATIENCE)
        return self.reply


def again(server, operation, arguments, key):
    """The call's reply, asked for until nobody else is at it."""
    by = time.monotonic() + PATIENCE
    while True:
        reply = server.call(operation, arguments, headers={"Idempotency-Key": key})
        if reply.code != "conflict" or "retry-after" not in reply.headers or time.monotonic() > by:
            return reply
        time.sleep(0.1)


def forget_replies(server):
    """As if the server had died before it wrote them down."""
    store = sqlite3.connect(os.path.join(server.data, "acloud.db"))
    with store:
        store.execute("DELETE FROM idempotency")
    store.close()


SLOW = "SELECT count(*) FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 3000000) SELECT i FROM n)"


class InFiles(unittest.TestCase):
    """SQL in SQLite."""

    def setUp(self):
        self.server = Server().start()
        self.addCleanup(self.server.__exit__)
        self.server.call("database.create", {"name": "d"})
        self.query("CREATE TABLE t (x)")
        (self.file,) = glob.glob(os.path.join(self.server.data, "databases", "*", "*.db"))

    def query(self, sql):
        reply = self.server.call("database.query", {"name": "d", "sql": sql})
        self.assertEqual(reply.status, 200, reply.body)
        return reply.json["rows"]

    def in_file(self, sql):
        with sqlite3.connect(self.file) as database:
            return database.execute(sql).fetchall()

    def cut_off_after_the_effect(self, sql, key):
        """The server stands still while its worker does the SQL, and is then killed: the effect is there, no reply is."""
        asked = {"name": "d", "sql": sql}
        sent = Sent(self.server, "database.query", asked, key)
        wait_until("no worker is at it", lambda: self.server.gauge("acloud_http_requests_active") >= 1)
        time.sleep(0.1)  # it is with the worker, or the kill comes before that: either is to be right
        self.server.process.send_signal(signal.SIGSTOP)
        before = self.in_file("SELECT count(*) FROM t")
        wait_until("the worker did nothing", lambda: self.in_file("SELECT count(*) FROM t") != before)
        self.server.stop(kill=True)
        sent.over()
        self.server.start()
        return again(self.server, "database.query", asked, key)

    def test_sql_whose_reply_was_lost_gives_it_again(self):
        reply = self.cut_off_after_the_effect(f"INSERT INTO t {SLOW}; INSERT INTO t VALUES (1), (2) RETURNING x", "one")
        self.assertEqual(reply.json, {"columns": ["x"], "rows": [[1], [2]], "rows_affected": 3})
        self.assertEqual(self.query("SELECT count(*) FROM t"), [[3]])
        self.assertEqual(self.in_file("SELECT count(*) FROM _acloud_calls"), [(1,)])

    def test_what_was_committed_in_the_middle_is_not_done_again_and_the_rest_is(self):
        reply = self.cut_off_after_the_effect(
            f"BEGIN; INSERT INTO t VALUES (1); COMMIT; {SLOW}; INSERT INTO t VALUES (2); SELECT count(*) FROM t", "parts")
        self.assertEqual(reply.json["rows"], [[2]])
        self.assertEqual(self.query("SELECT x FROM t ORDER BY x"), [[1], [2]])

    def test_statements_that_can_not_be_done_twice_are_not_refused_when_they_are_repeated(self):
        for number, sql in enumerate(["CREATE TABLE u (x)", "INSERT INTO u VALUES (1)", "DROP TABLE u"]):
            asked, key = {"name": "d", "sql": sql}, f"ddl-{number}"
            first = again(self.server, "database.query", asked, key).json
            self.server.stop(kill=True)
            forget_replies(self.server)
            self.server.start()
            self.assertEqual(again(self.server, "database.query", asked, key).json, first)

    def test_the_records_are_out_of_reach_of_sql(self):
        again(self.server, "database.query", {"name": "d", "sql": "INSERT INTO t VALUES (1)"}, "k")
        for sql in ("SELECT * FROM _acloud_calls", "DELETE FROM _ACLOUD_calls", "DROP TABLE _acloud_calls",
                    "CREATE TRIGGER g AFTER INSERT ON _acloud_calls BEGIN SELECT 1; END"):
            self.assertEqual(self.server.call("database.query", {"name": "d", "sql": sql}).code, "invalid_argument", sql)
        tables = self.server.call("database.get", {"name": "d"}).json["tables"]
        self.assertEqual([table["name"] for table in tables], ["t"])
        self.query("ANALYZE")

    def test_kills_at_random_moments(self):
        chance = random.Random(int(os.environ.get("ACLOUD_SEED", "1")))
        kills = 100 if "ACLOUD_SOAK" in os.environ else 8
        for number in range(kills):
            asked = {"name": "d", "sql": f"INSERT INTO t VALUES ({number})"}
            sent = Sent(self.server, "database.query", asked, f"r{number}")
            time.sleep(chance.random() * 0.02)
            self.server.restart(kill=True)
            sent.over()
            self.assertEqual(again(self.server, "database.query", asked, f"r{number}").json["rows_affected"], 1)
        self.assertEqual(self.query("SELECT count(*), count(DISTINCT x) FROM t"), [[kills, kills]])


class InSandboxes(unittest.TestCase):
    def setUp(self):
        self.server = Server().start()
        self.addCleanup(self.server.__exit__)
        self.sandbox = self.server.call("sandbox.create").json["id"]
        self.addCleanup(lambda: self.server.call("sandbox.kill", {"id": self.sandbox}))

    def run_plain(self, command):
        return self.server.call("sandbox.exec", {"id": self.sandbox, "command": command}).json

    def reach(self, path):
        wait_until(f"no {path}", lambda: self.run_plain(f"test -e {path}")["exit_code"] == 0)

    def start_and_kill(self, command, key, **more):
        asked = {"id": self.sandbox, "command": command, **more}
        sent = Sent(self.server, "sandbox.exec", asked, key)
        self.reach("/started")
        self.server.stop(kill=True)
        sent.over()
        return asked

    def test_a_command_that_runs_on_is_waited_for_and_gives_all_it_wrote(self):
        lines = "for i in $(seq 40000); do echo line $i; done"
        asked = self.start_and_kill(
            f"echo run >> /count; {lines}; cat; touch /started; sleep 1.5; {lines}; echo bad >&2; exit 3", "on", stdin="in\n")
        self.server.start()
        reply = again(self.server, "sandbox.exec", asked, "on").json
        wanted = "".join(f"line {i}\n" for i in range(1, 40001))
        self.assertEqual((reply["exit_code"], reply["stderr"]), (3, "bad\n"))
        self.assertEqual(reply["stdout"], wanted + "in\n" + wanted)
        self.assertEqual(self.run_plain("cat /count")["stdout"], "run\n")
        self.assertEqual(again(self.server, "sandbox.exec", asked, "on").json, reply)

    def test_a_command_that_ended_meanwhile_tells_how(self):
        asked = self.start_and_kill("echo run >> /count; touch /started; sleep 0.3; echo out; exit 7", "off")
        time.sleep(0.6)  # it ends while no server is there, or soon after: either is to be right
        self.server.start()
        reply = again(self.server, "sandbox.exec", asked, "off").json
        self.assertEqual((reply["exit_code"], reply["stdout"]), (7, "out\n"))
        self.assertEqual(self.run_plain("cat /count")["stdout"], "run\n")
        self.assertEqual(glob.glob(os.path.join(self.server.data, "sandboxes", "*.calls", "*")), [])

    def test_a_command_whose_time_is_over_ends_as_it_would_have(self):
        asked = self.start_and_kill("echo run >> /count; touch /started; sleep 600", "late", timeout_s=2)
        self.server.start()
        self.assertEqual(again(self.server, "sandbox.exec", asked, "late").code, "deadline_exceeded")
        self.assertEqual(self.run_plain("cat /count")["stdout"], "run\n")

    def test_a_stop_leaves_a_command_to_the_next_server(self):
        asked = {"id": self.sandbox, "command": "echo run >> /count; touch /started; sleep 3; echo end"}
        sent = Sent(self.server, "sandbox.exec", asked, "stop")
        self.reach("/started")
        self.server.flags += ["--drain", "0s"]
        self.server.restart()
        sent.over()
        self.assertEqual(again(self.server, "sandbox.exec", asked, "stop").json["stdout"], "end\n")
        self.assertEqual(self.run_plain("cat /count")["stdout"], "run\n")

    def test_more_than_is_kept_is_cut(self):
        reply = again(self.server, "sandbox.exec", {"id": self.sandbox, "command": "head -c 9000000 /dev/zero | tr '\\0' x"},
                      "long").json
        self.assertEqual((len(reply["stdout"]), reply["stdout_truncated"]), (4 << 20, True))

    def test_a_process_is_started_once(self):
        asked = {"id": self.sandbox, "command": "echo run >> /count; sleep 600"}
        first = again(self.server, "sandbox.start_process", asked, "p").json
        self.server.stop(kill=True)
        forget_replies(self.server)
        self.server.start()
        self.assertEqual(again(self.server, "sandbox.start_process", asked, "p").json["pid"], first["pid"])
        self.assertEqual(self.run_plain("cat /count")["stdout"], "run\n")

    def test_a_sandbox_is_made_once(self):
        first = again(self.server, "sandbox.create", {}, "make").json
        self.server.stop(kill=True)
        forget_replies(self.server)
        self.server.start()
        self.assertEqual(again(self.server, "sandbox.create", {}, "make").json["id"], first["id"])
        self.server.call("sandbox.kill", {"id": first["id"]})


class OnPostgres(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.postgres = cls.enterClassContext(Postgres())
        cls.url = cls.postgres.new_database("store")
        cls.servers = [cls.enterClassContext(Server(config=f'[store]\nurl = "{cls.url}"\n')) for _ in range(2)]
        cls.servers[1].key = cls.servers[0].key
        cls.servers[0].call("database.create", {"name": "d"})
        cls.servers[0].call("database.query", {"name": "d", "sql": "CREATE TABLE t (x int)"})

    def setUp(self):
        self.query("DELETE FROM t")

    def query(self, sql):
        reply = self.servers[0].call("database.query", {"name": "d", "sql": sql})
        self.assertEqual(reply.status, 200, reply.body)
        return reply.json["rows"]

    def revive(self, i):
        key = self.servers[1 - i].key
        self.servers[i].start()
        self.servers[i].key = key

    def test_the_claim_of_a_server_that_is_gone_is_free_when_its_lease_is_over(self):
        asked = {"name": "d", "sql": "SELECT pg_sleep(600)"}
        sent = Sent(self.servers[1], "database.query", asked, "claim")
        wait_until("it is not asked", lambda: self.postgres.ask(
            "store", "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)%' AND datname LIKE 'acloud%'")
            == ["1"])
        self.servers[1].stop(kill=True)
        sent.over()
        asked["sql"] = "SELECT pg_sleep(600)"
        began = time.monotonic()
        other = Sent(self.servers[0], "database.query", {**asked}, "claim")
        self.assertEqual(other.over().code, "conflict")
        wait_until("the claim is not free", lambda: self.free("claim", asked))
        took = time.monotonic() - began
        print(f"the claim of a server that is gone was free after {took:.0f} s")
        self.assertLess(took, 40)
        self.revive(1)

    def free(self, key, asked):
        sent = Sent(self.servers[0], "database.query", asked, key)
        sent.thread.join(1)
        return sent.reply is None or sent.reply.code != "conflict"

    def test_a_server_that_comes_back_frees_its_claims_at_once(self):
        asked = {"name": "d", "sql": "INSERT INTO t SELECT 1 FROM pg_sleep(1)"}
        sent = Sent(self.servers[1], "database.query", asked, "back")
        time.sleep(0.5)
        self.servers[1].stop(kill=True)
        sent.over()
        self.revive(1)
        began = time.monotonic()
        self.assertEqual(again(self.servers[0], "database.query", asked, "back").json["rows_affected"], 1)
        self.assertLess(time.monotonic() - began, 10)
        self.assertEqual(self.query("SELECT count(*) FROM t"), [[1]])

    def test_a_database_that_a_cut_off_call_has_made_is_made_by_the_next(self):
        made = lambda: self.postgres.ask("store", "SELECT count(*) FROM pg_database WHERE datname LIKE 'acloud%'")
        self.assertEqual(again(self.servers[0], "database.create", {"name": "half"}, "half").status, 200)
        there = made()
        # As if the server had died before it wrote down that there is one, and later, before it was made whole.
        for unmade in ("", "DROP DATABASE "):
            name = self.postgres.ask("store", "SELECT 'acloud%' || id FROM databases WHERE name = 'half'")[0]
            name = self.postgres.ask("store", f"SELECT datname FROM pg_database WHERE datname LIKE '{name}'")[0]
            self.postgres.run("store", "DELETE FROM databases WHERE name = 'half'; DELETE FROM idempotency")
            if unmade:
                self.postgres.run("store", unmade + name)
            self.assertEqual(again(self.servers[1], "database.create", {"name": "half"}, "half").status, 200)
            self.assertEqual(made(), there)
            asked = {"name": "half", "sql": "SELECT 1"}
            self.assertEqual(self.servers[0].call("database.query", asked).json["rows"], [[1]])

    def test_a_task_whose_server_is_gone_for_good_ends_and_leaves_nothing_when_it_comes_back(self):
        call = self.servers[0].call
        task = call("task.run", {"goal": "wait", "program": {"command": ["sleep", "600"]},
                                 "resources": {"bucket": "gone-with-it"}}).json["id"]
        row = lambda what: self.postgres.ask("store", f"SELECT {what} FROM tasks WHERE id = '{task}'")[0]
        wait_until("its program does not run", lambda: int(row("steps")) >= 3)
        places = [Path(server.data, "place").read_text(encoding="ascii") for server in self.servers]
        held = places.index(row("place"))
        holder, other = self.servers[held], self.servers[1 - held]
        holder.stop(kill=True)
        # As if it had been away for ten minutes.
        self.postgres.run("store", "UPDATE instances SET until = until - 700000000 WHERE place = "
                                   f"'{places[held]}'; UPDATE tasks SET due = 0 WHERE id = '{task}'")
        wait_until("it has not ended", lambda: other.call("task.get", {"id": task}).json["state"] == "failed")
        error = other.call("task.get", {"id": task}).json["error"]
        self.assertEqual(error["code"], "unavailable", error)
        self.assertIn("gone", error["message"])
        self.assertEqual(other.call("object.list", {"bucket": "gone-with-it"}).code, "not_found")
        self.revive(held)
        wait_until("its sandbox is left", lambda: holder.call("sandbox.list").json["items"] == [])

    def test_sql_with_a_commit_of_its_own_is_not_done_again(self):
        asked = {"name": "d", "sql": "BEGIN; INSERT INTO t VALUES (1); COMMIT; SELECT pg_sleep(2)"}
        sent = Sent(self.servers[1], "database.query", asked, "own")
        wait_until("nothing is committed", lambda: self.query("SELECT count(*) FROM t") == [[1]])
        self.servers[1].stop(kill=True)
        sent.over()
        self.revive(1)
        reply = again(self.servers[0], "database.query", asked, "own")
        self.assertEqual(reply.code, "conflict", reply.body)
        self.assertIn("reply is lost", reply.json["error"]["message"])
        self.assertEqual(self.query("SELECT count(*) FROM t"), [[1]])

    def test_every_kind_of_sql_works_with_a_key(self):
        for number, (sql, rows) in enumerate([
                ("INSERT INTO t VALUES (1) RETURNING x", [[1]]), ("SELECT count(*) FROM t", [[1]]), ("VACUUM t", []),
                ("BEGIN; INSERT INTO t VALUES (2); COMMIT; SELECT count(*) FROM t", [[2]]),
                ("SELECT CASE WHEN true THEN 'the end' END", [["the end"]]),
                ("BEGIN ISOLATION LEVEL SERIALIZABLE; INSERT INTO t VALUES (3); COMMIT", []),
                ("SET TRANSACTION READ ONLY; SELECT count(*) FROM t", [[3]])]):
            reply = again(self.servers[0], "database.query", {"name": "d", "sql": sql}, f"kind-{number}")
            self.assertEqual(reply.status, 200, (sql, reply.body))
            self.assertEqual(reply.json["rows"], rows, sql)
        refused = again(self.servers[0], "database.query", {"name": "d", "sql": "BEGIN; INSERT INTO t VALUES (9)"}, "open")
        self.assertEqual(refused.code, "invalid_argument")
        self.assertEqual(self.query("SELECT count(*) FROM t WHERE x = 9"), [[0]])

    def test_kills_at_random_moments(self):
        chance = random.Random(int(os.environ.get("ACLOUD_SEED", "1")))
        kills = 100 if "ACLOUD_SOAK" in os.environ else 6
        for number in range(kills):
            asked = {"name": "d", "sql": f"INSERT INTO t VALUES ({number})"}
            sent = Sent(self.servers[1], "database.query", asked, f"r{number}")
            time.sleep(chance.random() * 0.1)
            self.servers[1].stop(kill=True)
            sent.over()
            self.revive(1)
            reply = again(self.servers[number % 2], "database.query", asked, f"r{number}")
            self.assertEqual(reply.json.get("rows_affected"), 1, reply.body)
        self.assertEqual(self.query("SELECT count(*), count(DISTINCT x) FROM t"), [[kills, kills]])


if __name__ == "__main__":
    unittest.main()
