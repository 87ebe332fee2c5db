"""Thousands of mixed calls, faults and hang-ups among them: memory stays where it was, every call has its
record. 100,000 calls where ACLOUD_SOAK is set."""

import http.client
import json
import os
import random
import sqlite3
import threading
import unittest

from gateway.basic_test import MESSAGES
from support.server import Server
from support.upstream import Upstream

CALLS = 100_000 if os.environ.get("ACLOUD_SOAK") else 6_000
WARM = CALLS // 4
THREADS = 8
FAULTS = ("", "", "", "", "reset", "close", "not-json", "reset@4", "half-chunk@4", "bad-json@2", "end@0", "error@5",
          (500, {}, b"{}"), (429, {}, {"error": {"message": "slow down"}}), (400, {}, {"error": {"message": "no"}}))


class Memory(unittest.TestCase):
    def setUp(self):
        self.upstream = self.enterContext(Upstream())
        self.upstream.keep_requests = False
        config = self.upstream.config()
        config = config.replace('name = "gpt"\n', 'name = "gpt"\nretries = 0\n').replace(
            'name = "claude"\n', 'name = "claude"\nretries = 0\n')
        self.server = self.enterContext(Server(config=config, environment={"MOCK_KEY": "k"}, flags=["--log", "error"]))
        self.server.log = Ignore()

    def work(self, calls, seed, broken):
        chance = random.Random(seed)
        connection = self.server.connect()
        for _ in range(calls):
            path = chance.choice(("/v1/chat/completions", "/v1/messages", "/v1/responses"))
            body = {"model": chance.choice(("gpt", "claude")), "stream": chance.random() < 0.5}
            if path == "/v1/responses":
                body["input"] = "Hello"
            else:
                body |= {"messages": MESSAGES, "max_tokens": 100}
            self.upstream.faults.append(chance.choice(FAULTS))
            try:
                connection.request("POST", path, json.dumps(body), {"Authorization": f"Bearer {self.server.key}"})
                if chance.random() < 0.1:
                    connection.close()  # hangs up
                    continue
                connection.getresponse().read()
            except (http.client.HTTPException, OSError):
                broken.append(1)  # a reply that broke off is right for some faults
                connection.close()
        connection.close()

    def run_calls(self, calls, seed):
        broken = []
        threads = [threading.Thread(target=self.work, args=(calls // THREADS, seed + i, broken)) for i in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertLess(len(broken), calls / 10)

    def test_memory_does_not_grow(self):
        self.run_calls(WARM, 1)
        before = self.server.memory()
        self.run_calls(CALLS, 100)
        grown = self.server.memory() - before
        self.assertLess(grown, 20 << 20)
        self.assertEqual(self.server.stop(), 0)  # every record is in the database then
        calls = (WARM // THREADS + CALLS // THREADS) * THREADS
        database = sqlite3.connect(os.path.join(self.server.data, "acloud.db"))
        audited, distinct = database.execute(
            "SELECT count(*), count(DISTINCT request_id) FROM audit WHERE operation = 'model.chat'").fetchone()
        twice = database.execute("SELECT count(*) FROM (SELECT request_id FROM usage_calls WHERE model != '' "
                                 "GROUP BY request_id HAVING count(*) > 1)").fetchone()[0]
        database.close()
        self.assertEqual((audited, twice), (distinct, 0))
        # A call whose client left before it was read whole is none.
        self.assertTrue(0.85 * calls <= audited <= calls, (audited, calls))


class Ignore(list):
    def append(self, _):
        pass


if __name__ == "__main__":
    unittest.main()
