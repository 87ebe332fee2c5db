"""Files of a sandbox from outside: what they are, moved and removed, whole trees as tar, and changes as they happen."""

import base64
import io
import os
import tarfile
import unittest

from sandbox.image_test import special, tar_of
from sandbox.process_test import Events
from sandbox.case import NOBODY, Case


class Trees(Case):
    def ask(self, operation, **arguments):
        return self.server.call("sandbox." + operation, {"id": self.first, **arguments})

    def done(self, operation, **arguments):
        done = self.ask(operation, **arguments)
        self.assertEqual(done.status, 200, done.body)
        return done.json

    def upload(self, path, content):
        return self.server.request("POST", f"/api/sandbox/upload_files?id={self.first}&path={path}", content,
                                   {"Content-Type": "application/octet-stream"})

    def test_stat_is_about_the_link_itself(self):
        self.output(self.first, "mkdir -p /root/s; echo abc > /root/s/file; chmod 640 /root/s/file; "
                    "ln -s /etc/passwd /root/s/link")
        info = self.done("stat_file", path="s/file")
        self.assertEqual((info["path"], info["type"], info["size"], info["mode"], info["owner"]),
                         ("/root/s/file", "file", 4, "640", 0))
        info = self.done("stat_file", path="/root/s/link")
        self.assertEqual((info["type"], info["target"]), ("symlink", "/etc/passwd"))
        self.assertEqual(self.done("stat_file", path="/")["type"], "directory")
        self.assertEqual(self.ask("stat_file", path="/none").code, "not_found")

    def test_move(self):
        self.output(self.first, "mkdir -p /root/m/a /root/m/full/x; echo 1 > /root/m/one; echo 2 > /root/m/two; "
                    "ln -s / /root/m/door")
        self.assertEqual(self.done("move_file", **{"from": "m/one", "to": "/root/m/a/new"})["path"], "/root/m/a/new")
        self.done("move_file", **{"from": "/root/m/two", "to": "/root/m/a/new"})
        self.assertEqual(self.output(self.first, "cat /root/m/a/new; ls /root/m"), "2\na\ndoor\nfull\n")
        self.done("move_file", **{"from": "/root/m/door", "to": "/root/m/window"})
        self.assertEqual(self.output(self.first, "readlink /root/m/window"), "/\n")
        # By way of a link it is the sandbox's own root that is meant.
        self.done("move_file", **{"from": "/root/m/a", "to": "/root/m/window/root/m/b"})
        self.assertEqual(self.output(self.first, "cat /root/m/b/new"), "2\n")
        for arguments, code in (({"from": "/none", "to": "/root/x"}, "not_found"),
                                ({"from": "/root/m/b", "to": "/root/m/full"}, "conflict"),
                                ({"from": "/root/m/b", "to": "/root/m/b/c"}, "invalid_argument"),
                                ({"from": "/root/m/b/..", "to": "/root/x"}, "invalid_argument"),
                                ({"from": "/root/m/b", "to": "/dev/shm/b"}, "precondition_failed")):
            with self.subTest(arguments):
                self.assertEqual(self.ask("move_file", **arguments).code, code)

    def test_remove_follows_nothing(self):
        self.output(self.first, "mkdir -p /root/r/deep /root/safe; touch /root/safe/kept /root/r/'a b'; "
                    "ln -s /root/safe /root/r/deep/link; mkfifo /root/r/pipe; cd /root/r/deep; "
                    "for i in $(seq 300); do mkdir d; cd d; done; touch f")
        self.done("remove_file", path="r")
        self.assertEqual(self.output(self.first, "ls /root/safe; ls /root/r 2>&1 | wc -l"), "kept\n1\n")
        self.assertEqual(self.ask("remove_file", path="r").code, "not_found")
        self.output(self.first, "ln -s safe /root/rlink")
        self.done("remove_file", path="/root/rlink")
        self.assertEqual(self.output(self.first, "ls /root/safe"), "kept\n")
        self.assertEqual(self.ask("remove_file", path="/").code, "invalid_argument")
        self.assertEqual(self.ask("remove_file", path="/usr/bin/env").code, "permission_denied")

    def test_make_folder(self):
        info = self.done("make_folder", path="/root/n/e/w", mode="711")
        self.assertEqual((info["path"], info["type"], info["mode"]), ("/root/n/e/w", "directory", "711"))
        self.assertEqual(self.ask("make_folder", path="/root/n/e/w/").code, "conflict")
        self.done("make_folder", path="/root/n/slash/")

    def test_a_tree_goes_up_and_comes_down_again(self):
        content = tar_of([special("sub", tarfile.DIRTYPE, mode=0o750), ("sub/ü.txt", "ü".encode()),
                          special("sub/link", tarfile.SYMTYPE, "ü.txt"),
                          special("again", tarfile.LNKTYPE, "sub/ü.txt"), ("empty", b""),
                          ("big", os.urandom(3 << 20)),
                          special("theirs", tarfile.DIRTYPE, mode=0o755, uid=1234, gid=1234)], "xz")
        sent = self.upload("/root/up/here", content)
        self.assertEqual(sent.status, 200, sent.body)
        self.assertEqual((sent.json["path"], sent.json["entries"]), ("/root/up/here", 7))
        self.assertEqual(self.output(self.first, "cd /root/up/here; cat again; stat -c %a:%U sub theirs; readlink sub/link"),
                         "ü750:root\n755:root\nü.txt\n")
        self.output(self.first, "cd /root/up/here; chown 1000 empty 2>/dev/null; mkfifo pipe")
        down = self.server.request(
            "POST", "/api/sandbox/download_files", f'{{"id":"{self.first}","path":"/root/up/here"}}',
            {"Content-Type": "application/json", "Accept": "application/octet-stream"})
        self.assertEqual((down.status, down.headers["content-type"]), (200, "application/x-tar"))
        with tarfile.open(fileobj=io.BytesIO(down.body)) as tar, tarfile.open(fileobj=io.BytesIO(content)) as sent_tar:
            names = sorted(tar.getnames())
            self.assertEqual(names, ["again", "big", "empty", "pipe", "sub", "sub/link", "sub/ü.txt", "theirs"])
            self.assertEqual(tar.extractfile("big").read(), sent_tar.extractfile("big").read())
            self.assertEqual(tar.extractfile("sub/ü.txt").read(), "ü".encode())
            self.assertEqual((tar.getmember("sub").mode, tar.getmember("sub/link").linkname), (0o750, "ü.txt"))
            self.assertEqual(tar.getmember("big").uid, 0)
        small = self.done("download_files", path="/root/up/here/sub")
        with tarfile.open(fileobj=io.BytesIO(base64.b64decode(small["tar"]))) as tar:
            self.assertEqual(sorted(tar.getnames()), ["link", "ü.txt"])

    def test_hostile_trees_write_nothing_outside_of_the_folder(self):
        self.output(self.first, "mkdir -p /root/t/in /root/t/out; ln -s /root/t/out /root/t/in/door")
        for entries in ([("../out/x", b"x")], [("/root/t/out/x", b"x")], [("door/x", b"x")],
                        [special("d2", tarfile.SYMTYPE, "../out"), ("d2/x", b"x")],
                        [special("p", tarfile.LNKTYPE, "../../../etc/passwd")],
                        [special("n", tarfile.CHRTYPE, devmajor=1, devminor=3)]):
            with self.subTest(str(entries[0])):
                self.assertEqual(self.upload("/root/t/in", tar_of(entries)).code, "invalid_argument")
        # Names that mean something in layers are files here.
        self.assertEqual(self.upload("/root/t/in", tar_of([(".wh.x", b"1")])).status, 200)
        self.assertEqual(self.output(self.first, "ls /root/t/out; ls -A /root/t/in"), ".wh.x\ndoor\n")
        self.assertEqual(self.ask("upload_files", path="/root/t/in").code, "invalid_argument")

    def test_a_tree_that_is_too_large_for_the_sandbox(self):
        sandbox = self.create(limits={"disk_bytes": 32 << 20, "memory_bytes": 128 << 20})
        sent = self.server.request("POST", f"/api/sandbox/upload_files?id={sandbox}&path=/root/x",
                                   tar_of([("big", b"\0" * (64 << 20))], "gz"),
                                   {"Content-Type": "application/octet-stream"})
        self.assertEqual(sent.code, "too_large", sent.body)
        self.output(sandbox, "rm -rf /root/x; truncate -s 100G /root/holes")
        holes = self.server.call("sandbox.download_files", {"id": sandbox, "path": "/root"})
        self.assertEqual(holes.code, "too_large", holes.body)


