"""Product queue: on SQLite, on PostgreSQL, and with two servers on one database."""

import threading
import time
import unittest
from concurrent.futures import ThreadPoolExecutor

from support.postgres import Postgres
from support.server import Server


def on(url):
    return f'[store]\nurl = "{url}"\n'


class Queues(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server().start()

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()

    def ok(self, operation, **arguments):
        reply = self.server.call(f"queue.{operation}", arguments)
        self.assertEqual(reply.status, 200, (operation, reply.body))
        return reply.json

    def code(self, operation, **arguments):
        return self.server.call(f"queue.{operation}", arguments).code

    def make(self, name, **more):
        self.ok("create", name=name, **more)
        return name

    def bodies(self, name, limit=100, **more):
        return [item["body"] for item in self.ok("receive", name=name, limit=limit, **more)["items"]]

    def test_messages_come_in_the_order_of_sending_until_acked(self):
        name = self.make("order")
        ids = [self.ok("send", name=name, body=f"m{i}")["id"] for i in range(5)]
        items = self.ok("receive", name=name, limit=3)["items"]
        self.assertEqual([item["body"] for item in items], ["m0", "m1", "m2"])
        self.assertEqual([item["id"] for item in items], ids[:3])
        self.assertEqual({item["receives"] for item in items}, {1})
        self.assertEqual(self.bodies(name), ["m3", "m4"])
        self.assertEqual(self.bodies(name), [])
        self.assertEqual(self.ok("ack", name=name, receipt=items[0]["receipt"]), {})
        self.assertEqual(self.code("ack", name=name, receipt=items[0]["receipt"]), "not_found")
        state = self.ok("get", name=name)
        self.assertEqual((state["ready"], state["waiting"]), (0, 4))

    def test_bodies_are_any_text_within_the_limit(self):
        name = self.make("bodies")
        for body in ("", "é\n\u0000\U0001f600", "x" * (256 << 10)):
            self.ok("send", name=name, body=body)
            self.assertEqual(self.bodies(name), [body])
        self.assertEqual(self.code("send", name=name, body="x" * ((256 << 10) + 1)), "invalid_argument")
        self.assertEqual(self.code("send", name=name, body={"a": 1}), "invalid_argument")

    def test_large_messages_come_in_several_replies(self):
        name = self.make("large")
        for _ in range(20):
            self.ok("send", name=name, body="x" * (256 << 10))
        counts = []
        while sum(counts) < 20:
            counts.append(len(self.bodies(name)))
            self.assertGreater(counts[-1], 0)
        self.assertEqual((counts, sum(counts)), ([16, 4], 20))

    def test_one_that_is_not_acked_is_given_again_and_its_old_receipt_is_worth_nothing(self):
        name = self.make("again", visibility_s=1)
        self.ok("send", name=name, body="m")
        first = self.ok("receive", name=name)["items"][0]
        began = time.monotonic()
        second = self.ok("receive", name=name, wait_s=20)["items"][0]
        self.assertTrue(0.5 < time.monotonic() - began < 5)
        self.assertEqual((second["id"], second["receives"]), (first["id"], 2))
        self.assertNotEqual(second["receipt"], first["receipt"])
        self.assertEqual(self.code("ack", name=name, receipt=first["receipt"]), "not_found")
        self.ok("ack", name=name, receipt=second["receipt"])
        self.assertEqual(self.ok("get", name=name)["waiting"], 0)

    def test_a_receipt_ends_with_its_visibility_time(self):
        name = self.make("expired", visibility_s=1)
        self.ok("send", name=name, body="m")
        receipt = self.ok("receive", name=name)["items"][0]["receipt"]
        deadline = time.monotonic() + 10
        while self.ok("get", name=name)["ready"] == 0:
            self.assertLess(time.monotonic(), deadline)
        for operation, more in (("ack", {}), ("nack", {}), ("change_visibility", {"visibility_s": 60})):
            self.assertEqual(self.code(operation, name=name, receipt=receipt, **more), "not_found", operation)
        self.assertEqual(self.bodies(name), ["m"])

    def test_visibility_is_changed(self):
        name = self.make("longer", visibility_s=1)
        self.ok("send", name=name, body="m")
        receipt = self.ok("receive", name=name)["items"][0]["receipt"]
        self.ok("change_visibility", name=name, receipt=receipt, visibility_s=600)
        self.assertEqual(self.bodies(name, wait_s=2), [])
        self.ok("ack", name=name, receipt=receipt)

    def test_nack_gives_it_back_at_once_or_later(self):
        name = self.make("nack")
        self.ok("send", name=name, body="m")
        receipt = self.ok("receive", name=name)["items"][0]["receipt"]
        self.ok("nack", name=name, receipt=receipt)
        self.assertEqual(self.code("ack", name=name, receipt=receipt), "not_found")
        receipt = self.ok("receive", name=name)["items"][0]["receipt"]
        self.ok("nack", name=name, receipt=receipt, delay_s=1)
        self.assertEqual(self.bodies(name), [])
        self.assertEqual(self.bodies(name, wait_s=10), ["m"])

    def test_a_delayed_message_comes_when_it_is_time(self):
        name = self.make("delayed")
        self.ok("send", name=name, body="later", delay_s=1)
        began = time.monotonic()
        self.assertEqual(self.bodies(name), [])
        self.ok("send", name=name, body="now")
        self.assertEqual(self.bodies(name), ["now"])
        self.assertEqual(self.bodies(name, wait_s=20), ["later"])
        self.assertTrue(0.5 < time.monotonic() - began < 5)

    def test_a_waiting_receive_is_woken_by_a_send(self):
        name = self.make("woken")
        with ThreadPoolExecutor() as pool:
            waits = []
            for i in range(5):
                waiting = pool.submit(self.bodies, name, wait_s=30)
                deadline = time.monotonic() + 10
                while self.server.gauge("acloud_queue_receivers_waiting") < 1:
                    self.assertLess(time.monotonic(), deadline)
                sent = time.monotonic()
                self.ok("send", name=name, body=f"m{i}")
                self.assertEqual(waiting.result(), [f"m{i}"])
                waits.append(time.monotonic() - sent)
        self.assertLess(sorted(waits)[2], 0.5)  # far below the second after which a receive looks again by itself

    def test_each_message_wakes_a_receiver_of_its_own(self):
        name = self.make("herd")
        with ThreadPoolExecutor(20) as pool:
            waiting = [pool.submit(self.bodies, name, limit=1, wait_s=30) for _ in range(10)]
            for i in range(10):
                self.ok("send", name=name, body=str(i))
            got = [body for each in waiting for body in each.result()]
        self.assertEqual(sorted(got), [str(i) for i in range(10)])

    def test_a_wait_ends_empty(self):
        name = self.make("empty")
        began = time.monotonic()
        self.assertEqual(self.bodies(name, wait_s=1), [])
        self.assertTrue(0.9 < time.monotonic() - began < 5)

    def test_a_receiver_that_goes_away_takes_nothing(self):
        name = self.make("gone-away")
        connection = self.server.connect()
        connection.request("POST", "/api/queue/receive", f'{{"name":"{name}","wait_s":60}}',
                           {"Authorization": f"Bearer {self.server.key}", "Content-Type": "application/json"})
        deadline = time.monotonic() + 10
        while self.server.gauge("acloud_queue_receivers_waiting") < 1:
            self.assertLess(time.monotonic(), deadline)
        connection.close()
        while self.server.gauge("acloud_queue_receivers_waiting") > 0:
            self.assertLess(time.monotonic(), deadline)
        self.ok("send", name=name, body="m")
        self.assertEqual(self.bodies(name), ["m"])

    def receive_all(self, servers, name, workers, total):
        """Receives and acks until all is done; what was received, in order."""
        received, lock, failures = [], threading.Lock(), []

        def work(server):
            while True:
                with lock:
                    if len(received) >= total or failures:
                        return
                reply = server.call("queue.receive", {"name": name, "limit": 3})
                if reply.status != 200:
                    failures.append(reply.body)
                    return
                with lock:
                    received.extend(item["body"] for item in reply.json["items"])
                for item in reply.json["items"]:
                    done = server.call("queue.ack", {"name": name, "receipt": item["receipt"]})
                    if done.status != 200:
                        failures.append(done.body)
        threads = [threading.Thread(target=work, args=(servers[i % len(servers)],)) for i in range(workers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])
        return received

    def test_many_receivers_get_each_message_once(self):
        name = self.make("once")
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda i: self.ok("send", name=name, body=str(i)), range(200)))
        received = self.receive_all([self.server], name, 8, 200)
        self.assertEqual(sorted(received, key=int), [str(i) for i in range(200)])

    def test_dead_letters(self):
        self.make("dead")
        self.assertEqual(self.code("create", name="x", max_receives=2), "invalid_argument")
        self.assertEqual(self.code("create", name="x", dead_letter="dead"), "invalid_argument")
        self.assertEqual(self.code("create", name="x", dead_letter="x", max_receives=1), "invalid_argument")
        self.assertEqual(self.code("create", name="x", dead_letter="no-such", max_receives=1), "not_found")
        name = self.make("mortal", max_receives=2, dead_letter="dead")
        self.ok("send", name=name, body="poison")
        self.ok("send", name=name, body="sound")
        for _ in range(2):
            receipt = self.ok("receive", name=name)["items"][0]["receipt"]
            self.ok("nack", name=name, receipt=receipt)
        self.assertEqual(self.bodies(name), ["sound"])
        dead = self.ok("receive", name="dead")["items"][0]
        self.assertEqual((dead["body"], dead["receives"]), ("poison", 1))
        with ThreadPoolExecutor() as pool:  # also while somebody waits there
            waiting = pool.submit(self.bodies, "dead", wait_s=30)
            self.ok("send", name=name, body="poison 2")
            for _ in range(2):
                receipt = self.ok("receive", name=name, wait_s=5)["items"][0]["receipt"]
                self.ok("nack", name=name, receipt=receipt)
            self.assertEqual(self.bodies(name), [])
            self.assertEqual(waiting.result(), ["poison 2"])

    def test_purge_and_delete(self):
        name = self.make("emptied")
        for i in range(5):
            self.ok("send", name=name, body=str(i))
        receipt = self.ok("receive", name=name)["items"][0]["receipt"]
        self.assertEqual(self.ok("purge", name=name), {"count": 5})
        self.assertEqual(self.bodies(name), [])
        self.assertEqual(self.code("ack", name=name, receipt=receipt), "not_found")
        self.ok("send", name=name, body="new")
        self.assertEqual(self.bodies(name), ["new"])
        with ThreadPoolExecutor() as pool:
            waiting = pool.submit(self.code, "receive", name=name, wait_s=30)
            deadline = time.monotonic() + 10
            while self.server.gauge("acloud_queue_receivers_waiting") < 1:
                self.assertLess(time.monotonic(), deadline)
            self.ok("delete", name=name)
            self.assertEqual(waiting.result(), "not_found")
        for operation, more in (("send", {"body": "x"}), ("receive", {}), ("ack", {"receipt": "r"}), ("get", {}),
                                ("purge", {}), ("delete", {}), ("nack", {"receipt": "r"})):
            self.assertEqual(self.code(operation, name=name, **more), "not_found", operation)
        self.make(name)
        self.assertEqual(self.bodies(name), [])

    def test_names_are_listed_unique_and_checked(self):
        self.make("named", visibility_s=7)
        self.assertEqual(self.code("create", name="named"), "conflict")
        listed = {item["name"]: item for item in self.ok("list", limit=1000)["items"]}
        self.assertEqual(listed["named"]["visibility_s"], 7)
        for name in ("", "../x", "a b", "x" * 64):
            self.assertEqual(self.code("create", name=name), "invalid_argument", name)
        for wrong in ({"limit": 0}, {"limit": 101}, {"wait_s": 61}, {"wait_s": -1}):
            self.assertEqual(self.code("receive", name="named", **wrong), "invalid_argument", wrong)

    def test_a_workspace_sees_nothing_of_another(self):
        name = self.make("walled")
        self.ok("send", name=name, body="hidden")
        receipt = self.ok("receive", name=name)["items"][0]["receipt"]
        made = self.server.call("workspace.create", {"name": f"other-{time.monotonic_ns()}"}).json
        other = self.server.call("key.create", {"name": "k", "workspace": made["id"]}).json["key"]
        for operation, more in (("receive", {}), ("send", {"body": "x"}), ("ack", {"receipt": receipt}), ("purge", {}),
                                ("get", {}), ("delete", {})):
            reply = self.server.call(f"queue.{operation}", {"name": name, **more}, key=other)
            self.assertEqual(reply.code, "not_found", operation)
        self.assertEqual(self.server.call("queue.create", {"name": name}, key=other).status, 200)
        self.assertEqual(self.server.call("queue.ack", {"name": name, "receipt": receipt}, key=other).code, "not_found")
        self.assertEqual(self.server.call("queue.send", {"name": name, "body": "x"}, key=other).status, 200)
        self.assertEqual(self.server.call("workspace.delete", {"id": made["id"]}).status, 200)
        self.ok("ack", name=name, receipt=receipt)

    def test_what_was_acknowledged_survives_kill(self):
        name = self.make("durable")
        self.ok("send", name=name, body="kept")
        self.ok("send", name=name, body="done")
        items = self.ok("receive", name=name, limit=2)["items"]
        self.ok("ack", name=name, receipt=items[1]["receipt"])
        self.server.restart(kill=True)
        self.assertEqual(self.bodies(name), [])  # still with its receiver
        self.ok("nack", name=name, receipt=items[0]["receipt"])
        self.assertEqual(self.bodies(name), ["kept"])

    def test_an_idempotency_key_sends_once(self):
        name = self.make("idempotent")
        headers = {"Idempotency-Key": f"send-{name}"}
        first = self.server.call("queue.send", {"name": name, "body": "m"}, headers=headers)
        again = self.server.call("queue.send", {"name": name, "body": "m"}, headers=headers)
        self.assertEqual(first.body, again.body)
        self.assertEqual(self.bodies(name), ["m"])


