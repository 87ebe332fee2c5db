"""Product database: what it does on either engine."""

import base64
import json
import os
import threading
import time
import unittest

from support.postgres import Postgres
from support.server import Server


class Databases(unittest.TestCase):
    """What holds for either engine."""

    @classmethod
    def setUpClass(cls):
        cls.server = Server().start()

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()

    def make(self, name, key=None):
        reply = self.server.call("database.create", {"name": name}, key=key)
        self.assertEqual(reply.status, 200, reply.body)
        return name

    def query(self, name, sql, params=None, key=None, **more):
        arguments = {"name": name, "sql": sql, **more}
        if params is not None:
            arguments["params"] = params
        return self.server.call("database.query", arguments, key=key)

    def rows(self, name, sql, params=None, **more):
        reply = self.query(name, sql, params, **more)
        self.assertEqual(reply.status, 200, reply.body)
        return reply.json["rows"]

    def test_what_is_inserted_is_selected(self):
        name = self.make("round-trip")
        made = self.query(name, "CREATE TABLE t (city TEXT, n INTEGER)").json
        self.assertEqual((made["columns"], made["rows"]), ([], []))
        added = self.query(name, "INSERT INTO t VALUES ('Oslo', 3), ('Lima', 4)").json
        self.assertEqual((added["columns"], added["rows"], added["rows_affected"]), ([], [], 2))
        asked = self.query(name, "SELECT city, n FROM t ORDER BY n DESC").json
        self.assertEqual(asked, {"columns": ["city", "n"], "rows": [["Lima", 4], ["Oslo", 3]]})
        self.assertEqual(self.query(name, "UPDATE t SET n = n + 1 WHERE n > 3").json["rows_affected"], 1)
        self.assertEqual(self.rows(name, "SELECT SUM(n) FROM t"), [[8]])

    def test_values_travel_beside_the_sql(self):
        name = self.make("params")
        self.query(name, "CREATE TABLE p (a TEXT, b BIGINT, c DOUBLE PRECISION)")
        hostile = "'); DROP TABLE p; --"
        self.query(name, "INSERT INTO p VALUES ($1, $2, $3)", [hostile, 2**53 + 1, 0.1])
        self.query(name, "INSERT INTO p VALUES ($3, $1, $2)", [7, 2.5, None])
        self.assertEqual(self.rows(name, "SELECT a, b, c FROM p ORDER BY b DESC"),
                         [[hostile, 2**53 + 1, 0.1], [None, 7, 2.5]])
        for sql, params in (("SELECT $1", []), ("SELECT $1", ["1", "2"]), ("SELECT 1; SELECT $1", ["1"])):
            self.assertEqual(self.query(name, sql, params).code, "invalid_argument", sql)

    def test_several_statements_are_all_done_or_none(self):
        name = self.make("script")
        self.assertEqual(self.rows(name, "CREATE TABLE s (n INTEGER PRIMARY KEY); INSERT INTO s VALUES (1), (2); "
                                         "SELECT COUNT(*) FROM s;"), [[2]])
        broken = self.query(name, "INSERT INTO s VALUES (3); INSERT INTO s VALUES (1)")
        self.assertEqual((broken.status, broken.code), (409, "conflict"))
        self.assertEqual(self.rows(name, "SELECT COUNT(*) FROM s"), [[2]])
        self.assertEqual(self.query(name, "INSERT INTO s VALUES (4); SELECT * FROM nowhere").code, "invalid_argument")
        self.assertEqual(self.rows(name, "SELECT COUNT(*) FROM s"), [[2]])

    def test_a_transaction_of_its_own_must_end(self):
        name = self.make("transactions")
        self.query(name, "CREATE TABLE t (n INTEGER)")
        self.assertEqual(self.query(name, "BEGIN; INSERT INTO t VALUES (1); COMMIT").status, 200)
        self.assertEqual(self.query(name, "BEGIN; INSERT INTO t VALUES (2)").code, "invalid_argument")
        self.assertEqual(self.query(name, "BEGIN").code, "invalid_argument")
        self.assertEqual(self.rows(name, "SELECT n FROM t"), [[1]])

    def test_wrong_sql_says_what_is_wrong(self):
        name = self.make("wrong")
        missing = self.query(name, "SELECT * FROM nowhere")
        self.assertEqual((missing.status, missing.code), (400, "invalid_argument"))
        self.assertIn("nowhere", missing.json["error"]["message"])
        for sql in ("", "  ", "-- nothing", ";;", "SELEC 1", "SELECT 'a"):
            self.assertEqual(self.query(name, sql).code, "invalid_argument", sql)
        self.assertEqual(self.query(name, "SELECT 1" + " " * (1 << 20)).code, "invalid_argument")

    def test_rows_are_bounded_and_say_so(self):
        name = self.make("bounded")
        numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) SELECT i FROM n"
        first = self.query(name, numbers, limit=10).json
        self.assertEqual((len(first["rows"]), first["truncated"]), (10, True))
        default = self.query(name, numbers).json
        self.assertEqual((len(default["rows"]), default["truncated"]), (1000, True))
        self.assertEqual(len(self.query(name, numbers, limit=10000).json["rows"]), 10000)
        self.assertEqual(self.query(name, numbers, limit=10001).code, "invalid_argument")
        self.assertNotIn("truncated", self.query(name, "SELECT 1").json)

    def test_names_are_listed_unique_and_checked(self):
        self.make("a-name")
        self.assertEqual(self.server.call("database.create", {"name": "a-name"}).code, "conflict")
        names = [item["name"] for item in self.server.call("database.list", {"limit": 1000}).json["items"]]
        self.assertIn("a-name", names)
        self.assertEqual(names, sorted(names))
        for name in ("", "../x", "a/b", "-x", "x" * 64, "a b", "é"):
            self.assertEqual(self.server.call("database.create", {"name": name}).code, "invalid_argument", name)
        gone = self.query("nowhere", "SELECT 1")
        self.assertEqual((gone.status, gone.code), (404, "not_found"))

    def test_get_tells_the_tables(self):
        name = self.make("told")
        self.query(name, "CREATE TABLE b (x INTEGER, y TEXT); CREATE TABLE a (z TEXT); CREATE VIEW v AS SELECT x FROM b")
        info = self.server.call("database.get", {"name": name}).json
        tables = {table["name"]: [column["name"] for column in table["columns"]] for table in info["tables"]}
        self.assertEqual(tables, {"a": ["z"], "b": ["x", "y"], "v": ["x"]})
        self.assertEqual(info["engine"], self.engine)

    engine = "sqlite"

    def test_deleted_is_gone_with_what_it_held(self):
        name = self.make("gone")
        self.query(name, "CREATE TABLE t (n INTEGER)")
        before = self.stored()
        self.assertEqual(self.server.call("database.delete", {"name": name}).status, 200)
        self.assertEqual(self.query(name, "SELECT 1").code, "not_found")
        self.assertEqual(self.server.call("database.delete", {"name": name}).code, "not_found")
        self.wait_until(lambda: len(self.stored()) < len(before))
        self.make(name)
        self.assertEqual(self.query(name, "SELECT * FROM t").code, "invalid_argument")

    def stored(self):
        """What the engine has: a set of something for each database that was used."""
        return {os.path.join(folder, file) for folder, _, files in os.walk(os.path.join(self.server.data, "databases"))
                for file in files if file.endswith(".db")}

    def wait_until(self, holds):
        deadline = time.monotonic() + 20
        while not holds():
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.05)

    def test_a_workspace_sees_nothing_of_another(self):
        name = self.make("walled")
        self.query(name, "CREATE TABLE secrets (s TEXT); INSERT INTO secrets VALUES ('hidden')")
        made = self.server.call("workspace.create", {"name": f"other-{time.monotonic_ns()}"}).json
        other = self.server.call("key.create", {"name": "k", "workspace": made["id"]}).json["key"]
        for operation, arguments in (("database.query", {"name": name, "sql": "SELECT * FROM secrets"}),
                                     ("database.get", {"name": name}), ("database.delete", {"name": name})):
            reply = self.server.call(operation, arguments, key=other)
            self.assertEqual(reply.code, "not_found", operation)
        self.assertEqual(self.server.call("database.list", key=other).json["items"], [])
        self.make(name, key=other)
        self.assertEqual(self.query(name, "SELECT * FROM secrets", key=other).code, "invalid_argument")
        self.assertEqual(self.query(name, "CREATE TABLE t (n INTEGER)", key=other).status, 200)
        before = len(self.stored())
        self.assertEqual(self.server.call("workspace.delete", {"id": made["id"]}).status, 200)
        self.server.restart()  # which sweeps
        self.wait_until(lambda: len(self.stored()) < before)
        self.assertEqual(self.rows(name, "SELECT s FROM secrets"), [["hidden"]])

    def test_grants_name_databases(self):
        self.make("granted")
        self.make("not-granted")
        grant = {"operations": ["database.query"], "resources": ["database/granted"]}
        key = self.server.call("key.create", {"name": "narrow", "grant": grant}).json["key"]
        self.assertEqual(self.query("granted", "SELECT 1", key=key).status, 200)
        self.assertEqual(self.query("not-granted", "SELECT 1", key=key).code, "permission_denied")

    def test_a_query_ends_at_its_time_and_others_go_on(self):
        name = self.make("forever")
        self.query(name, "CREATE TABLE t (n INTEGER)")
        endless = self.endless()
        began = time.monotonic()
        slow = []
        threads = [threading.Thread(target=lambda: slow.append(self.query(name, endless, timeout_s=4)))
                   for _ in range(3)]
        for thread in threads:
            thread.start()
        made = self.server.call("workspace.create", {"name": f"beside-{time.monotonic_ns()}"}).json
        other = self.server.call("key.create", {"name": "k", "workspace": made["id"]}).json["key"]
        self.make("quick", key=other)
        self.assertEqual(self.query("quick", "SELECT 1", key=other).status, 200)
        self.assertEqual(slow, [])  # they have not ended yet
        for thread in threads:
            thread.join()
        self.assertEqual([(r.status, r.code) for r in slow], [(504, "deadline_exceeded")] * 3)
        self.assertLess(time.monotonic() - began, 30)
        self.assertEqual(self.rows(name, "SELECT COUNT(*) FROM t"), [[0]])

    def test_a_query_ends_with_its_client_and_with_its_server(self):
        name = self.make("left")
        self.query(name, "CREATE TABLE t (n INTEGER)")
        body = json.dumps({"name": name, "sql": self.endless(), "timeout_s": 300}).encode()
        active = lambda: self.server.gauge("acloud_http_requests_active")
        before = active()

        def ask():
            client = self.server.connect()
            client.request("POST", "/api/database/query", body,
                           {"Content-Type": "application/json", "Authorization": f"Bearer {self.server.key}"})
            self.wait_until(lambda: active() > before)
            return client

        for _ in range(5):  # more than may run at once: they wait for nobody who has left
            ask().close()
            self.wait_until(lambda: active() == before)
        self.assertEqual(self.rows(name, "SELECT COUNT(*) FROM t", timeout_s=20), [[0]])
        waiting = ask()
        self.server.flags += ["--drain", "0s"]
        self.assertEqual(self.server.stop(), 0)  # within 30 s
        waiting.close()
        del self.server.flags[-2:]
        self.server.start()

    def endless(self):
        return ("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
                "INSERT INTO t SELECT i FROM n WHERE i < 0")

    def test_what_was_acknowledged_survives_kill(self):
        name = self.make("durable")
        self.query(name, "CREATE TABLE t (n INTEGER PRIMARY KEY)")
        acknowledged, stop = [], threading.Event()

        def write(worker):
            for i in range(1000):
                if stop.is_set():
                    return
                try:
                    reply = self.query(name, "INSERT INTO t VALUES ($1)", [worker * 1000 + i])
                    if reply.status == 200:
                        acknowledged.append(worker * 1000 + i)
                except OSError:
                    return
        writers = [threading.Thread(target=write, args=(i,)) for i in range(2)]
        for writer in writers:
            writer.start()
        self.wait_until(lambda: len(acknowledged) > 20)
        self.server.stop(kill=True)
        stop.set()
        for writer in writers:
            writer.join()
        self.server.start()
        there = {row[0] for row in self.rows(name, "SELECT n FROM t", limit=10000)}
        self.assertEqual(set(acknowledged) - there, set())


