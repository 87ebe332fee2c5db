"""The same products on PostgreSQL, and two servers that share one database."""

import tempfile
import threading
import time
import unittest

from contract import products_test
from support.postgres import Postgres
from support.server import Server


def on(url):
    return f'[store]\nurl = "{url}"\n'


class ProductsOnPostgres(products_test.Products):
    @classmethod
    def setUpClass(cls):
        cls.postgres = cls.enterClassContext(Postgres())
        cls.server = Server(config=on(cls.postgres.new_database("one"))).start()


class TwoServers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.postgres = cls.enterClassContext(Postgres())
        url = cls.postgres.new_database("shared")
        cls.servers = [cls.enterClassContext(Server(config=on(url))) for _ in range(2)]

    def test_what_one_stores_the_other_gives(self):
        first, second = self.servers
        self.assertEqual(first.call("object.create_bucket", {"bucket": "shared"}).status, 200)
        first.call("object.put", {"bucket": "shared", "key": "k", "content": "x"})
        self.assertEqual(second.call("object.get", {"bucket": "shared", "key": "k"}).json["content"], "x")

    def test_a_key_revoked_at_one_stops_at_the_other_within_seconds(self):
        first, second = self.servers
        made = first.call("key.create", {"name": "shared"}).json
        self.assertEqual(second.call("object.list_buckets", key=made["key"]).status, 200)
        first.call("key.revoke", {"id": made["id"]})
        self.assertEqual(first.call("object.list_buckets", key=made["key"]).code, "unauthenticated")
        deadline = time.monotonic() + 10
        while second.call("object.list_buckets", key=made["key"]).status == 200:
            self.assertLess(time.monotonic(), deadline)

    def test_one_of_many_writers_at_both_wins(self):
        first = self.servers[0]
        first.call("object.create_bucket", {"bucket": "races"})
        etag = first.call("object.put", {"bucket": "races", "key": "k", "content": "0"}).json["etag"]
        statuses = []

        def write(i):
            reply = self.servers[i % 2].call("object.put", {"bucket": "races", "key": "k", "content": str(i + 1),
                                                            "if_match": etag})
            statuses.append(reply.status)
        writers = [threading.Thread(target=write, args=(i,)) for i in range(12)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        self.assertEqual(sorted(statuses), [200] + [412] * 11)

    def test_an_idempotency_key_holds_at_both(self):
        headers = {"Idempotency-Key": "both"}
        replies = [server.call("object.create_bucket", {"bucket": "both"}, headers=headers) for server in self.servers]
        self.assertEqual(replies[0].status, 200)
        self.assertEqual(replies[0].body, replies[1].body)

    def test_a_newer_schema_is_refused(self):
        """A database that a newer acloud has brought forward is left alone."""
        url = self.postgres.new_database("newer")
        with Server(config=on(url)) as server:
            server.stop()
            self.postgres.run("newer", "INSERT INTO acloud_migrations VALUES ('from-the-future-1', 1000)")
            with self.assertRaisesRegex(RuntimeError, "from-the-future-1"):
                server.start()

    def test_a_large_value_is_on_the_server_that_took_it_and_the_other_says_so(self):
        first, second = self.servers
        first.call("object.create_bucket", {"bucket": "large"})
        content = bytes(range(256)) * 1024
        self.assertEqual(first.put_bytes("large", "k", content).status, 200)
        self.assertEqual(first.get_bytes("large", "k").body, content)
        elsewhere = second.get_bytes("large", "k")
        self.assertEqual((elsewhere.status, elsewhere.code), (503, "unavailable"))


class Folder(unittest.TestCase):
    def test_a_database_that_is_not_there_is_a_clear_error(self):
        with tempfile.TemporaryDirectory() as folder:
            with self.assertRaisesRegex(RuntimeError, "acloud serve: "):
                Server(data=folder, config=on("postgres://nobody@127.0.0.1:1/none")).start()


if __name__ == "__main__":
    unittest.main()
