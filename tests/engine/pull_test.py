"""model.pull: a model's file from a web server or a path, whole and sound or not at all; then it answers."""

import hashlib
import http.server
import json
import os
import re
import threading
import unittest

from support.server import ROOT, Server

MODEL = os.path.join(ROOT, "models", "acloud-tiny.gguf")


class Shelf(http.server.BaseHTTPRequestHandler):
    """A web server with the model in the ways that web servers have, and some that they should not have."""

    protocol_version = "HTTP/1.1"
    content = b""
    seen = []
    cut_at = None  # the connection ends after so many bytes
    gate = None    # waited for after the first half

    def log_message(self, *_):
        pass

    def answer(self, status, headers, body=b""):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if "Content-Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.send(body)

    def send(self, body):
        try:
            self.wfile.write(body)
        except OSError:
            self.close_connection = True  # who asked has gone

    def redirect(self, to):
        self.answer(302, {"Location": to})

    def do_GET(self):
        asked = self.headers.get("Range")
        self.seen.append((self.path, asked))
        path = self.path.split("?")[0]
        if path == "/moved.gguf":
            self.redirect("/model.gguf?signed=1")
        elif path == "/round.gguf":
            self.redirect("/round.gguf")
        elif path == "/away.gguf":
            self.redirect("file:///etc/passwd")
        elif path == "/gone.gguf":
            self.answer(404, {}, b"not here")
        elif path == "/garbage.gguf":
            self.answer(200, {}, b"GGUF" + os.urandom(5000))
        elif path == "/empty.gguf":
            self.answer(200, {})
        elif path == "/lies.gguf":
            self.answer(206, {"Content-Range": f"bytes 7-{len(self.content) - 1}/{len(self.content)}"}, self.content[7:])
        elif path == "/no-ranges.gguf":
            self.answer(200, {}, self.content)
        else:
            self.model(asked)

    def model(self, asked):
        first = int(re.match(r"bytes=(\d+)-$", asked)[1]) if asked else 0
        rest = self.content[first:]
        headers = {"Content-Length": str(len(rest))}
        if asked:
            headers["Content-Range"] = f"bytes {first}-{len(self.content) - 1}/{len(self.content)}"
        cut = type(self).cut_at
        if cut is not None:
            type(self).cut_at = None
            self.answer(206 if asked else 200, headers, rest[:cut])
            self.close_connection = True
        elif self.gate:
            half = len(rest) // 2
            self.answer(206 if asked else 200, headers, rest[:half])
            self.wfile.flush()
            self.gate.wait(60)
            self.send(rest[half:])
        else:
            self.answer(206 if asked else 200, headers, rest)


