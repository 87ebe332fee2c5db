"""Commands and files in sandboxes, over REST, against the real binary."""

import base64
import json
import os
import threading
import time
import unittest
import urllib.parse

from sandbox.case import NOBODY, Case


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


# The same for a server without root's rights, where this test has them: some limits are missing then.
class CommandsWithoutRoot(Commands):
    user = NOBODY


class FilesWithoutRoot(Files):
    user = NOBODY


if __name__ == "__main__":
    unittest.main()