class QueuesOnPostgres(Queues):
    @classmethod
    def setUpClass(cls):
        cls.postgres = cls.enterClassContext(Postgres())
        cls.url = cls.postgres.new_database("queues")
        cls.server = Server(config=on(cls.url)).start()
        cls.second = cls.enterClassContext(Server(config=on(cls.url)))

    def test_two_servers_share_a_queue(self):
        name = self.make("shared")
        for i in range(60):
            (self.server, self.second)[i % 2].call("queue.send", {"name": name, "body": str(i)})
        received = self.receive_all([self.server, self.second], name, 6, 60)
        self.assertEqual(sorted(received, key=int), [str(i) for i in range(60)])

    def test_a_message_sent_at_one_reaches_who_waits_at_the_other(self):
        name = self.make("across")
        with ThreadPoolExecutor() as pool:
            waiting = pool.submit(self.bodies, name, wait_s=30)
            deadline = time.monotonic() + 10
            while self.server.gauge("acloud_queue_receivers_waiting") < 1:
                self.assertLess(time.monotonic(), deadline)
            sent = time.monotonic()
            self.assertEqual(self.second.call("queue.send", {"name": name, "body": "m"}).status, 200)
            self.assertEqual(waiting.result(), ["m"])
            self.assertLess(time.monotonic() - sent, 5)


if __name__ == "__main__":
    unittest.main()