class Pull(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with open(MODEL, "rb") as file:
            Shelf.content = file.read()
        cls.digest = hashlib.sha256(Shelf.content).hexdigest()
        cls.web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Shelf)
        cls.addClassCleanup(cls.web.server_close)
        cls.addClassCleanup(cls.web.shutdown)
        threading.Thread(target=cls.web.serve_forever, daemon=True).start()

    def setUp(self):
        Shelf.seen.clear()
        Shelf.cut_at = Shelf.gate = None
        self.server = Server(flags=["--log", "warn"]).start()
        self.addCleanup(self.server.__exit__)

    def at(self, path):
        return f"http://127.0.0.1:{self.web.server_port}{path}"

    def pull(self, source, **fields):
        return self.server.call("model.pull", {"source": source, **fields})

    def files(self):
        """By the operation; what else is in the folder is nobody's business but this test's."""
        return [each["name"] for each in self.server.call("model.list_files").json["items"]]

    def left(self):
        folder = os.path.join(self.server.data, "models")
        return sorted(os.listdir(folder)) if os.path.exists(folder) else []

    def test_pulled_it_answers(self):
        self.assertEqual(self.files(), [])
        told = self.server.request("POST", "/api/model/pull", json.dumps({"source": self.at("/moved.gguf"),
                                                                         "sha256": self.digest.upper()}),
                                   {"Accept": "text/event-stream", "Content-Type": "application/json"}).body.decode()
        events = [(name, json.loads(data)) for name, data in re.findall(r"event: (\w+)\ndata: (.*)\n", told)]
        size = len(Shelf.content)
        self.assertEqual(events[0], ("progress", {"bytes": 0, "of": size}))
        self.assertEqual(events[-2], ("progress", {"bytes": size, "of": size}))
        self.assertEqual(events[-1], ("result", {"name": "moved.gguf", "bytes": size, "sha256": self.digest,
                                                 "was_there": False}))
        self.assertEqual(self.files(), ["moved.gguf"])
        again = self.pull(self.at("/moved.gguf"), sha256=self.digest)
        self.assertTrue(again.json["was_there"])
        self.assertEqual(len(Shelf.seen), 2)  # the redirect and the file, once
        self.server.stop()
        config = os.path.join(self.server.data, "acloud.toml")
        with open(config, "w", encoding="utf-8") as file:
            file.write('[[model]]\nname = "mine"\nengine = "llama"\nfile = "moved.gguf"\n')
        self.server.flags += ["--config", config]
        self.server.start()
        asked = self.server.call("model.chat", {"model": "mine", "messages": [{"role": "user", "content": "Hi"}],
                                                "max_tokens": 5})
        self.assertEqual(asked.status, 200, asked.body)
        self.assertEqual(self.server.call("model.delete_file", {"name": "moved.gguf"}).status, 200)
        self.assertEqual(self.left(), [])

    def test_from_a_path(self):
        done = self.pull(MODEL, name="tiny.gguf")
        self.assertEqual((done.status, done.json["sha256"]), (200, self.digest))
        self.assertEqual(self.pull(MODEL, name="tiny.gguf").code, "conflict")
        self.assertEqual(self.pull("/dev/zero", name="zero.gguf").code, "invalid_argument")
        self.assertEqual(self.pull("/nowhere/x.gguf").code, "not_found")
        self.assertEqual(self.left(), ["tiny.gguf"])

    def test_cut_off_it_goes_on_where_it_was(self):
        for path, ranges in (("/model.gguf", True), ("/no-ranges.gguf", False)):
            with self.subTest(path):
                name = path[1:]
                Shelf.cut_at = 500_000
                broken = self.pull(self.at("/model.gguf"), name=name, sha256=self.digest)
                self.assertEqual(broken.code, "unavailable")
                self.assertEqual(self.files(), [] if ranges else ["model.gguf"])
                Shelf.seen.clear()
                done = self.pull(self.at(path), name=name, sha256=self.digest)
                self.assertEqual(done.status, 200, done.body)
                [(_, asked)] = Shelf.seen
                self.assertEqual(asked, "bytes=500000-")
        # What was left goes with delete_file too.
        Shelf.cut_at = 500_000
        self.assertEqual(self.pull(self.at("/left.gguf"), sha256=self.digest).code, "unavailable")
        self.assertIn(".left.gguf.part", self.left())
        self.assertEqual(self.server.call("model.delete_file", {"name": "left.gguf"}).status, 200)
        self.assertEqual(self.server.call("model.delete_file", {"name": "left.gguf"}).code, "not_found")
        self.assertNotIn(".left.gguf.part", self.left())
        # Without a digest nothing says that it is the same file still.
        Shelf.cut_at = 500_000
        self.assertEqual(self.pull(self.at("/anew.gguf")).code, "unavailable")
        self.assertNotIn(".anew.gguf.part", self.left())
        Shelf.seen.clear()
        self.assertEqual(self.pull(self.at("/anew.gguf")).status, 200)
        self.assertEqual(Shelf.seen, [("/anew.gguf", None)])
        with open(os.path.join(self.server.data, "models", "anew.gguf"), "rb") as file:
            self.assertEqual(file.read(), Shelf.content)

    def test_a_killed_server_keeps_what_it_has(self):
        Shelf.gate = threading.Event()
        self.addCleanup(Shelf.gate.set)
        wanted = {"source": self.at("/model.gguf"), "sha256": self.digest}
        connection = self.server.connect()
        connection.request("POST", "/api/model/pull", json.dumps(wanted),
                           {"Authorization": f"Bearer {self.server.key}", "Content-Type": "application/json",
                            "Accept": "text/event-stream"})
        response = connection.getresponse()
        self.assertIn(b"progress", response.readline())
        part = os.path.join(self.server.data, "models", ".model.gguf.part")
        self.wait_for(lambda: os.path.getsize(part) == len(Shelf.content) // 2)
        self.assertEqual(self.pull(**wanted).code, "conflict")
        self.server.stop(kill=True)
        connection.close()
        Shelf.gate.set()
        Shelf.gate = None
        self.server.start()
        self.assertEqual(self.files(), [])
        Shelf.seen.clear()
        self.assertEqual(self.pull(**wanted).status, 200)
        self.assertEqual(Shelf.seen, [("/model.gguf", f"bytes={len(Shelf.content) // 2}-")])

    def wait_for(self, condition):
        done = threading.Event()
        for _ in range(1000):
            if condition():
                return
            done.wait(0.02)
        self.fail("it never came to be")

    def test_what_is_refused_leaves_nothing(self):
        wrong = self.pull(self.at("/model.gguf"), sha256="0" * 64)
        self.assertEqual(wrong.code, "invalid_argument")
        self.assertIn(self.digest, wrong.json["error"]["message"])
        for path, code in (("/garbage.gguf", "invalid_argument"), ("/empty.gguf", "invalid_argument"),
                           ("/gone.gguf", "not_found"), ("/round.gguf", "invalid_argument"),
                           ("/away.gguf", "invalid_argument"), ("/lies.gguf", "unavailable")):
            with self.subTest(path):
                self.assertEqual(self.pull(self.at(path)).code, code)
        for name in ("../x.gguf", ".x.gguf", "x", "a/b.gguf", "x" * 200 + ".gguf", "ä.gguf", "x\0.gguf"):
            with self.subTest(name):
                self.assertEqual(self.pull(MODEL, name=name).code, "invalid_argument")
                self.assertEqual(self.server.call("model.delete_file", {"name": name}).code, "invalid_argument")
        for source in ("models/x.gguf", "ftp://host/x.gguf", "http://127.0.0.1:1/x.gguf", "http:///x.gguf"):
            with self.subTest(source):
                self.assertIn(self.pull(source).code, ("invalid_argument", "unavailable"))
        self.assertEqual(self.left(), [])

    def test_it_is_the_operators(self):
        space = self.server.call("workspace.create", {"name": "guests"}).json["id"]
        guest = self.server.call("key.create", {"name": "g", "workspace": space}).json["key"]
        for operation, arguments in (("model.pull", {"source": MODEL}), ("model.list_files", {}),
                                     ("model.delete_file", {"name": "x.gguf"})):
            self.assertEqual(self.server.call(operation, arguments, key=guest).code, "permission_denied", operation)


if __name__ == "__main__":
    unittest.main()
