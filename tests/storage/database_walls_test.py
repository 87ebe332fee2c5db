"""Product database: the walls around SQL from strangers, and what a file of its own is worth."""

import base64
import glob
import json
import os
import signal
import sqlite3
import threading
import time
import unittest
from concurrent.futures import ThreadPoolExecutor

from support.server import Server


class Walls(unittest.TestCase):
    """What SQL from strangers can't do to a server that keeps databases itself."""

    @classmethod
    def setUpClass(cls):
        cls.server = Server().start()
        cls.server.call("database.create", {"name": "w"})

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()

    def query(self, sql, params=None, **more):
        began = time.monotonic()
        arguments = {"name": "w", "sql": sql, "params": params or [], **more}
        reply = self.server.call("database.query", arguments)
        self.assertLess(time.monotonic() - began, 15, sql[:100])
        return reply

    def tearDown(self):
        alive = self.query("SELECT 1")
        self.assertEqual(alive.json["rows"], [[1]], alive.body)
        self.assertEqual(self.server.request("GET", "/healthz", key="").status, 200)

    def test_nothing_reaches_another_file(self):
        target = os.path.join(self.server.data, "acloud.db")
        for sql in (f"ATTACH '{target}' AS other", "ATTACH ':memory:' AS m", f"VACUUM INTO '{self.server.data}/copy.db'",
                    "VACUUM", "SELECT load_extension('/lib/x86_64-linux-gnu/libc.so.6')",
                    "SELECT load_extension('x', 'y')", "CREATE VIRTUAL TABLE c USING csv(filename='/etc/passwd')",
                    "CREATE VIRTUAL TABLE z USING zipfile('/etc/passwd')", "DETACH main",
                    "SELECT readfile('/etc/passwd')", "SELECT writefile('/tmp/acloud-wall', 'x')",
                    "SELECT fts3_tokenizer('simple')", "SELECT * FROM fsdir('/')"):
            reply = self.query(sql)
            self.assertEqual((reply.status, reply.code), (400, "invalid_argument"), (sql, reply.body))
        self.assertFalse(os.path.exists(os.path.join(self.server.data, "copy.db")))

    def test_nothing_changes_how_the_file_is_kept(self):
        for sql in ("PRAGMA journal_mode=DELETE", "PRAGMA journal_mode", "PRAGMA synchronous=OFF",
                    "PRAGMA writable_schema=ON", "PRAGMA max_page_count=1000000000", "PRAGMA page_size=512",
                    "PRAGMA temp_store=MEMORY", "PRAGMA temp_store_directory='/tmp'", "PRAGMA cache_size=1000000",
                    "PRAGMA mmap_size=1000000", "PRAGMA locking_mode=EXCLUSIVE", "PRAGMA schema_version=7",
                    "PRAGMA trusted_schema=ON", "PRAGMA hard_heap_limit=0", "PRAGMA threads=8",
                    "PRAGMA wal_checkpoint", "PRAGMA encoding='UTF-16'", "PRAGMA busy_timeout=1", "PRAGMA analysis_limit=0",
                    "SELECT * FROM pragma_journal_mode", "SELECT * FROM pragma_database_list"):
            reply = self.query(sql)
            self.assertEqual((reply.status, reply.code), (400, "invalid_argument"), (sql, reply.body))

    def test_the_schema_table_is_not_written(self):
        self.query("CREATE TABLE IF NOT EXISTS kept (n INTEGER)")
        for sql in ("DELETE FROM sqlite_master", "UPDATE sqlite_schema SET sql = 'x'",
                    "INSERT INTO sqlite_master VALUES ('table', 'x', 'x', 0, 'CREATE TABLE x (a)')",
                    "DROP TABLE sqlite_master", "PRAGMA writable_schema=ON; DELETE FROM sqlite_master",
                    "UPDATE sqlite_dbpage SET data = zeroblob(4096)"):
            self.assertEqual(self.query(sql).code, "invalid_argument", sql)
        self.assertIn(["kept"], self.query("SELECT name FROM sqlite_schema").json["rows"])

    def test_pragmas_that_tell_are_allowed_and_settings_end_with_the_query(self):
        self.query("CREATE TABLE IF NOT EXISTS told (n INTEGER REFERENCES told (n))")
        self.assertEqual(self.query("PRAGMA table_info(told)").json["rows"][0][1], "n")
        self.assertEqual(self.query("PRAGMA integrity_check").json["rows"], [["ok"]])
        self.assertEqual(self.query("PRAGMA user_version=7").status, 200)
        self.assertEqual(self.query("PRAGMA user_version").json["rows"], [[7]])
        self.assertEqual(self.query("PRAGMA foreign_keys=OFF").status, 200)
        self.assertEqual(self.query("PRAGMA foreign_keys").json["rows"], [[1]])
        self.assertEqual(self.query("CREATE TEMP TABLE passing (n); INSERT INTO passing VALUES (1); "
                                    "SELECT * FROM passing").json["rows"], [[1]])
        self.assertEqual(self.query("SELECT * FROM passing").code, "invalid_argument")

    def test_time_is_bounded(self):
        endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT COUNT(*) FROM n"
        self.assertEqual(self.query(endless, timeout_s=1).code, "deadline_exceeded")
        # One step that looks at no clock: only the process can be ended.
        step = "SELECT length(replace(hex(zeroblob(8000000)), '0', '0123456')), " + ", ".join(
            f"'{'a' * 60000}' LIKE '{'%a' * 400}%b'" for _ in range(2))
        self.assertEqual(self.query(step, timeout_s=1).code in ("deadline_exceeded", "too_large"), True)
        self.assertEqual(self.query("SELECT 1", timeout_s=301).code, "invalid_argument")

    def test_memory_is_bounded(self):
        server_before = self.server.memory()
        for sql in ("SELECT randomblob(1000000000)", "SELECT length(hex(randomblob(16000000)))",
                    "SELECT zeroblob(2000000000)",
                    "SELECT group_concat(hex(zeroblob(2000000))) FROM "
                    "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 100) SELECT i FROM n)",
                    "SELECT " + ", ".join(["randomblob(15000000)"] * 200)):
            reply = self.query(sql, timeout_s=10)
            self.assertEqual(reply.code, "too_large", (sql[:80], reply.body[:300]))
        self.assertLess(self.server.memory() - server_before, 64 << 20)

    @unittest.skipUnless(os.environ.get("ACLOUD_SOAK"), "a GiB of disk: ACLOUD_SOAK=1")
    def test_the_file_is_bounded(self):
        """Takes a GiB of disk for half a minute."""
        self.query("CREATE TABLE big (b BLOB)")
        fill = ("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200) "
                "INSERT INTO big SELECT zeroblob(10000000) FROM n")
        reply = self.server.call("database.query", {"name": "w", "sql": fill, "timeout_s": 120})
        self.assertEqual(reply.code, "too_large", reply.body)
        self.assertEqual(self.query("SELECT COUNT(*) FROM big").json["rows"], [[0]])

    def test_large_and_deep_sql_is_refused_or_run(self):
        terms = " + ".join(["1"] * 10_000)
        self.assertEqual(self.query(f"SELECT {terms}").code, "invalid_argument")
        self.assertEqual(self.query("SELECT " + "(" * 5000 + "1" + ")" * 5000).code, "invalid_argument")
        self.assertEqual(self.query(" UNION ALL ".join(["SELECT 1"] * 10_000)).code, "invalid_argument")
        self.assertEqual(self.query("SELECT " + ", ".join(["1"] * 5000)).code, "invalid_argument")
        joins = ", ".join(f"(SELECT 1) AS t{i}" for i in range(100))
        self.assertEqual(self.query(f"SELECT * FROM {joins}").code, "invalid_argument")
        self.assertEqual(self.query("SELECT " + "SELECT " * 100_000).code, "invalid_argument")
        many = ";".join(["SELECT 1"] * 20_000)
        self.assertEqual(self.query(many).json["rows"], [[1]])

    def test_a_huge_result_is_cut(self):
        wide = self.query("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100) "
                          "SELECT hex(zeroblob(500000)) FROM n")
        self.assertTrue(wide.json["truncated"])
        self.assertLess(len(wide.body), 5 << 20)
        self.assertGreaterEqual(len(wide.json["rows"]), 1)
        one = self.query("SELECT hex(zeroblob(5000000))")
        self.assertEqual(one.code, "too_large")

    def test_values_of_every_kind(self):
        values = self.query("SELECT NULL, 1, -9223372036854775808, 0.5, 'é', x'00ff', 9e999, -9e999").json["rows"][0]
        self.assertEqual(values, [None, 1, -2**63, 0.5, "é", {"base64": "AP8="}, "Infinity", "-Infinity"])
        raw = base64.b64encode(bytes(range(256))).decode()
        back = self.query("SELECT $1, typeof($1), $2, ?3", [{"base64": raw}, True, "x"]).json["rows"][0]
        self.assertEqual(back, [{"base64": raw}, "blob", 1, "x"])
        for wrong in ([1], {"a": 1}, {"base64": 1}, {"base64": "%"}, 2**64 - 1):
            self.assertEqual(self.query("SELECT $1", [wrong]).code, "invalid_argument", wrong)
        for name in (":a", "@a", "$a", "$0"):
            self.assertEqual(self.query(f"SELECT {name}", ["x"]).code, "invalid_argument", name)
        broken = self.query("SELECT CAST(x'ff41' AS TEXT)")
        self.assertEqual(broken.json["rows"], [["\ufffdA"]])

    def workers(self):
        """The worker processes of the server."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/stat", encoding="ascii") as file:
                    parent = int(file.read().rpartition(")")[2].split()[1])
                if parent == self.server.process.pid:
                    with open(f"/proc/{pid}/cmdline", "rb") as file:
                        if b"database-worker" in file.read():
                            found.append(int(pid))
            except (OSError, ValueError):
                continue
        return found

    def test_a_worker_that_dies_harms_nobody(self):
        self.query("CREATE TABLE IF NOT EXISTS lives (n INTEGER); INSERT INTO lives VALUES (1)")
        workers = self.workers()
        self.assertTrue(workers)
        for worker in workers:
            os.kill(worker, signal.SIGKILL)
        replies = [self.query("SELECT COUNT(*) FROM lives") for _ in range(len(workers) + 1)]
        self.assertEqual(replies[-1].status, 200)
        self.assertTrue(all(reply.status == 200 or reply.code == "too_large" for reply in replies))

    def test_workers_are_few_confined_and_end(self):
        threads = [threading.Thread(target=self.query, args=("SELECT 1",)) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        workers = self.workers()
        self.assertTrue(1 <= len(workers) <= 4, workers)
        for worker in workers:
            with open(f"/proc/{worker}/status", encoding="ascii") as file:
                status = dict(line.split(":\t", 1) for line in file.read().splitlines() if ":\t" in line)
            self.assertEqual((status["Seccomp"], status["NoNewPrivs"]), ("2", "1"))

    def test_two_writers_and_a_reader_beside_them(self):
        self.query("CREATE TABLE beside (n INTEGER)")
        failures = []

        def write():
            for _ in range(20):
                reply = self.query("INSERT INTO beside SELECT COUNT(*) FROM beside")
                if reply.status != 200:
                    failures.append(reply.body)
        writers = [threading.Thread(target=write) for _ in range(4)]
        for writer in writers:
            writer.start()
        while any(writer.is_alive() for writer in writers):
            self.assertEqual(self.query("SELECT COUNT(*) FROM beside").status, 200)
        self.assertEqual(failures, [])
        self.assertEqual(self.query("SELECT COUNT(*), COUNT(DISTINCT n) FROM beside").json["rows"], [[80, 80]])

    def file(self):
        """Of the only database that is there."""
        (file,) = glob.glob(os.path.join(self.server.data, "databases", "*", "*.db"))
        return file

    def wait_for_a_writer(self):
        """Until the database's write lock is somebody's."""
        connection = sqlite3.connect(self.file(), timeout=0, isolation_level=None)
        self.addCleanup(connection.close)
        by = time.monotonic() + 10
        with self.assertRaisesRegex(sqlite3.OperationalError, "locked"):
            while time.monotonic() < by:
                connection.execute("BEGIN IMMEDIATE")
                connection.execute("ROLLBACK")
                time.sleep(0.01)

    def test_a_reader_whose_worker_is_new_waits_for_no_writer(self):
        self.query("CREATE TABLE busy (n INTEGER); INSERT INTO busy VALUES (1)")
        for worker in self.workers():
            os.kill(worker, signal.SIGKILL)
        for _ in range(5):  # until none of them is left to be found dead
            self.query("SELECT 1")
        ended = []
        endless = ("INSERT INTO busy SELECT i FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
                   "SELECT i FROM n WHERE i < 0)")
        writer = threading.Thread(target=lambda: ended.append(self.query(endless, timeout_s=12)))
        writer.start()
        with ThreadPoolExecutor() as pool:
            self.wait_for_a_writer()
            replies = list(pool.map(lambda _: self.query("SELECT n FROM busy"), range(8)))
        self.assertEqual([(reply.status, reply.json.get("rows")) for reply in replies], [(200, [[1]])] * 8)
        self.assertEqual(ended, [])
        writer.join()
        self.assertEqual(ended[0].code, "deadline_exceeded")

    def test_the_file_is_an_ordinary_one(self):
        self.query("CREATE TABLE plain (n INTEGER); INSERT INTO plain VALUES (42)")
        self.assertEqual(os.stat(self.file()).st_mode & 0o077, 0)
        connection = sqlite3.connect(f"file:{self.file()}?mode=ro", uri=True)
        self.assertEqual(connection.execute("SELECT n FROM plain").fetchall(), [(42,)])
        self.assertEqual(connection.execute("PRAGMA journal_mode").fetchone(), ("wal",))
        connection.close()


if __name__ == "__main__":
    unittest.main()
