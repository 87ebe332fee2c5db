"""Images, snapshots, forks and templates, over REST, against the real binary."""

import base64
import gzip
import hashlib
import io
import json
import os
import platform
import subprocess
import sys
import tarfile
import tempfile

from sandbox.case import Case as SandboxCase
from support.server import Server


def tar_of(entries, compress=None):
    """`entries`: (name, content) for files, or TarInfo."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:" + (compress or "")) as tar:
        for entry in entries:
            if isinstance(entry, tarfile.TarInfo):
                tar.addfile(entry)
                continue
            name, content = entry
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


def special(name, kind, linkname="", **fields):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, linkname
    for field, value in fields.items():
        setattr(info, field, value)
    return info


def write_oci(folder, layers, env=()):
    """An OCI layout of these layers, the lowest first."""
    blobs = os.path.join(folder, "blobs", "sha256")
    os.makedirs(blobs)

    def blob(content):
        digest = hashlib.sha256(content).hexdigest()
        with open(os.path.join(blobs, digest), "wb") as file:
            file.write(content)
        return {"digest": "sha256:" + digest, "size": len(content)}

    architecture = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    config = blob(json.dumps({"config": {"Env": list(env)}}).encode())
    manifest = blob(json.dumps({"config": config, "layers": [blob(layer) for layer in layers]}).encode())
    other = {"digest": "sha256:" + "0" * 64, "platform": {"architecture": "other", "os": "linux"}}
    index = {"manifests": [other, {**manifest, "platform": {"architecture": architecture, "os": "linux"}}]}
    with open(os.path.join(folder, "index.json"), "w", encoding="ascii") as file:
        json.dump(index, file)
    with open(os.path.join(folder, "oci-layout"), "w", encoding="ascii") as file:
        json.dump({"imageLayoutVersion": "1.0.0"}, file)


class Case(SandboxCase):
    def upload(self, name, content, key=None):
        headers = {"Content-Type": "application/octet-stream"}
        return self.server.request("POST", f"/api/sandbox/upload_image?name={name}", content, headers, key)

    def bring(self, name, content):
        brought = self.upload(name, content)
        self.assertEqual(brought.status, 200, brought.body)
        return brought.json

    def layers(self):
        return sorted(os.listdir(os.path.join(self.server.data, "images", "layers")))

    def read(self, sandbox, path):
        found = self.server.call("sandbox.read_file", {"id": sandbox, "path": path})
        self.assertIn(found.code, ("ok", "not_found"), found.body)
        return found.json.get("content")


class Images(Case):
    def test_a_tar_becomes_what_is_in_a_sandbox(self):
        content = tar_of([special("opt", tarfile.DIRTYPE, mode=0o755), ("opt/tool", b"#!/bin/sh\necho tool $0\n"),
                          special("./opt/link", tarfile.SYMTYPE, "tool"),
                          special("opt/again", tarfile.LNKTYPE, "opt/tool"),
                          special("opt/mine", tarfile.DIRTYPE, mode=0o700, uid=1000, gid=1000)], "gz")
        info = self.bring("tool", content)
        self.assertEqual((info["on_base"], len(info["layers"])), (True, 1))
        sandbox = self.create(image="tool")
        self.assertEqual(self.output(sandbox, "sh /opt/again; readlink /opt/link; stat -c %U:%a /opt/mine; id -u"),
                         "tool /opt/again\ntool\nuser:700\n0\n" if os.geteuid() == 0 and self.user is None else
                         "tool /opt/again\ntool\nroot:700\n0\n")
        self.assertEqual(self.exec(sandbox, "echo more >> /opt/tool; rm /opt/link; ls /opt")["exit_code"], 0)
        other = self.create(image="tool")
        self.assertEqual(self.output(other, "ls /opt"), "again\nlink\nmine\ntool\n")
        self.assertEqual(self.output(other, "tail -1 /opt/tool"), "echo tool $0\n")

    def test_equal_layers_are_stored_once_and_go_with_the_last_who_needs_them(self):
        before = self.layers()
        content = tar_of([("opt/shared", b"shared")])
        self.bring("one", content)
        self.bring("two", content)
        self.assertEqual(len(set(self.layers()) - set(before)), 1)
        sandbox = self.create(image="one")
        for name in ("one", "two"):
            self.assertEqual(self.server.call("sandbox.delete_image", {"name": name}).status, 200)
        self.assertEqual(self.server.call("sandbox.create", {"image": "one"}).code, "not_found")
        self.assertEqual(self.read(sandbox, "/opt/shared"), "shared")
        self.server.call("sandbox.kill", {"id": sandbox})
        self.until(lambda: not set(self.layers()) - set(before))

    def test_hostile_archives_are_refused_whole(self):
        outside = os.path.join(self.server.data, "outside")
        self.assertFalse(os.path.exists(outside))
        before = self.layers()
        climb = "../" * 12
        bad = {
            "dots": [("opt/../../../outside", b"x")],
            "absolute": [(outside, b"x")],
            "link-out": [special("opt/out", tarfile.SYMTYPE, climb + "etc")],
            "through-a-link": [special("door", tarfile.SYMTYPE, self.server.data), ("door/outside", b"x")],
            "hard-link": [special("opt/passwd", tarfile.LNKTYPE, climb + "etc/passwd")],
            "hard-link-absolute": [special("opt/passwd", tarfile.LNKTYPE, "/etc/passwd")],
            "hard-link-by-link": [special("door", tarfile.SYMTYPE, "/etc"), special("p", tarfile.LNKTYPE, "door/passwd")],
            "device": [special("opt/disk", tarfile.CHRTYPE, devmajor=1, devminor=1)],
            "block": [special("opt/disk", tarfile.BLKTYPE, devmajor=7, devminor=0)],
            "fake-whiteout": [special("etc", tarfile.CHRTYPE, devmajor=0, devminor=0)],
            "whiteout-of-dots": [("opt/.wh...", b"")],
            "hidden": [("usr/share/hidden", b"x")],
        }
        for name, entries in bad.items():
            with self.subTest(name):
                refused = self.upload("bad-" + name, tar_of(entries))
                self.assertEqual(refused.code, "invalid_argument", refused.body)
        with self.subTest("garbage"):
            self.assertEqual(self.upload("garbage", os.urandom(4096)).code, "invalid_argument")
            self.assertEqual(self.upload("cut", tar_of([("a", b"x" * 4096)])[:2000]).code, "invalid_argument")
            self.assertEqual(self.upload("cut", gzip.compress(tar_of([("a", os.urandom(4096))]))[:2000]).code,
                             "invalid_argument")
        self.assertFalse(os.path.exists(outside))
        self.until(lambda: not set(self.layers()) - set(before))
        self.until(lambda: os.listdir(os.path.join(self.server.data, "images", "drafts")) == [])

    def test_setuid_and_device_nodes_of_dev_are_left_out(self):
        self.bring("suid", tar_of([special("dev/null", tarfile.CHRTYPE, devmajor=1, devminor=3)]))
        info = tarfile.TarInfo("opt/su")
        info.mode = 0o6755
        layer = self.bring("su", tar_of([info]))["layers"][0]
        path = os.path.join(self.server.data, "images", "layers", layer, "opt", "su")
        self.assertEqual(os.stat(path).st_mode & 0o7777, 0o755)

    def test_an_oci_layout_with_whiteouts(self):
        lower = tar_of([("opt/gone", b"1"), ("opt/stays", b"1"), ("opt/dir/old", b"1"), ("opt/changed", b"1")])
        upper = tar_of([("opt/.wh.gone", b""), ("opt/dir/.wh..wh..opq", b""), ("opt/dir/new", b"2"),
                        ("opt/changed", b"2")], "gz")
        with tempfile.TemporaryDirectory() as folder:
            write_oci(folder, [lower, upper, upper], ["GREETING=hello", "PATH=/opt:/usr/bin:/bin"])
            os.chmod(folder, 0o755)
            brought = self.server.call("sandbox.import_image", {"name": "oci", "path": folder})
            self.assertEqual(brought.status, 200, brought.body)
            self.assertEqual(len(brought.json["layers"]), 2)
            with tarfile.open(os.path.join(folder, "..", os.path.basename(folder) + ".tar"), "w") as tar:
                tar.add(folder, ".")
            packed = folder + ".tar"
        try:
            os.chmod(packed, 0o644)
            again = self.server.call("sandbox.import_image", {"name": "oci-tar", "path": packed})
            self.assertEqual(again.json["layers"], brought.json["layers"])
            self.assertEqual(again.json["size_bytes"], 0)
        finally:
            os.unlink(packed)
        sandbox = self.create(image="oci")
        self.assertEqual(self.output(sandbox, "cd /opt; find . -type f | sort; cat changed; echo $GREETING $PATH"),
                         "./changed\n./dir/new\n./stays\n2hello /opt:/usr/bin:/bin\n")

    def test_a_blob_that_is_not_what_its_name_says_is_refused(self):
        with tempfile.TemporaryDirectory() as folder:
            write_oci(folder, [tar_of([("opt/a", b"1")])])
            os.chmod(folder, 0o755)
            blobs = os.path.join(folder, "blobs", "sha256")
            for name in os.listdir(blobs):
                with open(os.path.join(blobs, name), "r+b") as file:
                    if b"ustar" in file.read():
                        file.seek(0)
                        file.write(tar_of([("opt/a", b"2")]))
            refused = self.server.call("sandbox.import_image", {"name": "wrong", "path": folder})
            self.assertEqual(refused.code, "invalid_argument", refused.body)
            self.assertIn("digest", refused.json["error"]["message"])

    def test_a_folder_of_the_server_that_operators_alone_may_name(self):
        with tempfile.TemporaryDirectory() as folder:
            os.chmod(folder, 0o755)
            os.makedirs(os.path.join(folder, "opt"))
            with open(os.path.join(folder, "opt", "note"), "w", encoding="ascii") as file:
                file.write("from a folder")
            os.mkfifo(os.path.join(folder, "opt", "pipe"))
            first = self.server.call("sandbox.import_image", {"name": "folder", "path": folder})
            self.assertEqual(first.status, 200, first.body)
            again = self.server.call("sandbox.import_image", {"name": "folder-again", "path": folder})
            self.assertEqual(again.json["layers"], first.json["layers"])
            self.assertEqual(self.read(self.create(image="folder"), "/opt/note"), "from a folder")
            taken = self.server.call("sandbox.import_image", {"name": "folder", "path": folder})
            self.assertEqual(taken.code, "conflict")
            records = os.path.join(self.server.data, "images", "records")
            before = sorted(os.listdir(records))
            workspace = self.server.call("workspace.create", {"name": "others"}).json["id"]
            key = self.server.call("key.create", {"name": "k", "workspace": workspace}).json["key"]
            denied = self.server.call("sandbox.import_image", {"name": "mine", "path": folder}, key)
            self.assertEqual(denied.code, "permission_denied")
            self.assertEqual(self.server.call("sandbox.create", {"image": "folder"}, key).code, "not_found")
            self.assertEqual(self.server.call("sandbox.list_images", {}, key).json["items"], [])
            self.assertEqual(self.upload("theirs", tar_of([("opt/x", b"x")]), key).status, 200)
            made = self.server.call("sandbox.create", {"image": "theirs"}, key)
            self.assertEqual(made.status, 200, made.body)
            self.server.call("sandbox.kill", {"id": made.json["id"]}, key)
            self.assertEqual(self.server.call("workspace.delete", {"id": workspace}).status, 200)
            self.until(lambda: sorted(os.listdir(records)) == before)

    def test_a_root_file_system_of_its_own(self):
        """bash and what it needs, from the host, as an image that does not stand on the host's /usr."""
        libraries = subprocess.run(["ldd", "/bin/bash"], capture_output=True, text=True, check=True).stdout
        paths = [word for word in libraries.split() if word.startswith("/")]
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w", dereference=True) as tar:
            tar.add("/bin/bash", "usr/bin/bash")
            for path in paths:
                tar.add(path, path.replace("/", "usr/", 1) if not path.startswith("/usr/") else path[1:])
        info = self.bring("own", out.getvalue())
        self.assertFalse(info["on_base"])
        sandbox = self.create(image="own")
        self.assertEqual(self.output(sandbox, ["/bin/bash", "-c", "echo /usr/bin/*"]), "/usr/bin/bash\n")

    def test_images_survive_a_killed_server(self):
        self.bring("lasting", tar_of([("opt/lasting", b"still here")]))
        sandbox = self.create(image="lasting")
        self.server.restart(kill=True)
        self.assertIn("lasting", [item["name"] for item in self.server.call("sandbox.list_images").json["items"]])
        self.assertEqual(self.read(sandbox, "/opt/lasting"), "still here")
        self.assertEqual(self.read(self.create(image="lasting"), "/opt/lasting"), "still here")


