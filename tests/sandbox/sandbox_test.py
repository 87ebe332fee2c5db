"""Product sandbox, over REST, against the real binary."""

import base64
import json
import os
import pathlib
import shutil
import tempfile
import threading
import time
import unittest
import urllib.parse

from support.server import Server


NOBODY = 65534


class Case(unittest.TestCase):
    """A server for the class, whose sandboxes are all killed at its end."""

    user = None

    @classmethod
    def setUpClass(cls):
        if cls.user is not None and os.geteuid() != 0:
            raise unittest.SkipTest("whoever is not root has run this already")
        cls.server = Server(user=cls.user)
        try:
            cls.server.start()
        except PermissionError:
            raise unittest.SkipTest(f"user {cls.user} may not run the server's binary") from None
        made = cls.server.call("sandbox.create")
        if made.status == 503:
            cls.server.__exit__()
            raise unittest.SkipTest(made.json["error"]["message"])
        cls.first = made.json["id"]
        unenforced = cls.server.call("sandbox.get", {"id": cls.first}).json["not_enforced"]
        cls.can_pause = not any(line.startswith("freeze:") for line in unenforced)
        cls.can_end_programs = not any(line.startswith(("freeze:", "kill_tree:")) for line in unenforced)

    @classmethod
    def tearDownClass(cls):
        try:
            if cls.server.process is None:
                cls.server.start()
            left = cls.server.call("sandbox.list", {"limit": 1000})
            assert left.status == 200, left.body
            for item in left.json["items"]:
                cls.server.call("sandbox.kill", {"id": item["id"]})
        finally:
            cls.server.__exit__()

    def create(self, key=None, **arguments):
        made = self.server.call("sandbox.create", arguments, key)
        self.assertEqual(made.status, 200, made.body)
        return made.json["id"]

    def exec(self, sandbox, command, **arguments):
        done = self.server.call("sandbox.exec", {"id": sandbox, "command": command, **arguments})
        self.assertEqual(done.status, 200, done.body)
        return done.json

    def output(self, sandbox, command, **arguments):
        return self.exec(sandbox, command, **arguments)["stdout"]

    def state(self, sandbox):
        return self.server.call("sandbox.get", {"id": sandbox}).json["state"]

    def until(self, holds, seconds=20):
        end = time.monotonic() + seconds
        while not holds():
            self.assertLess(time.monotonic(), end, "it did not come to pass in time")
            time.sleep(0.02)