class DatabasesOnPostgres(Databases):
    engine = "postgres"

    @classmethod
    def setUpClass(cls):
        cls.postgres = cls.enterClassContext(Postgres())
        config = f'[store]\nurl = "{cls.postgres.new_database("databases")}"\n'
        cls.server = Server(config=config).start()
        cls.second = cls.enterClassContext(Server(config=config))

    def stored(self):
        return set(self.postgres.ask("postgres", "SELECT datname FROM pg_database WHERE datname LIKE 'acloud%'"))

    def test_a_workspace_sees_nothing_of_another(self):
        self.wait_until = lambda holds: None  # other servers' databases are swept after ten minutes
        super().test_a_workspace_sees_nothing_of_another()

    def test_two_servers_share_a_database(self):
        name = self.make("shared")
        self.query(name, "CREATE TABLE t (n INTEGER); INSERT INTO t VALUES (7)")
        there = self.second.call("database.query", {"name": name, "sql": "SELECT n FROM t"})
        self.assertEqual(there.json["rows"], [[7]], there.body)

    def test_values_of_every_kind(self):
        name = self.make("kinds")
        sql = ("SELECT NULL, 1, 9223372036854775807, 0.5::float8, 'é', '\\x00ff'::bytea, 'NaN'::float8, true, "
               "1.25::numeric, 123456789012345678901234567890::numeric, '{\"a\":[1]}'::jsonb, date '2026-11-27'")
        self.assertEqual(self.rows(name, sql), [[None, 1, 2**63 - 1, 0.5, "é", {"base64": "AP8="}, "NaN", True, 1.25,
                                                 "123456789012345678901234567890", {"a": [1]}, "2026-11-27"]])
        self.assertEqual(self.rows(name, "SELECT $1::bytea, $2::boolean, $3::text", [{"base64": "AP8="}, True, None]),
                         [[{"base64": "AP8="}, True, None]])
        for wrong in ([1], {"a": 1}, {"base64": "%"}, "a\u0000b"):
            self.assertEqual(self.query(name, "SELECT $1", [wrong]).code, "invalid_argument", wrong)

    def test_walls(self):
        name = self.make("walls")
        self.query(name, "CREATE TABLE lines (line TEXT)")
        for sql in ("COPY lines FROM '/etc/passwd'", "COPY lines TO '/tmp/acloud-wall'", "COPY lines FROM STDIN",
                    "COPY lines TO STDOUT", "COPY lines FROM PROGRAM 'id'", "SELECT pg_read_file('/etc/passwd')",
                    "SELECT lo_import('/etc/passwd')", "CREATE DATABASE other", "CREATE ROLE other",
                    "CREATE EXTENSION dblink", "CREATE EXTENSION postgres_fdw", "SET ROLE acloud",
                    "SET SESSION AUTHORIZATION acloud", "ALTER ROLE CURRENT_USER SUPERUSER",
                    "SELECT * FROM databases.public.databases", "ALTER SYSTEM SET fsync = off",
                    "SELECT rolpassword FROM pg_authid", "LOAD 'plpgsql_check'", "DO $$ BEGIN EXECUTE 'RESET ROLE; "
                    "CREATE ROLE other'; END $$"):
            reply = self.query(name, sql)
            self.assertEqual((reply.status, reply.code), (400, "invalid_argument"), (sql, reply.body))
        who = self.rows(name, "SELECT current_user, session_user; RESET ROLE; SELECT current_user = session_user, "
                              "(SELECT rolsuper OR rolcreatedb OR rolcreaterole FROM pg_roles WHERE rolname = current_user)")
        self.assertEqual(who, [[True, False]])
        self.query(name, "SET search_path = nowhere; SET statement_timeout = 0")
        self.assertEqual(self.rows(name, "SHOW search_path"), [['"$user", public']])
        began = time.monotonic()
        slept = self.query(name, "SET statement_timeout = 0; SELECT pg_sleep(60)", timeout_s=1)
        self.assertEqual(slept.code, "deadline_exceeded")
        self.assertLess(time.monotonic() - began, 10)


if __name__ == "__main__":
    unittest.main()
