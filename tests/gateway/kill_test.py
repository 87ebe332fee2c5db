"""A server that is killed again and again under load, and started again: the records of all calls are what the
provider counted, call by call and bucket by bucket; no call has two; the budget is not overdrawn. 20,000 calls
where ACLOUD_SOAK is set.

    python3 -m unittest -v gateway.kill_test

The provider tells each call other figures than all others, so that its record can be told from them. A call that
was under way when the server died may have an estimated record instead: its provider was not heard to the end.
"""

import collections
import http.client
import json
import os
import random
import sqlite3
import threading
import unittest
from fractions import Fraction

from support.server import Server
from support.upstream import Buckets, Upstream

CALLS, KILLS = (20_000, 40) if os.environ.get("ACLOUD_SOAK") else (1_500, 5)
THREADS = 8
BUCKETS = ("input_uncached", "cache_read", "cache_write_5m", "cache_write_1h", "output", "reasoning")
FAULTS = {"well": "", "well too": "", "reset": "reset", "500": (500, {}, b"{}"), "400": (400, {}, {"error": {}})}
PROMPT = " " + "x" * 500  # longer than the provider's largest figure, so that no estimate is too low
PRICE = {"input": Fraction(1, 10**6), "output": Fraction(10, 10**6)}


class Kills(unittest.TestCase):
    def setUp(self):
        self.upstream = self.enterContext(Upstream())
        self.upstream.keep_requests = False
        self.upstream.numbered = True
        self.upstream.faults_of_text = {text + PROMPT: fault for text, fault in FAULTS.items()}
        config = self.upstream.config()
        for name in ("gpt", "claude"):
            config = config.replace(f'name = "{name}"\n', f'name = "{name}"\nretries = 0\nprice = {{ input = 1, output = 10 }}\n')
        self.server = self.enterContext(Server(config=config, environment={"MOCK_KEY": "k"}, flags=["--log", "error"]))
        self.lock = threading.Condition()
        self.left = CALLS
        self.under_way = 0
        self.answered = collections.Counter()

    def budget(self, limit):
        """As one that was set for the workspace: a cent is 10,000 millionths."""
        self.server.stop()
        database = self.open()
        with database:
            database.execute("INSERT INTO budgets VALUES ('bud_1', 'default', 'workspace', 'default', ?, 0, 'total', 1, 0)",
                             (int(limit * 10**6),))
        database.close()
        self.server.start()

    def open(self):
        return sqlite3.connect(os.path.join(self.server.data, "acloud.db"), timeout=30)

    def work(self, seed):
        """Calls until there are enough. A killed server is waited for."""
        chance = random.Random(seed)
        while True:
            with self.lock:
                self.lock.wait_for(lambda: self.server.process or self.left <= 0, 60)
                if self.left <= 0:
                    return
                self.left -= 1
                connection = self.server.connect()
            path = chance.choice(("/v1/chat/completions", "/v1/messages"))
            body = {"model": chance.choice(("gpt", "claude")), "stream": chance.random() < 0.5,
                    "messages": [{"role": "user", "content": chance.choice(list(FAULTS)) + PROMPT}],
                    "max_tokens": chance.randrange(1, 10)}
            try:
                connection.request("POST", path, json.dumps(body), {"Authorization": f"Bearer {self.server.key}"})
                response = connection.getresponse()
                response.read()
                with self.lock:
                    self.answered[response.status] += 1
            except (http.client.HTTPException, OSError):
                with self.lock:
                    self.answered["killed"] += 1
            connection.close()

    def test_records_are_what_the_provider_counted(self):
        self.budget(1000)
        threads = [threading.Thread(target=self.work, args=(i,)) for i in range(THREADS)]
        for thread in threads:
            thread.start()
        for kill in range(1, KILLS + 1):
            while self.left > CALLS - kill * CALLS // (KILLS + 1):
                threads[0].join(0.002)
            self.server.process.kill()
            with self.lock:
                self.server.stop(kill=True)
                self.server.start()
                self.lock.notify_all()
        for thread in threads:
            thread.join()
        self.server.restart(kill=True)  # charges what was under way
        self.assertEqual(self.server.stop(), 0)
        self.check_records(1000)

    def test_a_budget_runs_out_and_is_not_overdrawn(self):
        limit = Fraction(2, 100)
        self.left = 1_000
        self.budget(limit)
        threads = [threading.Thread(target=self.work, args=(i,)) for i in range(THREADS)]
        for thread in threads:
            thread.start()
        while self.left > 100:
            threads[0].join(0.002)
        self.server.process.kill()
        with self.lock:
            self.server.stop(kill=True)
            self.server.start()
            self.lock.notify_all()
        for thread in threads:
            thread.join()
        self.server.restart(kill=True)
        self.assertEqual(self.server.stop(), 0)
        self.assertTrue(self.answered[402] or self.answered[429], self.answered)
        self.assertGreater(self.check_records(limit), limit * 9 / 10)

    def check_records(self, limit):
        database = self.open()
        rows = database.execute(f"SELECT request_id, part, model, outcome, estimated, {', '.join(BUCKETS)}, cost_micro, cost_rest "
                                "FROM usage_calls WHERE model IN ('gpt', 'claude')").fetchall()
        spent = sum(Fraction(row[-2], 10**6) + Fraction(row[-1], 10**18) for row in rows)
        sums = database.execute("SELECT sum(cost_micro), sum(cost_rest) FROM usage_totals").fetchone()
        database.close()
        self.assertEqual(len({row[0] for row in rows}), len(rows), "a call has two records")
        exact, estimated = {}, 0
        for row in rows:
            if row[4]:
                estimated += 1
                self.assertEqual(row[3], "lost", row)
                continue
            tokens = dict(zip(BUCKETS, row[5:]))
            key = ("mock-" + row[2], tokens["input_uncached"], tokens["cache_read"])
            self.assertNotIn(key, exact, "two records of one call")
            self.assertEqual(+Buckets(tokens), +self.upstream.figures[key], row)
            exact[key] = Buckets(tokens)
        recorded, counted = Buckets(), Buckets()
        for key, tokens in exact.items():
            recorded.update(tokens)
            counted.update(self.upstream.figures[key])
        self.assertEqual(+recorded, +counted)
        self.assertGreaterEqual(len(exact), self.answered[200], "an answered call has no record")
        self.assertLessEqual(estimated + len(exact) - self.answered[200], self.answered["killed"])
        self.assertEqual(spent, Fraction(sums[0], 10**6) + Fraction(sums[1], 10**18))
        self.assertLessEqual(spent, limit)
        print(f"figure: calls {dict(self.answered)}: {len(exact)} records as the provider counted, {estimated} of calls that a kill "
              f"cut off; tokens {dict(+recorded)}; {float(spent):.6f} spent of {float(limit):.2f}")
        return spent


if __name__ == "__main__":
    unittest.main()