class Commands(Case):
    def test_a_string_is_for_the_shell_and_an_array_is_run_as_it_is(self):
        done = self.exec(self.first, "echo $((6 * 7)); echo oops >&2; exit 3")
        self.assertEqual((done["exit_code"], done["stdout"], done["stderr"]), (3, "42\n", "oops\n"))
        done = self.exec(self.first, ["printf", "%s|", "$HOME", "a b"])
        self.assertEqual((done["exit_code"], done["stdout"]), (0, "$HOME|a b|"))

    def test_the_base_image_has_what_the_contract_says(self):
        self.assertEqual(self.output(self.first, ["python3", "-c", "print(6 * 7)"]), "42\n")
        self.assertEqual(self.output(self.first, "id -u; pwd; echo ~"), "0\n/root\n/root\n")

    def test_folder_environment_and_input(self):
        sandbox = self.create(env={"A": "of the sandbox", "B": "b"})
        done = self.exec(sandbox, "pwd; echo $A, $B; cat", cwd="/tmp", env={"A": "of the call"}, stdin="in\n")
        self.assertEqual(done["stdout"], "/tmp\nof the call, b\nin\n")
        self.assertEqual(self.output(sandbox, "cat; echo end"), "end\n")

    def test_much_input_and_output(self):
        text = "0123456789abcdef" * 65536
        self.assertEqual(self.output(self.first, ["cat"], stdin=text), text)
        done = self.exec(self.first, "head -c 20000000 /dev/zero | tr '\\0' x; echo done >&2")
        self.assertEqual((len(done["stdout"]), done["stdout_truncated"], done["stderr"]), (4 << 20, True, "done\n"))
        # One who reads nothing of a large input does not hold the call up.
        self.assertEqual(self.output(self.first, "echo early", stdin=text), "early\n")

    def test_time_out_kills_all_that_was_started(self):
        began = time.monotonic()
        late = self.server.call("sandbox.exec", {"id": self.first, "timeout_s": 0.5,
                                                 "command": "echo begun; setsid sleep 987 & sleep 987"})
        self.assertEqual(late.code, "deadline_exceeded")
        self.assertEqual(late.json["error"]["details"]["stdout"], "begun\n")
        self.assertLess(time.monotonic() - began, 8)
        self.until(lambda: "987" not in self.output(self.first, "cat /proc/[0-9]*/cmdline | tr '\\0' ' '; true"))

    def test_what_stays_in_the_background_holds_nobody_up(self):
        began = time.monotonic()
        self.assertIn("started\n", self.output(self.first, "(while :; do echo x; done) & sleep 0.1; echo started"))
        self.assertEqual(self.output(self.first, "sleep 60 & echo started"), "started\n")
        self.assertLess(time.monotonic() - began, 30)

    def test_a_call_that_is_given_up_ends_its_command(self):
        late = self.server.call("sandbox.exec", {"id": self.first, "command": "exec sleep 654"},
                                headers={"acloud-timeout-s": "1"})
        self.assertEqual(late.code, "deadline_exceeded")
        self.until(lambda: "654" not in self.output(self.first, "cat /proc/[0-9]*/cmdline | tr '\\0' ' '; true"))

    def test_events_come_while_it_runs(self):
        body = json.dumps({"id": self.first, "command": "echo one; read line; echo é >&2; sleep 0.2; echo two; exit 5",
                           "stdin": "x\n"})
        reply = self.server.request("POST", "/api/sandbox/exec", body,
                                    {"Content-Type": "application/json", "Accept": "text/event-stream"})
        events = []
        for block in reply.body.decode().strip().split("\n\n"):
            fields = dict(line.split(": ", 1) for line in block.split("\n"))
            events.append((fields["event"], json.loads(fields["data"])))
        text = {name: "".join(data["text"] for event, data in events if event == name) for name in ("stdout", "stderr")}
        self.assertEqual(text, {"stdout": "one\ntwo\n", "stderr": "é\n"})
        self.assertEqual(events[-2], ("exit", {"exit_code": 5}))
        self.assertEqual((events[-1][0], events[-1][1]["exit_code"]), ("result", 5))

    def test_wrong_commands(self):
        for arguments, code in (({"command": ["no-such-program"]}, "not_found"),
                                ({"command": []}, "invalid_argument"),
                                ({"command": 7}, "invalid_argument"),
                                ({"command": "true", "cwd": "/none"}, "not_found"),
                                ({"command": "true", "env": {"A=B": ""}}, "invalid_argument"),
                                ({"command": "x" * 200_000}, "too_large"),
                                ({"command": "true", "timeout_s": 0}, "invalid_argument")):
            done = self.server.call("sandbox.exec", {"id": self.first, **arguments})
            self.assertEqual(done.code, code, (arguments.keys(), done.body))

    def test_many_at_once(self):
        outputs = [None] * 16

        def run(i):
            outputs[i] = self.output(self.first, f"sleep 0.1; echo {i}")
        threads = [threading.Thread(target=run, args=(i,)) for i in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(outputs, [f"{i}\n" for i in range(16)])


class Files(Case):
    def write_raw(self, sandbox, path, content):
        query = urllib.parse.urlencode({"id": sandbox, "path": path})
        return self.server.request("POST", f"/api/sandbox/write_file?{query}", content,
                                   {"Content-Type": "application/octet-stream"})

    def read_raw(self, sandbox, path, **fields):
        return self.server.request("POST", "/api/sandbox/read_file", json.dumps({"id": sandbox, "path": path, **fields}),
                                   {"Content-Type": "application/json", "Accept": "application/octet-stream"})

    def call(self, operation, path, **fields):
        return self.server.call("sandbox." + operation, {"id": self.first, "path": path, **fields})

    def test_what_is_written_is_seen_inside_and_read_again(self):
        written = self.call("write_file", "new/folder/a.txt", content="héllo\n", mode="640")
        self.assertEqual(written.status, 200, written.body)
        self.assertEqual((written.json["path"], written.json["size"]), ("/root/new/folder/a.txt", 7))
        self.assertEqual(self.output(self.first, "cat new/folder/a.txt; stat -c '%a %u' new/folder/a.txt"),
                         "héllo\n640 0\n")
        self.output(self.first, "echo more >> /root/new/folder/a.txt")
        self.assertEqual(self.call("read_file", "/root/new/folder/a.txt").json["content"], "héllo\nmore\n")
        self.assertEqual(self.call("read_file", "/root/new/folder/a.txt", offset=7, length=2).json["content"], "mo")

    def test_bytes_of_any_kind_and_size(self):
        raw = bytes(range(256))
        self.call("write_file", "bytes", content_base64=base64.b64encode(raw).decode())
        self.assertEqual(base64.b64decode(self.call("read_file", "bytes").json["content_base64"]), raw)
        large = os.urandom(20 << 20)
        written = self.write_raw(self.first, "large", large)
        self.assertEqual((written.status, written.json["size"]), (200, len(large)))
        self.assertEqual(self.read_raw(self.first, "large").body, large)
        self.assertEqual(self.read_raw(self.first, "large", offset=5, length=70_000).body, large[5:70_005])
        self.assertEqual(self.call("read_file", "large").code, "too_large")
        self.assertEqual(self.call("read_file", "/proc/version").json["content"][:5], "Linux")

    def test_folders_are_listed_in_pages(self):
        self.output(self.first, "mkdir -p listed/d; cd listed; printf 123 > f; ln -s f l; mkfifo p; chmod 600 f")
        items = self.call("list_files", "listed").json["items"]
        self.assertEqual([(i["name"], i["type"]) for i in items],
                         [("d", "directory"), ("f", "file"), ("l", "symlink"), ("p", "other")])
        self.assertEqual((items[1]["size"], items[1]["mode"], items[1]["owner"], items[2]["target"]), (3, "600", 0, "f"))
        names, cursor = [], None
        while True:
            page = self.call("list_files", "listed", limit=3, **({"cursor": cursor} if cursor else {})).json
            names += [item["name"] for item in page["items"]]
            cursor = page.get("next_cursor")
            if cursor is None:
                break
        self.assertEqual(names, ["d", "f", "l", "p"])

    def test_no_link_leads_to_the_host(self):
        secret = os.path.join(self.server.data, "secret.txt")
        with open(secret, "w", encoding="ascii") as file:
            file.write("of the host")
        self.output(self.first, f"ln -sfn / top; ln -sfn {secret} secret; ln -sfn ../../../.. up")
        for path in ("secret", f"top{secret}", f"up{secret}", f"/..{secret}", f"/proc/1/root{secret}", f"/proc/self/root{secret}"):
            self.assertIn(self.call("read_file", path).code, ("not_found", "permission_denied", "invalid_argument"), path)
        self.assertEqual(self.call("write_file", secret, content="inside").status, 200)
        with open(secret, encoding="ascii") as file:
            self.assertEqual(file.read(), "of the host")

    def test_what_is_no_file_is_refused_at_once(self):
        self.output(self.first, "mkfifo -m 666 pipe")
        for path, code in (("pipe", "invalid_argument"), ("/", "invalid_argument"), ("none", "not_found"),
                           ("/dev/zero", "invalid_argument")):
            self.assertEqual(self.call("read_file", path).code, code, path)
        self.assertEqual(self.call("write_file", "pipe", content="x").code, "invalid_argument")
        self.assertIn(self.call("write_file", "/usr/bin/x", content="x").code, ("permission_denied",))
        self.assertEqual(self.call("list_files", "none").code, "not_found")
        self.assertEqual(self.call("write_file", "x").code, "invalid_argument")
        self.assertEqual(self.call("write_file", "x", content="x", mode="999").code, "invalid_argument")

    def test_a_full_disk_is_the_sandboxs_own(self):
        small = self.create(limits={"disk_bytes": 32 << 20})
        # Little more than fits: a server that has refused reads no 16 MiB for nothing.
        full = self.write_raw(small, "big", os.urandom(34 << 20))
        if full.status == 200:
            self.skipTest("no limit of disks here")
        self.assertEqual(full.code, "too_large")
        self.assertEqual(self.output(small, "rm big; echo free"), "free\n")
        self.assertEqual(self.write_raw(small, "fits", b"x" * 1000).status, 200)


class WhereNoneCanBeMade(unittest.TestCase):
    def test_the_server_serves_everything_else_and_says_why(self):
        with tempfile.TemporaryDirectory() as data:
            with open(os.path.join(data, "jails"), "w", encoding="ascii"):  # where a folder should be
                pass
            with Server(data) as server:
                self.assertEqual(server.call("object.create_bucket", {"bucket": "works"}).status, 200)
                made = server.call("sandbox.create")
                self.assertEqual((made.status, made.code), (503, "unavailable"))
                self.assertIn("jails", made.json["error"]["message"])
                self.assertEqual(server.call("sandbox.list").code, "unavailable")
                isolation = server.call("sandbox.isolation").json
                self.assertEqual((isolation["available"], "jails" in isolation["problem"]), (False, True))
                checks = json.loads(server.cli("doctor", "--output", "json").stdout)["checks"]
                check = next(check for check in checks if check["check"] == "sandboxes")
                self.assertEqual((check["status"], "none can be made" in check["detail"]), ("warning", True))


class WhereTheRuntimeIsMissing(unittest.TestCase):
    def test_the_server_says_which_program_it_wants(self):
        with Server(config='[sandbox]\nisolation = "oci:no-such-runtime"\n') as server:
            made = server.call("sandbox.create")
            self.assertEqual((made.status, made.code), (503, "unavailable"))
            wanted = "no-such-runtime" if os.geteuid() == 0 else "root"
            self.assertIn(wanted, made.json["error"]["message"])
            checks = json.loads(server.cli("doctor", "--output", "json").stdout)["checks"]
            detail = next(check["detail"] for check in checks if check["check"] == "sandboxes")
            self.assertIn(wanted, detail)


class WhereDescriptorsRunOut(unittest.TestCase):
    COUNT = 40

    def test_a_restart_loses_no_sandbox(self):
        with Server() as server:
            made = server.call("sandbox.create", {"metadata": {"n": "0"}})
            if made.status == 503:
                self.skipTest(made.json["error"]["message"])
            alone = len(os.listdir(f"/proc/{server.process.pid}/fd"))
            ids = {made.json["id"]}
            for number in range(1, self.COUNT):
                ids.add(server.call("sandbox.create", {"metadata": {"n": str(number)}}).json["id"])
            there = lambda: {sandbox["id"] for sandbox in server.call("sandbox.list", {"limit": 1000}).json["items"]}
            self.assertEqual(there(), ids)
            server.stop(kill=True)
            # Room for half of them, each of which takes four.
            server.before = ["prlimit", f"--nofile={alone + 2 * self.COUNT}", "--"]
            server.start()
            self.until_told(server, "waits for the next start")
            server.before = []
            server.restart(kill=True)
            self.assertEqual(there(), ids)
            for sandbox in ids:
                self.assertEqual(server.call("sandbox.exec", {"id": sandbox, "command": "true"}).json["exit_code"], 0)
                server.call("sandbox.kill", {"id": sandbox})

    def until_told(self, server, text):
        deadline = time.monotonic() + 30
        while not any(text in line for line in server.log):
            self.assertLess(time.monotonic(), deadline, server.log)
            time.sleep(0.01)


class Life(Case):
    def test_create_get_list_kill(self):
        before = self.server.call("sandbox.create", {"idle_timeout_s": 60, "limits": {"processes": 50}}).json
        self.assertRegex(before["id"], "^sbx_[0-9a-f]{20}$")
        self.assertEqual((before["state"], before["idle_timeout_s"], before["limits"]["processes"]), ("running", 60, 50))
        self.assertEqual(before["limits"]["memory_bytes"], 2 << 30)
        got = self.server.call("sandbox.get", {"id": before["id"]}).json
        self.assertGreaterEqual(got["usage"]["disk_inodes"], 0)
        self.assertIn(before["id"], [item["id"] for item in self.server.call("sandbox.list").json["items"]])
        self.assertEqual(self.server.call("sandbox.kill", {"id": before["id"]}).json, {"id": before["id"]})
        for operation in ("kill", "get", "pause", "resume", "list_files"):
            self.assertEqual(self.server.call("sandbox." + operation, {"id": before["id"]}).code, "not_found", operation)
        self.assertEqual(os.path.exists(os.path.join(self.server.data, "sandboxes", "records", before["id"] + ".json")), False)

    def test_it_says_what_is_enforced_here(self):
        isolation = self.server.call("sandbox.isolation").json
        self.assertTrue(isolation["available"])
        self.assertRegex(isolation["kind"], "^" + os.environ.get("ACLOUD_ISOLATION", "jail"))
        self.assertEqual(isolation["as_root"], os.geteuid() == 0 and self.user is None)
        lacking = {wall["name"] for wall in isolation["features"] if not wall["enforced"]}
        told = self.server.call("sandbox.get", {"id": self.first}).json["not_enforced"]
        self.assertEqual({line.split(":")[0] for line in told}, lacking)
        checks = json.loads(self.server.cli("doctor", "--output", "json").stdout)["checks"]
        check = next(check for check in checks if check["check"] == "sandboxes")
        self.assertEqual(check["status"], "warning" if lacking else "ok", check)

    def test_wrong_requests(self):
        for arguments, code in (({"image": "none"}, "not_found"), ({"idle_timeout_s": 0}, "invalid_argument"),
                                ({"limits": {"cpus": -1}}, "invalid_argument"), ({"egress": {"allow": ["300.1.1.1/8"]}}, "invalid_argument"),
                                ({"env": {"": "x"}}, "invalid_argument"), ({"env": {"A": "x" * 70_000}}, "too_large")):
            self.assertEqual(self.server.call("sandbox.create", arguments).code, code, arguments.keys())

    def test_another_workspaces_sandbox_is_not_found(self):
        workspace = self.server.call("workspace.create", {"name": "other"}).json["id"]
        key = self.server.call("key.create", {"name": "k", "workspace": workspace}).json["key"]
        theirs = self.create(key)
        for operation, extra in (("get", {}), ("kill", {}), ("pause", {}), ("resume", {}), ("exec", {"command": "id"}),
                                 ("read_file", {"path": "/etc/passwd"}), ("list_files", {}),
                                 ("write_file", {"path": "x", "content": ""})):
            self.assertEqual(self.server.call("sandbox." + operation, {"id": theirs, **extra}).code, "not_found")
        self.assertNotIn(theirs, [item["id"] for item in self.server.call("sandbox.list").json["items"]])
        self.assertEqual([i["id"] for i in self.server.call("sandbox.list", {}, key).json["items"]], [theirs])
        # It goes with its workspace.
        record = os.path.join(self.server.data, "sandboxes", "records", theirs + ".json")
        self.assertTrue(os.path.exists(record))
        self.assertEqual(self.server.call("workspace.delete", {"id": workspace}).status, 200)
        self.until(lambda: not os.path.exists(record))

    def test_kill_ends_what_runs(self):
        sandbox = self.create()
        replies = []
        thread = threading.Thread(target=lambda: replies.append(
            self.server.call("sandbox.exec", {"id": sandbox, "command": "echo $$ > up; sleep 600"})))
        thread.start()
        self.until(lambda: self.server.call("sandbox.read_file", {"id": sandbox, "path": "up"}).status == 200)
        self.assertEqual(self.server.call("sandbox.kill", {"id": sandbox}).status, 200)
        thread.join(20)
        self.assertIn(replies[0].code, ("unavailable", "not_found"))

    def test_an_idempotency_key_makes_one(self):
        headers = {"Idempotency-Key": "one-sandbox"}
        first = self.server.call("sandbox.create", {}, headers=headers)
        again = self.server.call("sandbox.create", {}, headers=headers)
        self.assertEqual((again.json["id"], again.headers.get("idempotency-replayed")), (first.json["id"], "true"))

    def test_pause_and_resume(self):
        if not self.can_pause:
            self.skipTest("no freezer here")
        sandbox = self.create()
        self.output(sandbox, "(i=0; while :; do i=$((i + 1)); echo $i > n; sleep 0.01; done) > /dev/null 2>&1 &")
        self.assertEqual(self.server.call("sandbox.pause", {"id": sandbox}).json["state"], "paused")
        self.assertEqual(self.server.call("sandbox.pause", {"id": sandbox}).json["state"], "paused")
        self.assertEqual(self.state(sandbox), "paused")
        paused = [i["id"] for i in self.server.call("sandbox.list", {"state": "paused"}).json["items"]]
        self.assertIn(sandbox, paused)
        self.assertEqual(self.server.call("sandbox.resume", {"id": sandbox}).json["state"], "running")
        count = self.output(sandbox, "cat n")
        self.until(lambda: self.output(sandbox, "cat n") != count)
        self.server.call("sandbox.pause", {"id": sandbox})
        self.assertEqual(self.output(sandbox, "echo awake"), "awake\n")
        self.assertEqual(self.state(sandbox), "running")

    def test_idle_ones_are_paused_and_those_in_use_are_not(self):
        if not self.can_pause:
            self.skipTest("no freezer here")
        sandbox = self.create(idle_timeout_s=1)
        self.assertEqual(self.output(sandbox, "sleep 3; echo through"), "through\n")
        self.until(lambda: self.state(sandbox) == "paused")
        self.assertEqual(self.output(sandbox, "echo back"), "back\n")

    def test_of_one_that_keeps_its_files_alone_programs_end(self):
        sandbox = self.create(image="base")
        if not self.can_end_programs:
            refused = self.server.call("sandbox.pause", {"id": sandbox, "keep": "files"})
            self.assertEqual(refused.code, "precondition_failed")
            return
        hog = ["python3", "-c", "import time; x = bytearray(64 << 20); time.sleep(5000)"]
        self.assertEqual(self.server.call("sandbox.start_process", {"id": sandbox, "command": hog}).status, 200)
        self.output(sandbox, "echo here > file; (setsid sleep 5000 > /dev/null 2>&1 &)")
        used = lambda: self.server.call("sandbox.get", {"id": sandbox}).json["usage"]["memory_bytes"]
        self.until(lambda: used() > 64 << 20)
        self.assertEqual(self.server.call("sandbox.pause", {"id": sandbox}).json["kept"], "memory")
        self.assertGreater(used(), 64 << 20)
        paused = self.server.call("sandbox.pause", {"id": sandbox, "keep": "files"}).json
        self.assertEqual((paused["state"], paused["kept"]), ("paused", "files"))
        self.assertEqual(self.server.call("sandbox.pause", {"id": sandbox}).json["kept"], "files")
        self.assertLess(used(), 16 << 20)
        self.server.restart(kill=True)
        self.assertEqual(self.server.call("sandbox.get", {"id": sandbox}).json["kept"], "files")
        self.assertEqual(self.server.call("sandbox.resume", {"id": sandbox}).json["kept"], "files")
        self.assertEqual(self.output(sandbox, "cat file; pgrep -x sleep; pgrep python3; true"), "here\n")
        idle = self.create(idle_timeout_s=1, keeps_idle="files")
        self.output(idle, "sleep 5000 > /dev/null 2>&1 &")
        self.until(lambda: self.state(idle) == "paused")
        self.assertEqual(self.server.call("sandbox.get", {"id": idle}).json["kept"], "files")
        self.assertEqual(self.output(idle, "pgrep -x sleep; true"), "")

    def test_a_command_whose_sandbox_keeps_its_files_alone_is_told_to_have_been_killed(self):
        if not self.can_end_programs:
            self.skipTest("programs can't be ended here")
        sandbox, ended = self.create(), []
        call = threading.Thread(target=lambda: ended.append(
            self.server.call("sandbox.exec", {"id": sandbox, "command": "echo begun > file; sleep 5000"})))
        call.start()
        self.until(lambda: self.server.call("sandbox.read_file", {"id": sandbox, "path": "file"}).status == 200)
        self.server.call("sandbox.pause", {"id": sandbox, "keep": "files"})
        call.join(60)
        self.assertEqual(ended[0].json["exit_code"], 128 + 9, ended[0].body)

    def test_who_makes_them_stands_back_for_the_server(self):
        threads = pathlib.Path(f"/proc/{self.server.process.pid}/task").iterdir()
        spawner = " ".join((thread / "children").read_text() for thread in threads).split()[0]
        group = pathlib.Path(f"/proc/{spawner}/autogroup")
        if not group.exists():
            self.skipTest("this kernel does not share processors between sessions")
        # Of those who are not root, one in the whole machine may ask for it in a tenth of a second.
        self.until(lambda: group.read_text().endswith("nice 10\n"))

    def test_the_deadline_ends_it(self):
        sandbox = self.create(deadline_s=1)
        self.until(lambda: self.server.call("sandbox.get", {"id": sandbox}).code == "not_found")

    def test_they_outlive_a_killed_server_and_none_is_leaked(self):
        running, paused, doomed = self.create(env={"KEPT": "yes"}), self.create(), self.create()
        self.output(running, "echo here > file; sleep 5000 > /dev/null 2>&1 &")
        self.output(paused, "echo there > file")
        if self.can_pause:
            self.server.call("sandbox.pause", {"id": paused})
        usage = lambda: self.server.call("sandbox.get", {"id": paused}).json["usage"]
        inodes = usage()["disk_inodes"]
        self.server.stop(kill=True)
        # Half of one was lost: of its record, and of its jail.
        os.unlink(os.path.join(self.server.data, "sandboxes", "records", doomed + ".json"))
        ghost = os.path.join(self.server.data, "sandboxes", "records", "sbx_00000000000000000000.json")
        with open(os.path.join(self.server.data, "sandboxes", "records", running + ".json"), encoding="utf-8") as file:
            record = json.load(file)
        with open(ghost, "w", encoding="utf-8") as file:
            json.dump({**record, "id": "sbx_00000000000000000000"}, file)
        self.server.start()
        self.assertEqual(self.output(running, "cat file; echo $KEPT; pgrep -x sleep > /dev/null && echo runs"),
                         "here\nyes\nruns\n")
        self.assertEqual(self.state(paused), "paused" if self.can_pause else "running")
        self.assertEqual(usage()["disk_inodes"], inodes)
        self.assertGreater(inodes, 0)
        self.assertEqual(self.output(paused, "cat file"), "there\n")
        self.assertEqual(self.server.call("sandbox.get", {"id": doomed}).code, "not_found")
        self.assertFalse(os.path.exists(ghost))
        jails = os.path.join(self.server.data, "jails", "jails")
        self.assertNotIn(doomed, os.listdir(jails))
        for sandbox in (running, paused):
            self.assertEqual(self.server.call("sandbox.kill", {"id": sandbox}).status, 200)
            self.assertNotIn(sandbox, os.listdir(jails))

    def test_what_the_machine_is_out_of_for_a_moment_keeps_no_sandbox_away(self):
        with Server() as server:
            jails = os.path.join(server.data, "jails")
            server.stop()
            shutil.rmtree(jails)
            open(jails, "w", encoding="ascii").close()
            server.start()
            problem = "there are no sandboxes here"
            self.until(lambda: any(problem in line for line in server.log))
            os.unlink(jails)
            self.assertEqual(server.call("sandbox.list").code, "ok")

    def test_one_whose_jail_dies_is_buried(self):
        sandbox = self.create()
        inits = [pid for pid in os.listdir("/proc") if pid.isdigit() and self.is_init_of(pid, sandbox)]
        if not inits:
            self.skipTest("the jail's first process is not to be found")
        os.kill(int(inits[0]), 9)
        self.until(lambda: self.server.call("sandbox.get", {"id": sandbox}).code == "not_found")

    @staticmethod
    def is_init_of(pid, sandbox):
        try:
            with open(f"/proc/{pid}/cgroup", encoding="ascii") as file:
                inside = sandbox in file.read()
            with open(f"/proc/{pid}/status", encoding="ascii") as file:
                return inside and any(line.startswith("NSpid:") and line.split()[-1] == "1" for line in file)
        except OSError:
            return False


# The same for a server without root's rights, where this test has them: some limits are missing then.
class CommandsWithoutRoot(Commands):
    user = NOBODY


class FilesWithoutRoot(Files):
    user = NOBODY


class LifeWithoutRoot(Life):
    user = NOBODY


if __name__ == "__main__":
    unittest.main()