class Copies(Case):
    def test_a_snapshot_has_what_was_written_and_what_was_removed(self):
        self.bring("below", tar_of([("opt/kept", b"1"), ("opt/gone", b"1"), ("opt/dir/old", b"1")]))
        first = self.create(image="below", env={"FROM": "first"})
        self.output(first, "cd /opt; rm gone; rm -r dir; mkdir dir; echo 2 > dir/new; ln kept twice; "
                    "ln -s nowhere link; ln -s ../../../../../x out; mkfifo pipe; truncate -s 1T sparse; chmod 640 kept; chown 1000 twice; "
                    "mkdir -p a/b; chmod 750 a; touch -d @1000000000 a/b; printf 'ü' > 'ü b'")
        taken = self.server.call("sandbox.snapshot", {"id": first})
        self.assertEqual(taken.status, 200, taken.body)
        self.assertEqual((taken.json["kept"], taken.json["sandbox"], taken.json["image"]), ("files", first, "below"))
        self.assertEqual(self.state(first), "running")
        self.output(first, "echo later > /opt/later")
        listing = ("cd /opt; find . -type d -printf '%p %m %U\\n' | sort; "
                   "find . ! -type d ! -name later -printf '%p %y %m %U %s %n %l\\n' | sort; echo $FROM")
        self.server.call("sandbox.delete_image", {"name": "below"})
        second = self.create(image=taken.json["id"])
        expected = self.output(first, listing)
        self.assertIn("./sparse f 644 0 1099511627776", expected)
        self.assertEqual(self.output(second, listing), expected)
        self.assertEqual(self.output(second, "ls /opt/later; stat -c %Y /opt/a/b; cat '/opt/ü b'"), "1000000000\nü")
        self.server.call("sandbox.kill", {"id": first})
        # And a snapshot of what was made from one.
        self.output(second, "rm -r /opt/a; echo 3 > /opt/third")
        again = self.server.call("sandbox.snapshot", {"id": second, "name": "named"})
        self.assertEqual(again.json["id"], "named")
        self.assertEqual(self.output(self.create(image="named"), "cat /opt/third; ls /opt/a; ls /opt/dir"), "3\nnew\n")
        of_second = self.server.call("sandbox.list_snapshots", {"sandbox": second}).json["items"]
        self.assertEqual([item["id"] for item in of_second], ["named"])
        self.assertEqual(self.server.call("sandbox.snapshot", {"id": second, "name": "named"}).code, "conflict")
        for name in ("named", taken.json["id"]):
            self.assertEqual(self.server.call("sandbox.delete_snapshot", {"id": name}).status, 200)
        self.assertEqual(self.server.call("sandbox.delete_snapshot", {"id": "named"}).code, "not_found")

    def test_a_paused_sandbox_stays_paused_while_it_is_copied(self):
        sandbox = self.create()
        self.output(sandbox, "echo paused > /root/file")
        if not self.can_pause:
            self.skipTest("no freezer")
        paused = self.server.call("sandbox.pause", {"id": sandbox}).json
        self.assertEqual((paused["state"], paused["kept"]), ("paused", "memory"))
        taken = self.server.call("sandbox.snapshot", {"id": sandbox}).json
        self.assertEqual(self.state(sandbox), "paused")
        self.assertEqual(self.read(self.create(image=taken["id"]), "/root/file"), "paused\n")
        # Also by a server that has found it frozen.
        self.server.restart(kill=True)
        taken = self.server.call("sandbox.snapshot", {"id": sandbox})
        self.assertEqual(taken.status, 200, taken.body)
        self.assertEqual(self.state(sandbox), "paused")
        self.assertEqual(self.read(self.create(image=taken.json["id"]), "/root/file"), "paused\n")
        self.assertEqual(self.server.call("sandbox.resume", {"id": sandbox}).json["kept"], "memory")

    def test_forks_go_their_own_ways(self):
        first = self.create(metadata={"who": "first"}, env={"A": "1"})
        self.output(first, "echo common > /root/file; sleep 1000 &")
        before = set(self.layers())
        forked = self.server.call("sandbox.fork", {"id": first, "count": 3})
        self.assertEqual(forked.status, 200, forked.body)
        self.assertEqual((len(forked.json["items"]), forked.json["kept"]), (3, "files"))
        copies = [item["id"] for item in forked.json["items"]]
        made = set(self.layers()) - before
        self.assertEqual(len(made), 1)
        self.output(copies[0], "echo own >> /root/file")
        self.assertEqual([self.read(copy, "/root/file") for copy in copies + [first]],
                         ["common\nown\n", "common\n", "common\n", "common\n"])
        self.assertEqual(self.output(copies[1], "echo $A; pgrep sleep"), "1\n")
        self.assertEqual(forked.json["items"][0]["metadata"], {"who": "first"})
        self.server.restart(kill=True)
        self.assertEqual(self.read(copies[2], "/root/file"), "common\n")
        for sandbox in copies + [first]:
            self.server.call("sandbox.kill", {"id": sandbox})
        self.until(lambda: not made & set(self.layers()))

    def test_a_template_is_built_once_and_starts_what_it_says(self):
        built = self.server.call("sandbox.create_template", {
            "name": "web", "env": {"WHO": "template"},
            "files": [{"path": "/srv/run.sh", "content": "echo $WHO > /srv/started\n", "mode": "755"},
                      {"path": "bytes", "content_base64": base64.b64encode(b"\0\xff").decode()}],
            "setup": ["echo $WHO > /srv/built", "test $(stat -c %s /root/bytes) = 2"],
            "start": "/srv/run.sh; sleep 1000"})
        self.assertEqual(built.status, 200, built.body)
        sandbox = self.create(image="web", env={"WHO": "caller"})
        self.until(lambda: self.read(sandbox, "/srv/started") == "caller\n")
        self.assertEqual(self.read(sandbox, "/srv/built"), "template\n")
        running = self.server.call("sandbox.list_processes", {"id": sandbox}).json["items"]
        self.assertEqual([(item["tag"], item["running"]) for item in running], [("start", True)])
        self.assertEqual([item["name"] for item in self.server.call("sandbox.list_templates").json["items"]], ["web"])
        self.assertEqual(self.server.call("sandbox.delete_image", {"name": "web"}).code, "not_found")
        self.assertEqual(self.server.call("sandbox.delete_template", {"name": "web"}).status, 200)

    def test_a_template_whose_setup_fails_leaves_nothing(self):
        before = self.server.call("sandbox.list", {"limit": 1000}).json["items"]
        failed = self.server.call("sandbox.create_template", {"name": "no", "setup": ["true", "echo why >&2; exit 3"]})
        self.assertEqual(failed.code, "invalid_argument")
        self.assertIn("has ended with 3: why", failed.json["error"]["message"])
        late = self.server.call("sandbox.create_template", {"name": "no", "setup": ["sleep 60"], "timeout_s": 0.2})
        self.assertEqual(late.code, "deadline_exceeded")
        self.assertEqual(self.server.call("sandbox.list", {"limit": 1000}).json["items"], before)
        self.assertEqual(self.server.call("sandbox.list_templates").json["items"], [])


class ImagesWithoutRoot(Images):
    user = 65534


class CopiesWithoutRoot(Copies):
    user = 65534


del Case, SandboxCase

if __name__ == "__main__":
    import unittest
    unittest.main()
