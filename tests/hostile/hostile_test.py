"""Bad input, against the running server: a clear error in the documented shape, the connection closed where HTTP
says so, memory bounded, and nothing lost.

With ACLOUD_SOAK set, large uploads are of 1 GiB instead of 256 MiB.
"""

import hashlib
import json
import os
import random
import socket
import struct
import threading
import time
import unittest
import urllib.parse

from support.server import Server

MIB = 1 << 20
LARGE = (1024 if os.environ.get("ACLOUD_SOAK") else 256) * MIB
CODES = {"invalid_argument", "unauthenticated", "budget_exceeded", "permission_denied", "not_found", "conflict",
         "precondition_failed", "too_large", "rate_limited", "internal", "unavailable", "deadline_exceeded"}
LIMITS = """
[server.limits]
header_time_s = 2
stall_time_s = 5
"""


class Answer:
    """The first response in what a server sent until it closed."""

    def __init__(self, data):
        head, _, self.body = data.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        self.status = int(lines[0].split()[1]) if lines[0].startswith("HTTP/1.1 ") else None
        self.headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}


class Hostile(unittest.TestCase):
    maxDiff = 1000

    @classmethod
    def setUpClass(cls):
        cls.server = Server(config=LIMITS, flags=["--log", "error"]).start()
        cls.server.call("object.create_bucket", {"bucket": "hostile"})
        cls.kept = {"small": b"what was there before", "large": random.Random(1).randbytes(300_000)}
        for key, value in cls.kept.items():
            assert cls.server.put_bytes("hostile", key, value).status == 200

    @classmethod
    def tearDownClass(cls):
        code = cls.server.stop()
        cls.server.__exit__()
        assert code == 0, f"the server ended with {code}"

    def tearDown(self):
        """Whatever a test did: the server answers, and what was there is there."""
        for key, value in self.kept.items():
            self.assertEqual(self.server.get_bytes("hostile", key).body, value)

    # --- helpers ---

    def connect(self):
        connection = socket.create_connection((self.server.host, self.server.port), timeout=60)
        self.addCleanup(connection.close)
        return connection

    def rest_of(self, connection):
        """All that comes until the server closes; a server that does not close is a failure (a timeout)."""
        data = b""
        try:
            while piece := connection.recv(65536):
                data += piece
        except ConnectionResetError:
            pass  # it closed on bytes that it had not read
        return data

    def send(self, data):
        """Sends raw bytes; what the server answers until it closes."""
        connection = self.connect()
        try:
            connection.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass  # it has answered already
        return Answer(self.rest_of(connection))

    def assert_error(self, answer, *statuses):
        self.assertIn(answer.status, statuses, answer.body[:300])
        error = json.loads(answer.body)["error"]
        self.assertEqual(set(error), {"code", "message", "details", "request_id"})
        self.assertIn(error["code"], CODES)
        self.assertTrue(error["message"])
        self.assertEqual(answer.headers["x-request-id"], error["request_id"])

    def head(self, target, *fields, method="POST", key=True):
        lines = [f"{method} {target} HTTP/1.1", "Host: acloud", *fields]
        if key:
            lines.append(f"Authorization: Bearer {self.server.key}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def put_head(self, key, *fields):
        query = urllib.parse.urlencode({"bucket": "hostile", "key": key})
        return self.head(f"/api/object/put?{query}", "Content-Type: application/octet-stream", *fields)

    def grown(self, work):
        """By how many bytes the server's memory was larger during `work` than before it."""
        with open(f"/proc/{self.server.process.pid}/clear_refs", "w", encoding="ascii") as file:
            file.write("5")  # the peak begins anew
        before = self.server.memory("VmRSS")
        work()
        return self.server.memory("VmHWM") - before

    # --- HTTP ---

    def test_malformed_http_is_answered_and_closed(self):
        malformed = {
            "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
            "garbage": random.Random(2).randbytes(4096),
            "no version": b"GET /healthz\r\n\r\n",
            "another version": b"GET /healthz HTTP/3.0\r\nHost: a\r\n\r\n",
            "no host": b"GET /healthz HTTP/1.1\r\n\r\n",
            "two hosts": b"GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
            "a space in a name": b"GET /healthz HTTP/1.1\r\nHost: a\r\nX y: z\r\n\r\n",
            "a folded header": b"GET /healthz HTTP/1.1\r\nHost: a\r\nX: y\r\n z\r\n\r\n",
            "a NUL in a value": b"GET /healthz HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n",
            "a NUL in the target": b"GET /health\0z HTTP/1.1\r\nHost: a\r\n\r\n",
            "two lengths": self.put_head("x", "Content-Length: 1", "Content-Length: 2") + b"ab",
            "a length below zero": self.put_head("x", "Content-Length: -1"),
            "a length that is no number": self.put_head("x", "Content-Length: 1a") + b"a",
            "a length beyond 64 bits": self.put_head("x", "Content-Length: 99999999999999999999999"),
            "length and chunks": self.put_head("x", "Content-Length: 4", "Transfer-Encoding: chunked") + b"0\r\n\r\n",
            "an unknown coding": self.put_head("x", "Transfer-Encoding: gzip, chunked") + b"0\r\n\r\n",
        }
        for name, data in malformed.items():
            with self.subTest(name):
                self.assert_error(self.send(data), 400, 413, 501, 505)

    def test_a_body_in_malformed_chunks_stores_nothing(self):
        for chunks in (b"zz\r\nabc\r\n", b"-1\r\n\r\n", b"ffffffffffffffffff\r\nabc", b"3\r\nabcdef\r\n0\r\n\r\n",
                       b"3;" + b"x" * 100_000):
            with self.subTest(chunks[:20]):
                answer = self.send(self.put_head("chunks", "Transfer-Encoding: chunked") + chunks)
                self.assert_error(answer, 400, 413, 431)
                self.assertEqual(self.server.get_bytes("hostile", "chunks").status, 404)

    def test_a_head_that_never_ends_is_refused(self):
        self.assert_error(self.send(b"GET /" + b"a" * (2 * MIB)), 414, 431)
        self.assert_error(self.send(b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * (2 * MIB)), 431)
        self.assert_error(self.send(b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 100_000), 431)

    def test_wrong_methods_and_paths(self):
        for method, path, status in (("GET", "/api/object/put", 405), ("DELETE", "/api/object/get", 405),
                                     ("BREW", "/healthz", 405), ("POST", "/api/object", 404), ("POST", "/api//", 404),
                                     ("POST", "/api/object/put/more", 404), ("GET", "/../../etc/passwd", 404),
                                     ("GET", "/%2e%2e/%2e%2e/etc/passwd", 404), ("GET", "/%zz", 404)):
            with self.subTest(f"{method} {path}"):
                answer = self.send(self.head(path, "Connection: close", "Content-Length: 0", method=method))
                self.assert_error(answer, status, 400)

    # --- JSON ---

    def post(self, body, operation="object/list_buckets"):
        head = self.head(f"/api/{operation}", "Content-Type: application/json", f"Content-Length: {len(body)}",
                         "Connection: close")
        return self.send(head + body)

    def test_malformed_json(self):
        deep = 10_000
        bodies = [b"[" * deep + b"]" * deep, b'{"a":' * deep + b"1" + b"}" * deep, b"[" * 4 * MIB, b"{", b"null", b"[]",
                  b'"text"', b"{}{}", b"{} x", b"{}\0", b'{"limit":1,"limit":2}', b'{"limit":NaN}', b'{"limit":1e999}',
                  b'{"limit":' + b"9" * 10_000 + b"}", b'{"cursor":"\xff\xfe"}', b'{"cursor":"\\ud800"}', b"\xff\xfe{\0}\0"]
        for body in bodies:
            with self.subTest(body[:30]):
                self.assert_error(self.post(body), 400)

    def test_json_that_is_too_large(self):
        grown = self.grown(lambda: self.assert_error(self.post(b'{"cursor":"' + b"x" * 64 * MIB + b'"}'), 413))
        self.assertLess(grown, 48 * MIB)  # what a JSON request may have (16 MiB), read and copied

    def test_unknown_fields_and_wrong_types_are_named(self):
        wrong = {"bucket": "hostile", "key": "typed", "content": "x"}
        for field, value in (("bucket", 7), ("bucket", None), ("bucket", ["hostile"]), ("bucket", {}), ("key", 1.5),
                             ("key", True), ("content", {"a": 1}), ("content_type", 0), ("if_match", []), ("nonsense", 1),
                             ("__proto__", {}), ("", "x"), ("Key", "x")):
            with self.subTest(f"{field}={value}"):
                reply = self.server.call("object.put", {**wrong, field: value})
                self.assertEqual((reply.status, reply.code), (400, "invalid_argument"))
                self.assertIn(field, reply.json["error"]["message"])
        self.assertEqual(self.server.get_bytes("hostile", "typed").status, 404)

    # --- large uploads ---

    def upload(self, head, size):
        """Sends `size` bytes of garbage after `head`, as far as the server takes them; its answer."""
        connection = self.connect()
        garbage = random.Random(3).randbytes(MIB)
        try:
            connection.sendall(head)
            for _ in range(size // MIB):
                connection.sendall(garbage)
        except (BrokenPipeError, ConnectionResetError):
            pass
        return Answer(self.rest_of(connection))

    def test_a_large_upload_streams(self):
        answers = []
        head = self.put_head("upload", f"Content-Length: {LARGE}", "Connection: close")
        grown = self.grown(lambda: answers.append(self.upload(head, LARGE)))
        self.assertEqual(answers[0].status, 200, answers[0].body[:300])
        digest = hashlib.sha256()
        for _ in range(LARGE // MIB):
            digest.update(random.Random(3).randbytes(MIB))
        self.assertEqual(json.loads(answers[0].body)["etag"], digest.hexdigest())
        print(f"{LARGE // MIB} MiB uploaded: the server grew by {grown / MIB:.1f} MiB", flush=True)
        self.assertLess(grown, 16 * MIB)
        self.assertEqual(self.server.call("object.delete", {"bucket": "hostile", "key": "upload"}).status, 200)

    def test_a_large_upload_without_a_key_is_refused_early(self):
        answers = []
        head = self.head("/api/object/put?bucket=hostile&key=k", "Content-Type: application/octet-stream",
                         f"Content-Length: {LARGE}", key=False)
        grown = self.grown(lambda: answers.append(self.upload(head, LARGE)))
        # A client that is still sending when the connection is closed may lose the answer.
        self.assertIn(answers[0].status, (401, None))
        self.assertLess(grown, 16 * MIB)

    def test_large_garbage_instead_of_http(self):
        grown = self.grown(lambda: self.upload(b"", LARGE))
        self.assertLess(grown, 16 * MIB)

    # --- slow and broken clients ---

    def test_slow_heads_are_cut_off_while_others_are_served(self):
        connections = [self.connect() for _ in range(200)]
        for connection in connections:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\nX-Slow: ")
        stop = threading.Event()

        def dribble():
            while not stop.wait(0.2):
                for connection in connections:
                    try:
                        connection.send(b"y")
                    except OSError:
                        pass
        dribbling = threading.Thread(target=dribble)
        dribbling.start()
        try:
            self.assertEqual(self.server.request("GET", "/healthz").status, 200)
            answers = [Answer(self.rest_of(connection)) for connection in connections]
        finally:
            stop.set()
            dribbling.join()
        # A byte that arrives after the answer makes a close a reset, which may take the answer along.
        self.assertLessEqual({answer.status for answer in answers}, {408, None})

    def test_a_body_that_stalls_is_cut_off(self):
        answer = self.send(self.put_head("stalled", "Content-Length: 1000") + b"half")
        self.assert_error(answer, 408, 504)
        self.assertEqual(self.server.get_bytes("hostile", "stalled").status, 404)

    def test_a_half_closed_client_is_answered_or_given_up(self):
        """A closed half may be all that is seen of a client that has gone, so its calls may be cancelled: but
        what was acknowledged is there, and nothing is half there."""
        statuses = set()
        for i in range(20):
            connection = self.connect()
            connection.sendall(self.put_head(f"half-closed {i}", "Content-Length: 5") + b"whole")
            connection.shutdown(socket.SHUT_WR)
            status = Answer(self.rest_of(connection)).status
            statuses.add(status)
            got = self.server.get_bytes("hostile", f"half-closed {i}")
            if got.status == 200:
                self.assertEqual(got.body, b"whole")
            else:
                self.assertEqual((status == 200, got.status), (False, 404))
        self.assertLessEqual(statuses, {200, 499, None})

    def test_a_client_that_ends_in_the_middle_stores_nothing(self):
        for announced, sent in ((10, 5), (500_000, 300_000)):
            for reset in (False, True):
                with self.subTest(f"{sent} of {announced}, reset {reset}"):
                    connection = self.connect()
                    connection.sendall(self.put_head("unfinished", f"Content-Length: {announced}") + bytes(sent))
                    if reset:
                        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                        connection.close()
                    else:
                        connection.shutdown(socket.SHUT_WR)
                        self.rest_of(connection)
                    self.assertEqual(self.server.get_bytes("hostile", "unfinished").status, 404)
        connection = self.connect()
        connection.sendall(b"GET /healthz HT")
        connection.shutdown(socket.SHUT_WR)
        self.rest_of(connection)

    def test_a_client_that_reads_nothing_is_cut_off(self):
        content = random.Random(4).randbytes(32 * MIB)
        self.server.put_bytes("hostile", "unread", content)
        request = json.dumps({"bucket": "hostile", "key": "unread"}).encode()
        head = self.head("/api/object/get", "Content-Type: application/json", "Accept: application/octet-stream",
                         f"Content-Length: {len(request)}")

        def wait_until_cut_off():
            connections = [self.connect() for _ in range(20)]
            for connection in connections:
                connection.sendall(head + request)
            by = time.monotonic() + 60
            while self.server.gauge("acloud_http_connections") > 1:  # the one that asks
                self.assertLess(time.monotonic(), by)
        self.assertLess(self.grown(wait_until_cut_off), 48 * MIB)
        self.assertEqual(self.server.get_bytes("hostile", "unread").body, content)

    # --- names ---

    def files(self):
        """Every file of the data folder but those of the database and the spool, which come and go, and the blobs."""
        found = set()
        for folder, _, names in os.walk(self.server.data):
            found |= {os.path.relpath(os.path.join(folder, name), self.server.data) for name in names}
        return {name for name in found if not name.startswith(("blobs/", "spool/", "acloud.db"))}

    def test_keys_are_names_and_no_paths(self):
        before = self.files()
        keys = ["../../root.key", "/etc/passwd", "..", ".", "a/../../b", "a//b", "blobs/staging/1", "~", "-rf", "%2e%2e%2f",
                "*", "a b", "\\..\\..", "ключ/🔑", "a" * 1024, "COM1", "'; DROP TABLE object; --", "\u202egpj.exe"]
        values = {key: f"value of {key}".encode() * (5_000 if i % 2 else 1) for i, key in enumerate(keys)}
        for key, value in values.items():
            put = self.server.put_bytes("hostile", key, value)
            self.assertEqual(put.status, 200, (key, put.body))
        for key, value in values.items():
            self.assertEqual(self.server.get_bytes("hostile", key).body, value, key)
        listed = {item["key"] for item in self.server.call("object.list", {"bucket": "hostile", "limit": 1000}).json["items"]}
        self.assertLessEqual(set(keys), listed)
        self.assertEqual(self.files(), before)
        for key in keys:
            self.assertEqual(self.server.call("object.delete", {"bucket": "hostile", "key": key}).status, 200, key)

    def test_keys_that_are_no_names_are_refused(self):
        for key in ("", "a\0b", "\0", "a\nb", "\x7f", "é" * 2048, "a" * 1025):
            with self.subTest(key[:10]):
                reply = self.server.call("object.put", {"bucket": "hostile", "key": key, "content": "x"})
                self.assertEqual((reply.status, reply.code), (400, "invalid_argument"))
                self.assertEqual(reply.json["error"]["details"]["field"], "key")
        for target in ("bucket=hostile&key=%ff", "bucket=hostile&key=%00", "bucket=hostile&key=%", "bucket=hostile",
                       "bucket=..%2f..&key=k", "bucket=hostile&key=k&key=l", "bucket=hostile&key=k&more=1"):
            with self.subTest(target):
                reply = self.server.request("POST", f"/api/object/put?{target}", b"x",
                                            {"Content-Type": "application/octet-stream"})
                self.assertEqual((reply.status, reply.code), (400, "invalid_argument"), reply.body)
        for bucket in ("..", "../x", "a/b", "A", "a\0b", "x" * 64):
            self.assertEqual(self.server.call("object.create_bucket", {"bucket": bucket}).code, "invalid_argument", bucket)


if __name__ == "__main__":
    unittest.main()
