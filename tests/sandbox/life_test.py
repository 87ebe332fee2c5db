"""The life of sandboxes, over REST, against the real binary: made, paused, found again, ended."""

import json
import os
import pathlib
import shutil
import tempfile
import threading
import time
import unittest

from sandbox.case import NOBODY, Case
from support.server import Server


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
class LifeWithoutRoot(Life):
    user = NOBODY


if __name__ == "__main__":
    unittest.main()