class Watching(Case):
    def changes(self, stream, count):
        found = []
        while len(found) < count:
            event = stream.next()
            self.assertIsNotNone(event, found)
            if event[0] == "change":
                found.append((event[1]["change"], event[1]["path"]))
        return found

    def watch(self, **arguments):
        stream = Events(self.server, "sandbox.watch_files", {"id": self.first, **arguments})
        self.assertEqual(stream.next(), ("start", {}))
        return stream

    def test_changes_come_as_they_happen(self):
        self.output(self.first, "mkdir -p /root/w/sub; touch /root/w/old")
        stream = self.watch(path="/root/w")
        self.output(self.first, "cd /root/w; echo 1 > new; mv old older; chmod 600 older; rm new; touch sub/unseen")
        self.server.call("sandbox.write_file", {"id": self.first, "path": "/root/w/outside", "content": "x"})
        self.assertEqual(self.changes(stream, 8),
                         [("create", "new"), ("write", "new"), ("rename", "old"), ("create", "older"),
                          ("chmod", "older"), ("remove", "new"), ("create", "outside"), ("write", "outside")])
        self.output(self.first, "rm -r /root/w")
        rest = stream.rest()
        self.assertIn(("change", {"change": "remove", "path": "outside"}), rest)
        self.assertIn("was removed", str(rest[-1]))

    def test_folders_that_come_later_are_watched_too(self):
        self.output(self.first, "mkdir -p /root/v/a")
        stream = self.watch(path="/root/v", recursive=True)
        self.output(self.first, "mkdir -p /root/v/b/c; echo 1 > /root/v/b/c/file")
        seen = set()
        while ("create", "b/c/file") not in seen:
            seen.update(self.changes(stream, 1))
        self.assertIn(("create", "b"), seen)
        # What is written before the server knows the folder's new name is told as a file that is there.
        self.output(self.first, "mv /root/v/b /root/v/moved; echo 2 >> /root/v/moved/c/file")
        while not seen & {("create", "moved/c/file"), ("write", "moved/c/file")}:
            seen.update(self.changes(stream, 1))
        seen.discard(("write", "moved/c/file"))
        self.output(self.first, "echo 3 >> /root/v/moved/c/file")
        while ("write", "moved/c/file") not in seen:
            seen.update(self.changes(stream, 1))
        self.output(self.first, "touch /root/v/a/last")
        while ("create", "a/last") not in seen:
            seen.update(self.changes(stream, 1))
        stream.close()

    def test_a_watch_ends_with_its_sandbox(self):
        sandbox = self.create()
        stream = Events(self.server, "sandbox.watch_files", {"id": sandbox})
        self.assertEqual(stream.next(), ("start", {}))
        self.server.call("sandbox.kill", {"id": sandbox})
        self.assertIn("ended", str(stream.rest()))

    def test_it_needs_a_stream_and_a_folder(self):
        self.assertEqual(self.server.call("sandbox.watch_files", {"id": self.first}).code, "invalid_argument")
        stream = Events(self.server, "sandbox.watch_files", {"id": self.first, "path": "/etc/passwd"})
        self.assertIn("invalid_argument", str(stream.rest()) + stream.text)


class TreesWithoutRoot(Trees):
    user = NOBODY


class WatchingWithoutRoot(Watching):
    user = NOBODY


del Case

if __name__ == "__main__":
    unittest.main()
