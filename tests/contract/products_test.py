"""The contract's lines about workspace, key and object, over REST."""

import base64
import hashlib
import os
import threading
import unittest

from support.server import Server


class Products(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server().start()

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()

    def bucket(self, name):
        self.assertEqual(self.server.call("object.create_bucket", {"bucket": name}).status, 200)
        return name

    def workspace(self, name):
        """A new workspace and a key in it."""
        made = self.server.call("workspace.create", {"name": name}).json
        key = self.server.call("key.create", {"name": "first", "workspace": made["id"]}).json["key"]
        return made["id"], key

    # --- object ---

    def test_what_is_put_is_got(self):
        bucket = self.bucket("round-trip")
        put = self.server.call("object.put", {"bucket": bucket, "key": "a/b.txt", "content": "héllo"})
        self.assertEqual(put.status, 200, put.body)
        self.assertEqual(put.json["etag"], hashlib.sha256("héllo".encode()).hexdigest())
        self.assertEqual(put.json["size"], 6)
        self.assertEqual(put.json["content_type"], "text/plain; charset=utf-8")
        got = self.server.call("object.get", {"bucket": bucket, "key": "a/b.txt"}).json
        self.assertEqual((got["content"], got["etag"]), ("héllo", put.json["etag"]))
        self.assertRegex(got["modified"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$")

    def test_bytes_that_are_not_text_come_in_base64(self):
        bucket = self.bucket("binary")
        raw = bytes(range(256))
        self.server.call("object.put",
                         {"bucket": bucket, "key": "k", "content_base64": base64.b64encode(raw).decode()})
        got = self.server.call("object.get", {"bucket": bucket, "key": "k"}).json
        self.assertEqual(base64.b64decode(got["content_base64"]), raw)
        self.assertNotIn("content", got)

    def test_raw_bodies_of_every_size_around_the_limits(self):
        bucket = self.bucket("raw")
        for size in (0, 1, 65535, 65536, 65537, 1 << 20, 5 << 20):
            content = os.urandom(size)
            put = self.server.put_bytes(bucket, f"size {size}", content, {"Content-Type": "image/png"})
            self.assertEqual(put.status, 200, put.body)
            self.assertEqual(put.json["etag"], hashlib.sha256(content).hexdigest())
            got = self.server.get_bytes(bucket, f"size {size}")
            self.assertEqual(got.body, content)
            self.assertEqual(got.headers["content-type"], "image/png")
            self.assertEqual(got.headers["content-length"], str(size))
            self.assertEqual(got.headers["etag"], f'"{put.json["etag"]}"')

    def test_a_part_is_had_by_offset_and_length(self):
        bucket = self.bucket("parts")
        for name, content in (("small", b"0123456789"), ("large", os.urandom(200_000))):
            self.server.put_bytes(bucket, name, content)
            for offset, length in ((0, 4), (3, 4), (9, 100), (100_000, 50), (1 << 40, 5)):
                got = self.server.get_bytes(bucket, name, offset=offset, length=length)
                self.assertEqual(got.body, content[offset:offset + length], (name, offset))

    def test_if_match_lets_one_of_many_writers_win(self):
        bucket = self.bucket("races")
        etag = self.server.call("object.put", {"bucket": bucket, "key": "k", "content": "0"}).json["etag"]
        replies = []

        def write(i):
            replies.append(self.server.call("object.put", {"bucket": bucket, "key": "k", "content": f"w{i}",
                                                           "if_match": etag}))
        writers = [threading.Thread(target=write, args=(i,)) for i in range(16)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        self.assertEqual(sorted(r.status for r in replies), [200] + [412] * 15)
        lost = next(r for r in replies if r.status == 412)
        self.assertEqual(lost.code, "precondition_failed")
        again = self.server.call("object.put", {"bucket": bucket, "key": "k", "content": "x", "if_none_match": "*"})
        self.assertEqual(again.code, "precondition_failed")
        missing = self.server.call("object.put", {"bucket": bucket, "key": "new", "content": "x", "if_match": "*"})
        self.assertEqual(missing.code, "precondition_failed")

    def test_lists_come_by_prefix_in_byte_order_and_in_pages(self):
        bucket = self.bucket("lists")
        names = sorted(["a", "a/1", "a/2", "a/10", "b", "é", "a\u00ff"], key=lambda n: n.encode())
        for name in names:
            self.server.call("object.put", {"bucket": bucket, "key": name, "content": name})
        seen, cursor = [], None
        while True:
            arguments = {"bucket": bucket, "limit": 2, **({"cursor": cursor} if cursor else {})}
            page = self.server.call("object.list", arguments).json
            seen += [item["key"] for item in page["items"]]
            self.assertLessEqual(len(page["items"]), 2)
            cursor = page.get("next_cursor")
            if cursor is None:
                break
        self.assertEqual(seen, names)
        under = self.server.call("object.list", {"bucket": bucket, "prefix": "a/"}).json["items"]
        self.assertEqual([item["key"] for item in under], ["a/1", "a/10", "a/2"])
        self.assertEqual(self.server.call("object.list", {"bucket": bucket, "cursor": "zz"}).code, "invalid_argument")

    def test_deleted_is_gone_and_only_empty_buckets_go(self):
        bucket = self.bucket("gone")
        etag = self.server.call("object.put", {"bucket": bucket, "key": "k", "content": "x"}).json["etag"]
        self.assertEqual(self.server.call("object.delete_bucket", {"bucket": bucket}).code, "conflict")
        wrong = {"bucket": bucket, "key": "k", "if_match": "0" * 64}
        self.assertEqual(self.server.call("object.delete", wrong).code, "precondition_failed")
        self.assertEqual(self.server.call("object.delete", {**wrong, "if_match": etag}).status, 200)
        self.assertEqual(self.server.call("object.get", {"bucket": bucket, "key": "k"}).code, "not_found")
        self.assertEqual(self.server.call("object.delete", {"bucket": bucket, "key": "k"}).code, "not_found")
        self.assertEqual(self.server.call("object.delete_bucket", {"bucket": bucket}).status, 200)
        self.assertEqual(self.server.call("object.delete_bucket", {"bucket": bucket}).code, "not_found")

    def test_buckets_are_listed_and_unique(self):
        bucket = self.bucket("unique")
        self.assertEqual(self.server.call("object.create_bucket", {"bucket": bucket}).code, "conflict")
        names = [item["bucket"] for item in self.server.call("object.list_buckets", {"limit": 1000}).json["items"]]
        self.assertIn(bucket, names)
        self.assertEqual(names, sorted(names))

    def test_the_value_is_given_exactly_once(self):
        bucket = self.bucket("once")
        for arguments in ({}, {"content": "a", "content_base64": "YQ=="}, {"content_base64": "%%%"}):
            reply = self.server.call("object.put", {"bucket": bucket, "key": "k", **arguments})
            self.assertEqual(reply.code, "invalid_argument", arguments)
        both = self.server.request("POST", f"/api/object/put?bucket={bucket}&key=k&content=y", b"x",
                                   {"Content-Type": "application/octet-stream"})
        self.assertEqual(both.code, "invalid_argument")

    # --- workspaces and keys ---

    def test_a_workspace_sees_nothing_of_another(self):
        bucket = self.bucket("walls")
        self.server.call("object.put", {"bucket": bucket, "key": "k", "content": "secret"})
        own_key = self.server.call("key.create", {"name": "own"}).json["id"]
        _, other = self.workspace("other-side")
        for operation, arguments in (("object.get", {"bucket": bucket, "key": "k"}),
                                     ("object.list", {"bucket": bucket}),
                                     ("object.put", {"bucket": bucket, "key": "k", "content": "x"}),
                                     ("object.delete", {"bucket": bucket, "key": "k"}),
                                     ("object.delete_bucket", {"bucket": bucket}),
                                     ("key.revoke", {"id": own_key}),
                                     ("key.list", {"workspace": "default"}),
                                     ("key.create", {"name": "x", "workspace": "default"})):
            reply = self.server.call(operation, arguments, key=other)
            self.assertEqual(reply.code, "not_found", operation)
            self.assertNotIn(b"secret", reply.body)
        self.assertEqual(self.server.call("object.list_buckets", key=other).json["items"], [])
        self.assertEqual(self.server.call("object.create_bucket", {"bucket": bucket}, key=other).status, 200)

    def test_operations_for_operators_are_theirs(self):
        _, other = self.workspace("no-operator")
        for operation, arguments in (("workspace.list", {}), ("workspace.create", {"name": "x"}),
                                     ("workspace.delete", {"id": "default"})):
            self.assertEqual(self.server.call(operation, arguments, key=other).code, "permission_denied")

    def test_a_deleted_workspace_takes_everything_along(self):
        identifier, key = self.workspace("short-lived")
        self.server.call("object.create_bucket", {"bucket": "things"}, key=key)
        self.server.call("object.put", {"bucket": "things", "key": "k", "content": "x"}, key=key)
        self.assertEqual(self.server.call("workspace.delete", {"id": identifier}).status, 200)
        self.assertEqual(self.server.call("object.list_buckets", key=key).code, "unauthenticated")
        self.assertEqual(self.server.call("workspace.delete", {"id": identifier}).code, "not_found")
        self.assertEqual(self.server.call("workspace.delete", {"id": "default"}).code, "invalid_argument")

    def test_grants_narrow(self):
        bucket = self.bucket("granted")
        self.bucket("not-granted")
        self.server.call("object.put", {"bucket": bucket, "key": "k", "content": "x"})
        grant = {"operations": ["object.get", "object.list", "key.*"], "resources": []}
        reader = self.server.call("key.create", {"name": "reader", "grant": grant}).json["key"]
        self.assertEqual(self.server.call("object.get", {"bucket": bucket, "key": "k"}, key=reader).status, 200)
        denied = self.server.call("object.put", {"bucket": bucket, "key": "k", "content": "y"}, key=reader)
        self.assertEqual((denied.status, denied.code), (403, "permission_denied"))
        only = {"resources": ["bucket/granted"]}
        narrow = self.server.call("key.create", {"name": "narrow", "grant": only}, key=reader).json["key"]
        self.assertEqual(self.server.call("object.get", {"bucket": bucket, "key": "k"}, key=narrow).status, 200)
        self.assertEqual(self.server.call("object.list", {"bucket": "not-granted"}, key=narrow).code,
                         "permission_denied")
        self.assertEqual(self.server.call("object.put", {"bucket": bucket, "key": "k", "content": "y"}, key=narrow).code,
                         "permission_denied")
        self.assertEqual(self.server.call("workspace.list", key=reader).code, "permission_denied")
        expired = {"expires": "2020-01-01T00:00:00Z"}
        old = self.server.call("key.create", {"name": "old", "grant": expired}).json["key"]
        self.assertEqual(self.server.call("object.list_buckets", key=old).code, "unauthenticated")

    def test_a_revoked_key_and_those_made_with_it_stop_at_once(self):
        parent = self.server.call("key.create", {"name": "parent", "grant": {"operations": ["*"]}}).json
        child = self.server.call("key.create", {"name": "child"}, key=parent["key"]).json
        self.assertEqual(self.server.call("key.list", key=child["key"]).status, 200)
        root = next(k["id"] for k in self.server.call("key.list", {"limit": 1000}).json["items"] if k["name"] == "root")
        self.assertEqual(self.server.call("key.revoke", {"id": root}, key=child["key"]).code, "permission_denied")
        revoked = self.server.call("key.revoke", {"id": parent["id"]}).json
        self.assertEqual(revoked["count"], 2)
        for key in (parent["key"], child["key"]):
            self.assertEqual(self.server.call("key.list", key=key).code, "unauthenticated")
        self.assertEqual(self.server.call("key.revoke", {"id": parent["id"]}).code, "not_found")

    def test_key_list_never_shows_keys(self):
        made = self.server.call("key.create", {"name": "hidden"}).json
        listed = self.server.call("key.list", {"limit": 1000}).body
        self.assertIn(made["id"].encode(), listed)
        self.assertNotIn(made["key"].encode(), listed)

    # --- idempotency and dry-run ---

    def test_an_idempotency_key_does_it_once(self):
        headers = {"Idempotency-Key": "make-1"}
        first = self.server.call("object.create_bucket", {"bucket": "idempotent"}, headers=headers)
        again = self.server.call("object.create_bucket", {"bucket": "idempotent"}, headers=headers)
        self.assertEqual((first.status, again.status), (200, 200))
        self.assertEqual(first.body, again.body)
        self.assertEqual(again.headers["idempotency-replayed"], "true")
        other = self.server.call("object.create_bucket", {"bucket": "idempotent-2"}, headers=headers)
        self.assertEqual(other.code, "conflict")
        self.server.restart(kill=True)
        after = self.server.call("object.create_bucket", {"bucket": "idempotent"}, headers=headers)
        self.assertEqual(after.body, first.body)

    def test_an_idempotency_key_stands_for_a_raw_body_too(self):
        bucket = self.bucket("idempotent-raw")
        headers = {"Idempotency-Key": "raw-1"}
        first = self.server.put_bytes(bucket, "k", b"one", headers)
        self.assertEqual(self.server.put_bytes(bucket, "k", b"one", headers).body, first.body)
        self.assertEqual(self.server.put_bytes(bucket, "k", b"two", headers).code, "conflict")
        self.assertEqual(self.server.get_bytes(bucket, "k").body, b"one")

    def test_a_failed_call_frees_its_idempotency_key(self):
        headers = {"Idempotency-Key": "fails-first"}
        arguments = {"bucket": "later", "key": "k", "content": "x"}
        self.assertEqual(self.server.call("object.put", arguments, headers=headers).code, "not_found")
        self.bucket("later")
        self.assertEqual(self.server.call("object.put", arguments, headers=headers).status, 200)

    def test_dry_run_shows_and_does_nothing(self):
        reply = self.server.call("object.create_bucket", {"bucket": "dry"}, headers={"Prefer": "dry-run"})
        self.assertEqual(reply.json, {"dry_run": True, "operation": "object.create_bucket", "effect": "write",
                                      "resource": "bucket/dry", "request": {"bucket": "dry"}})
        self.assertEqual(self.server.call("object.list", {"bucket": "dry"}).code, "not_found")
        bad = self.server.call("object.create_bucket", {"bucket": "X"}, headers={"Prefer": "dry-run"})
        self.assertEqual(bad.code, "invalid_argument")


if __name__ == "__main__":
    unittest.main()
