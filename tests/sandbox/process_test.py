"""Processes that run whether or not a call waits for them, over REST, on real sandboxes."""

import base64
import http.client
import json
import os
import unittest

from sandbox.case import NOBODY, Case


class Events:
    """The events of a streaming operation, as they come; close() goes away in the middle."""

    def __init__(self, server, operation, arguments):
        self.connection = http.client.HTTPConnection(server.host, server.port, timeout=30)
        headers = {"Content-Type": "application/json", "Accept": "text/event-stream",
                   "Authorization": f"Bearer {server.key}"}
        self.connection.request("POST", "/api/" + operation.replace(".", "/"), json.dumps(arguments), headers)
        self.response = self.connection.getresponse()
        self.text = ""

    def next(self):
        """(event, data); None at the end."""
        name, data = None, []
        for line in iter(self.response.readline, b""):
            line = line.decode().rstrip("\n")
            if line.startswith("event: "):
                name = line[7:]
            elif line.startswith("data: "):
                data.append(line[6:])
            elif not line and name is not None:
                return name, json.loads("".join(data))
        return None

    def rest(self):
        events = list(iter(self.next, None))
        self.close()
        return events

    def until(self, wanted):
        """Reads until the output so far has `wanted` in it."""
        while wanted not in self.text:
            event = self.next()
            if event is None:
                raise AssertionError(f"it ended before {wanted!r}: {self.text!r}")
            self.text += event[1].get("text", "")

    def close(self):
        self.response.close()
        self.connection.close()


