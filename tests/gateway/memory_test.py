"""Thousands of mixed calls, broken by the provider in every way and left by clients at every point: each whole
reply is the right one, every call has one record, and memory stays where it was. 100,000 calls where ACLOUD_SOAK
is set.

    python3 -m unittest -v gateway.memory_test
"""

import http.client
import json
import os
import random
import sqlite3
import threading
import unittest

from support.server import Server
from support.upstream import TEXT, Upstream

CALLS = 100_000 if os.environ.get("ACLOUD_SOAK") else 6_000
WARM = CALLS // 4
THREADS = 8
# By the text that asks for it. Those before the first token are answered with an error, those after it end the
# stream with one; "@" concerns streams alone.
FAULTS = {"well 1": "", "well 2": "", "well 3": "", "well 4": "", "reset": "reset", "close": "close",
          "not json": "not-json", "half a body": "half-body", "reset late": "reset@4", "half a chunk": "half-chunk@4",
          "bad json": "bad-json@2", "end": "end@0", "error": "error@5", "500": (500, {}, b"{}"),
          "html": "html", "429": (429, {}, {"error": {"message": "slow down"}}),
          "429 later": (429, {"retry-after": "7"}, {"error": {"message": "slow down"}}),
          "400": (400, {}, {"error": {"message": "no"}})}


def is_right(fault, stream, status, body):
    """Is that what a client is to get of a call with the fault?"""
    if isinstance(fault, tuple) and fault[0] == 400:
        return status == 400
    if isinstance(fault, tuple) or fault in ("reset", "close", "not-json", "html", "half-body"):
        if fault == "half-body" and stream:  # a fault of whole replies
            return status == 200
        return status in (429, 502, 503, 504, 529) and b"error" in body
    if fault and stream:
        return status in (200, 503, 529) and b"error" in body
    words = TEXT.split(" ")
    return status == 200 and (all(word.encode() in body for word in words) if stream else TEXT.encode() in body)


class Memory(unittest.TestCase):
    def setUp(self):
        self.upstream = self.enterContext(Upstream())
        self.upstream.keep_requests = False
        self.upstream.faults_of_text = FAULTS
        config = self.upstream.config()
        config = config.replace('name = "gpt"\n', 'name = "gpt"\nretries = 0\n').replace(
            'name = "claude"\n', 'name = "claude"\nretries = 0\n')
        self.server = self.enterContext(Server(config=config, environment={"MOCK_KEY": "k"}, flags=["--log", "error"]))
        self.server.log = Ignore()
        self.lock = threading.Lock()
        self.left_early = 0
        self.left = 0
        self.wrong = []

    def work(self, calls, seed):
        chance = random.Random(seed)
        connection = self.server.connect()
        for _ in range(calls):
            path = chance.choice(("/v1/chat/completions", "/v1/messages", "/v1/responses"))
            text = chance.choice(list(FAULTS))
            stream = chance.random() < 0.5
            body = {"model": chance.choice(("gpt", "claude")), "stream": stream}
            if path == "/v1/responses":
                body["input"] = text
            else:
                body |= {"messages": [{"role": "user", "content": text}], "max_tokens": 100}
            try:
                connection.request("POST", path, json.dumps(body), {"Authorization": f"Bearer {self.server.key}"})
                leaves = chance.random() if chance.random() < 0.2 else 1
                if leaves < 0.4:  # before the answer
                    connection.close()
                    with self.lock:
                        self.left_early += 1
                    continue
                response = connection.getresponse()
                if leaves < 1:  # in the middle of it: after its head, or some bytes further on
                    response.read1(chance.randrange(1, 1500)) if leaves < 0.8 else None
                    response.close()
                    connection.close()
                    with self.lock:
                        self.left += 1
                    continue
                reply = response.read()
                if not is_right(FAULTS[text], stream, response.status, reply):
                    self.wrong.append((path, body, response.status, reply[-300:]))
            except (http.client.HTTPException, OSError) as error:
                self.wrong.append((path, body, repr(error)))
                connection.close()
        connection.close()

    def run_calls(self, calls, seed):
        threads = [threading.Thread(target=self.work, args=(calls // THREADS, seed + i)) for i in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertFalse(self.wrong[:3], len(self.wrong))

    def test_memory_does_not_grow(self):
        self.run_calls(WARM, 1)
        before = self.server.memory()
        self.run_calls(CALLS, 100)
        grown = self.server.memory() - before
        self.assertEqual(self.server.stop(), 0)  # every record is in the database then
        calls = (WARM // THREADS + CALLS // THREADS) * THREADS
        database = sqlite3.connect(os.path.join(self.server.data, "acloud.db"))
        one = lambda query: database.execute(query).fetchone()[0]
        audited = one("SELECT count(*) FROM audit WHERE operation = 'model.chat'")
        distinct = one("SELECT count(DISTINCT request_id) FROM audit WHERE operation = 'model.chat'")
        counted = one("SELECT sum(calls) FROM usage_totals WHERE operation = 'model.chat'")
        twice = one("SELECT count(*) FROM (SELECT request_id FROM usage_calls WHERE operation = 'model.chat' "
                    "GROUP BY request_id HAVING count(*) > 1)")
        database.close()
        print(f"figure: {calls} calls, {self.left_early} left before the answer, {self.left} in the middle of it: "
              f"{audited} records; memory grew by {grown / 1e6:.1f} MB from {before / 1e6:.0f} MB")
        self.assertEqual((audited, audited, 0), (distinct, counted, twice))
        # Who leaves with the request still on its way has made no call.
        self.assertTrue(calls - self.left_early <= audited <= calls, (audited, calls, self.left_early))
        self.assertLess(grown, 20 << 20)


class Ignore(list):
    def append(self, _):
        pass


if __name__ == "__main__":
    unittest.main()