class Processes(Case):
    def ask(self, operation, **arguments):
        done = self.server.call("sandbox." + operation, {"id": self.first, **arguments})
        self.assertEqual(done.status, 200, done.body)
        return done.json

    def begin(self, command, **arguments):
        return self.ask("start_process", command=command, **arguments)["pid"]

    def error(self, operation, **arguments):
        return self.server.call("sandbox." + operation, {"id": self.first, **arguments}).code

    def test_it_runs_on_and_can_be_followed(self):
        pid = self.begin("echo one; echo two >&2; exit 3", tag="short")
        followed = self.ask("follow_process", pid=pid)
        self.assertEqual((followed["exit_code"], followed["stdout"], followed["stderr"]), (3, "one\n", "two\n"))
        item = next(item for item in self.ask("list_processes")["items"] if item["pid"] == pid)
        self.assertEqual((item["tag"], item["running"], item["exit_code"]), ("short", False, 3))
        self.assertEqual(self.ask("follow_process", pid=pid, from_beginning=False)["stdout"], "")

    def test_events_and_a_reader_who_goes_away(self):
        events = Events(self.server, "sandbox.start_process",
                        {"id": self.first, "command": "echo begun; read line; echo got $line", "takes_input": True})
        name, data = events.next()
        self.assertEqual(name, "start")
        pid = data["pid"]
        events.until("begun\n")
        events.close()
        again = Events(self.server, "sandbox.follow_process", {"id": self.first, "pid": pid})
        again.until("begun\n")
        self.ask("write_stdin", pid=pid, content="it\n")
        rest = again.rest()
        self.assertEqual(rest[-2], ("exit", {"exit_code": 0, "timed_out": False}))
        self.assertIn(("stdout", {"text": "got it\n"}), rest)

    def test_input_until_it_is_closed(self):
        pid = self.begin(["cat"], takes_input=True)
        self.ask("write_stdin", pid=pid, content="a" * 100_000)
        self.ask("write_stdin", pid=pid, content_base64=base64.b64encode(b"\xff\n").decode(), close=True)
        followed = self.ask("follow_process", pid=pid)
        self.assertEqual((followed["exit_code"], followed["stdout"]), (0, "a" * 100_000 + "\ufffd\n"))
        self.assertEqual(self.error("write_stdin", pid=pid, content="x"), "precondition_failed")
        deaf = self.begin("cat; exec sleep 100")
        self.assertEqual(self.error("write_stdin", pid=deaf, content="x"), "precondition_failed")
        self.ask("signal_process", pid=deaf, signal="KILL", whom="tree")

    def test_bytes_come_as_base64(self):
        events = Events(self.server, "sandbox.start_process",
                        {"id": self.first, "command": ["printf", "\\377\\000x"], "encoding": "base64"})
        told = b"".join(base64.b64decode(data["base64"]) for name, data in events.rest() if name == "stdout")
        self.assertEqual(told, b"\xff\x00x")

    def test_signals(self):
        pid = self.begin("trap 'echo caught; exit 7' TERM; echo ready; while :; do sleep 0.1; done")
        events = Events(self.server, "sandbox.follow_process", {"id": self.first, "pid": pid})
        events.until("ready\n")
        self.ask("signal_process", pid=pid, signal="SIGTERM", whom="process")
        self.assertEqual(events.rest()[-2][1]["exit_code"], 7)
        pid = self.begin(["sleep", "1000"])
        self.ask("signal_process", pid=pid, signal="9")
        self.assertEqual(self.ask("follow_process", pid=pid)["exit_code"], 137)
        self.assertEqual(self.error("signal_process", pid=pid), "not_found")
        self.assertEqual(self.error("signal_process", pid=pid, signal="NONE"), "invalid_argument")
        self.assertEqual(self.error("signal_process", pid=99999), "not_found")
        self.assertEqual(self.error("follow_process", pid=99999), "not_found")

    def test_a_terminal_of_changing_size(self):
        pid = self.begin(["/bin/bash", "--norc", "-i"], pty={"rows": 30, "columns": 100})
        events = Events(self.server, "sandbox.follow_process", {"id": self.first, "pid": pid})
        self.ask("write_stdin", pid=pid, content="test -t 0 && stty size\n")
        events.until("30 100")
        self.ask("resize_terminal", pid=pid, rows=50, columns=200)
        self.ask("write_stdin", pid=pid, content="stty size\n")
        events.until("50 200")
        self.assertEqual(self.error("write_stdin", pid=pid, close=True), "precondition_failed")
        self.ask("write_stdin", pid=pid, content="exit 5\n")
        self.assertEqual(events.rest()[-2][1]["exit_code"], 5)
        plain = self.begin(["true"])
        self.assertEqual(self.error("resize_terminal", pid=plain, rows=1, columns=1), "precondition_failed")

    def test_what_nobody_reads_holds_it_up_as_little_as_its_time_is_kept(self):
        pid = self.begin("head -c 3000000 /dev/zero | tr '\\0' x; echo; echo end")
        followed = self.ask("follow_process", pid=pid)
        self.assertEqual((followed["exit_code"], followed["stdout"][-4:]), (0, "end\n"))
        late = self.begin("setsid sleep 876 & sleep 876", timeout_s=0.3)
        followed = self.ask("follow_process", pid=late)
        self.assertEqual((followed["exit_code"], followed["timed_out"]), (137, True))

    def test_a_reader_gets_all(self):
        events = Events(self.server, "sandbox.start_process",
                        {"id": self.first, "command": "seq 300000"})
        text = "".join(data["text"] for name, data in events.rest() if name == "stdout")
        self.assertEqual(text, "".join(f"{i}\n" for i in range(1, 300001)))

    def test_users(self):
        if self.user is not None or os.geteuid() != 0:
            self.skipTest("without root there is one user")
        done = self.exec(self.first, "id -un; pwd; echo $HOME", user="user")
        self.assertEqual(done["stdout"], "user\n/home/user\n/home/user\n")
        self.assertEqual(self.output(self.first, ["id", "-u"], user="1234", cwd="/"), "1234\n")
        self.assertEqual(self.error("exec", command="id", user="nobody-knows"), "not_found")

    def test_they_go_on_over_a_restart_and_a_kill_of_the_server(self):
        for kill in (False, True):
            pid = self.begin("echo early; read line; echo late $line; exit 4", takes_input=True, tag="kept")
            events = Events(self.server, "sandbox.follow_process", {"id": self.first, "pid": pid})
            events.until("early\n")
            events.close()
            self.server.restart(kill=kill)
            item = next(item for item in self.ask("list_processes")["items"] if item["pid"] == pid)
            self.assertEqual((item["tag"], item["running"]), ("kept", True), kill)
            self.ask("write_stdin", pid=pid, content="word\n")
            followed = self.ask("follow_process", pid=pid)
            self.assertEqual((followed["exit_code"], followed["stdout"]), (4, "late word\n"), kill)
            # What it stands on is still there, too.
            self.assertEqual(self.output(self.first, "head -c4 /etc/passwd; ls /home"), "rootuser\n")

    def test_a_kill_of_the_sandbox_ends_those_who_follow(self):
        sandbox = self.create()
        pid = self.server.call("sandbox.start_process", {"id": sandbox, "command": "exec sleep 1000"}).json["pid"]
        events = Events(self.server, "sandbox.follow_process", {"id": sandbox, "pid": pid})
        self.server.call("sandbox.kill", {"id": sandbox})
        self.assertEqual(events.rest()[-1][0], "error")


class ProcessesWithoutRoot(Processes):
    user = NOBODY


if __name__ == "__main__":
    unittest.main()
