"""sandbox.run_code, over REST, against the real binary."""

import base64
import json
import shutil
import time
import unittest

from sandbox.case import Case


class Code(Case):
    def run_code(self, code, language="python", expect=200, **arguments):
        arguments = {"id": self.first, "code": code, **arguments}
        if "context" not in arguments:
            arguments["language"] = language
        done = self.server.call("sandbox.run_code", arguments)
        self.assertEqual(done.status, expect, done.body)
        return done.json

    def text(self, code, language="python", **arguments):
        """The main result, as text."""
        done = self.run_code(code, language, **arguments)
        self.assertNotIn("error", done)
        main = [result for result in done["results"] if result["main"]]
        self.assertEqual(len(main), 1, done)
        return main[0]["data"]["text/plain"]


class Python(Code):
    def test_the_last_expression_is_a_result_and_state_is_kept(self):
        self.assertEqual(self.text("1 + 1"), "2")
        done = self.run_code("x = 20\ndef f(): return x + 1")
        self.assertEqual(done["results"], [])
        self.assertEqual(self.text("f()"), "21")
        self.assertEqual(self.text("_ * 2"), "42")

    def test_output_of_the_code_and_of_its_programs_is_the_cells(self):
        done = self.run_code("import sys, subprocess\nprint('a')\nsubprocess.run(['echo', 'b'])\n"
                             "print('c', end='')\nprint('bad', file=sys.stderr)\nNone")
        self.assertEqual((done["stdout"], done["stderr"], done["results"]), ("a\nb\nc", "bad\n", []))
        done = self.run_code("print('x' * 5_000_000)")
        self.assertTrue(done["stdout_truncated"])
        self.assertEqual(len(done["stdout"]), 4 << 20)
        self.assertEqual(self.run_code("print('next')")["stdout"], "next\n")

    def test_results_have_all_their_forms(self):
        done = self.run_code(
            "class Table:\n"
            "  def _repr_html_(self): return '<b>hi</b>'\n"
            "  def _repr_png_(self): return b'\\x89PNG'\n"
            "  def _repr_json_(self): return {'a': [1]}\n"
            "  def __repr__(self): return 'Table'\n"
            "display(Table(), 5)\nTable()")
        forms = {"text/plain": "Table", "text/html": "<b>hi</b>", "application/json": '{"a": [1]}',
                 "image/png": base64.b64encode(b"\x89PNG").decode()}
        self.assertEqual(done["results"], [{"main": False, "data": forms},
                                           {"main": False, "data": {"text/plain": "5"}},
                                           {"main": True, "data": forms}])

    def test_figures_that_a_cell_leaves_open_are_results(self):
        # What the driver uses of matplotlib, which the base image does not have.
        self.run_code(
            "import sys, types\n"
            "figures = {}\n"
            "class Figure:\n"
            "  def savefig(self, file, format, bbox_inches): file.write(b'image of ' + format.encode())\n"
            "plots = types.ModuleType('matplotlib.pyplot')\n"
            "plots.figure = lambda number: figures.setdefault(number, Figure())\n"
            "plots.get_fignums = lambda: list(figures)\n"
            "plots.close = lambda which: figures.clear()\n"
            "sys.modules['matplotlib.pyplot'] = plots")
        done = self.run_code("plots.figure(1); None")
        image = base64.b64encode(b"image of png").decode()
        self.assertEqual([r["data"]["image/png"] for r in done["results"]], [image])
        self.assertEqual(self.run_code("None")["results"], [])
        self.run_code("del sys.modules['matplotlib.pyplot']")

    def test_errors_have_name_value_and_traceback_without_what_is_ours(self):
        self.run_code("def divide(a):\n  return a / 0")
        error = self.run_code("divide(1)")["error"]
        self.assertEqual((error["name"], error["value"]), ("ZeroDivisionError", "division by zero"))
        self.assertIn("return a / 0", error["traceback"])
        self.assertNotIn("driver", error["traceback"])
        self.assertEqual(self.run_code("x ===")["error"]["name"], "SyntaxError")
        self.assertEqual(self.run_code("raise SystemExit(3)")["error"]["name"], "SystemExit")

    def test_awaits_at_the_top_and_finds_what_is_installed(self):
        self.assertEqual(self.text("import asyncio\nawait asyncio.sleep(0, 7)"), "7")
        self.assertEqual(self.text("import json, sqlite3\njson.dumps([1])"), "'[1]'")
        self.assertEqual(self.run_code("import no_such_thing")["error"]["name"], "ModuleNotFoundError")

    def test_environment_of_the_sandbox_and_of_one_run(self):
        sandbox = self.create(env={"FROM": "create"})
        show = "import os; (os.environ.get('FROM'), os.environ.get('MORE'))"
        self.assertEqual(self.text(show, id=sandbox, env={"MORE": "run"}), "('create', 'run')")
        self.assertEqual(self.text(show, id=sandbox), "('create', None)")

    def test_code_that_takes_too_long_is_interrupted_and_its_state_kept(self):
        self.run_code("kept = 5")
        late = self.run_code("print('begun', flush=True)\nwhile True: pass", timeout_s=0.5, expect=504)["error"]
        self.assertEqual((late["code"], late["details"]["context_kept"]), ("deadline_exceeded", True))
        self.assertEqual(late["details"]["stdout"], "begun\n")
        late = self.run_code("import subprocess; subprocess.run(['sleep', '60'])", timeout_s=0.5, expect=504)
        self.assertEqual(self.text("kept"), "5")

    def test_code_that_does_not_heed_its_interruption_loses_its_context(self):
        sandbox = self.create()
        self.run_code("1", id=sandbox)
        late = self.run_code("import time\nkept = 5\nwhile True:\n  try: time.sleep(60)\n"
                             "  except KeyboardInterrupt: pass", id=sandbox, timeout_s=1, expect=504)
        self.assertFalse(late["error"]["details"]["context_kept"])
        self.assertEqual(self.run_code("kept", id=sandbox)["error"]["name"], "NameError")

    def test_an_interpreter_that_ends_is_made_anew(self):
        sandbox = self.create()
        done = self.run_code("import os; print('last', flush=True); os._exit(3)", id=sandbox)
        self.assertEqual((done["stdout"], done["error"]["name"]), ("last\n", "InterpreterEnded"))
        self.assertIn("exit code 3", done["error"]["value"])
        self.assertEqual(self.text("2 + 2", id=sandbox), "4")
        self.assertEqual(self.run_code("1", id=sandbox)["execution_count"], 2)

    def test_a_fork_that_comes_to_the_end_of_a_cell_does_not_answer_for_it(self):
        self.assertEqual(self.text("import os\npid = os.fork()\nif pid: os.waitpid(pid, 0)\npid > 0"), "True")
        self.assertEqual(self.text("6 * 7"), "42")

    def test_results_that_are_too_large_are_refused_and_many_are_cut(self):
        error = self.run_code("'x' * 9_000_000")["error"]
        self.assertEqual(error["name"], "ValueError")
        done = self.run_code("for _ in range(5): display('x' * 5_000_000)")
        self.assertTrue(done["results_truncated"])
        self.assertEqual(len(done["results"]), 3)

    def test_it_streams(self):
        reply = self.server.request("POST", "/api/sandbox/run_code",
                                    json.dumps({"id": self.first, "code": "print('one')\ndisplay(2)\n3 / 0"}),
                                    {"Content-Type": "application/json", "Accept": "text/event-stream"})
        names = [line[7:] for line in reply.body.decode().splitlines() if line.startswith("event: ")]
        self.assertEqual(names[-2:], ["error", "result"])
        self.assertEqual(sorted(names[:-2]), ["display", "stdout"])


class Hostile(Code):
    """What the code does to its interpreter harms its own context alone."""

    LINK = ("import os, stat, time\n"
            "def is_socket(fd):\n"
            "  try: return stat.S_ISSOCK(os.fstat(fd).st_mode)\n"
            "  except OSError: return False\n"
            "[link] = filter(is_socket, range(3, 64))\n")

    def begin(self, sandbox, code):
        """A stream of a run, read up to its first output."""
        connection = self.server.connect()
        connection.request("POST", "/api/sandbox/run_code", json.dumps({"id": sandbox, "code": code}),
                           {"Content-Type": "application/json", "Accept": "text/event-stream",
                            "Authorization": f"Bearer {self.server.key}"})
        response = connection.getresponse()
        self.assertIn(b"stdout", response.readline())
        return connection, response

    def test_nonsense_in_the_drivers_name_ends_the_interpreter(self):
        sandbox = self.create()
        for nonsense in ("b'nonsense\\n'", "b'\\n'", "b'r{}x\\n'", "b'd[1]\\n'", "b'd{\"name\":5}\\n'",
                         "b'r' + b'x' * (10 << 20)"):
            with self.subTest(nonsense):
                code = (self.LINK + f"data = {nonsense}\nwhile data: data = data[os.write(link, data):]\n"
                        "time.sleep(60)")
                done = self.run_code(code, id=sandbox, timeout_s=30)
                self.assertEqual(done["error"]["name"], "InterpreterEnded")
                self.assertEqual(self.text("1 + 1", id=sandbox), "2")

    def test_a_caller_who_goes_away_interrupts_his_code(self):
        sandbox = self.create()
        self.run_code("kept = 5", id=sandbox)
        connection, response = self.begin(sandbox, "import time; print(1, flush=True); time.sleep(60)")
        response.close()
        connection.close()
        self.assertEqual(self.text("kept", id=sandbox, timeout_s=20), "5")

    def test_code_ends_with_its_sandbox(self):
        sandbox = self.create()
        connection, response = self.begin(sandbox, "import time; print(1, flush=True); time.sleep(60)")
        self.server.call("sandbox.kill", {"id": sandbox})
        self.assertIn(b"InterpreterEnded", response.read())
        connection.close()


class StartedAhead(Code):
    """A Python that waits in a sandbox before anybody asks for it."""
    PYTHONS = ["pgrep", "-c", "python3"]
    LOOK = ("import os\n(sorted(os.environ.items()), os.getcwd(), os.getuid(), os.getgroups(), sorted(os.listdir('.')), "
            "sorted(os.listdir('/proc/self/fd')), os.getpriority(os.PRIO_PROCESS, 0), open('/proc/self/limits').read(), "
            "[line for line in open('/proc/self/status') if line.startswith(('Cap', 'SigB', 'SigI', 'SigC', 'Seccomp', 'NoNewPrivs'))])")

    def new(self, **arguments):
        sandbox = self.server.call("sandbox.create", arguments).json["id"]
        self.addCleanup(self.server.call, "sandbox.kill", {"id": sandbox})
        return sandbox

    def pythons(self, sandbox):
        return int(self.server.call("sandbox.exec", {"id": sandbox, "command": self.PYTHONS}).json["stdout"])

    def new_with_python(self):
        """One of those that have it: they come once nobody has made a sandbox for a moment, or runs code."""
        end = time.monotonic() + 60
        while time.monotonic() < end:
            sandbox = self.new()
            if self.pythons(sandbox) == 1:
                return sandbox
            self.run_code("1", id=sandbox)
        self.fail("no sandbox ever comes with Python")

    def test_it_is_as_one_that_is_started_when_asked_for(self):
        ahead = self.new_with_python()
        cold = self.new(limits={"processes": 100})
        self.assertEqual(self.pythons(cold), 0)
        self.assertEqual(self.text(self.LOOK, id=ahead), self.text(self.LOOK, id=cold).replace(" 100 ", " 512 "))
        self.assertEqual(self.pythons(ahead), 1)
        self.assertEqual(self.run_code("1", id=ahead)["execution_count"], 2)

    def test_a_sandbox_with_an_environment_of_its_own_starts_its_own(self):
        self.new_with_python()
        sandbox = self.new(env={"GREETING": "hello", "PYTHONHASHSEED": "0"})
        self.assertEqual(self.pythons(sandbox), 0)
        self.assertEqual(self.text("import os, sys\nos.environ['GREETING'], sys.flags.hash_randomization", id=sandbox),
                         "('hello', 0)")

    def test_what_it_was_given_later_is_heeded(self):
        sandbox = self.new_with_python()
        self.server.call("sandbox.set_egress", {"id": sandbox, "egress": {"allow": ["example.org"]}})
        self.assertIn("127.0.0.1", self.text("import os\nos.environ['HTTPS_PROXY']", id=sandbox))

    def test_one_that_was_killed_is_not_missed(self):
        sandbox = self.new_with_python()
        self.server.call("sandbox.exec", {"id": sandbox, "command": "pkill -9 python3; while pgrep python3; do :; done"})
        self.assertEqual(self.text("6 * 7", id=sandbox), "42")

    def test_none_has_a_name_before_it_is_taken(self):
        self.assertEqual(self.server.call("sandbox.list_contexts", {"id": self.new_with_python()}).json["items"], [])


class Contexts(Code):
    def test_each_has_its_own_state(self):
        made = self.server.call("sandbox.create_context", {"id": self.first, "cwd": "/tmp"}).json
        name = made["context"]
        self.assertEqual(made["language"], "python")
        self.run_code("x = 'mine'", context=name)
        self.assertEqual(self.run_code("x", context="python")["error"]["name"], "NameError")
        self.assertEqual(self.text("import os; os.getcwd(), x", context=name), "('/tmp', 'mine')")
        listed = self.server.call("sandbox.list_contexts", {"id": self.first}).json["items"]
        self.assertEqual({item["context"] for item in listed}, {"python", name})

        self.server.call("sandbox.restart_context", {"id": self.first, "context": name})
        self.assertEqual(self.run_code("x", context=name)["error"]["name"], "NameError")
        self.server.call("sandbox.remove_context", {"id": self.first, "context": name})
        self.run_code("x", context=name, expect=404)

    def test_what_is_wrong_is_said(self):
        self.run_code("1", context="ctx_none", expect=404)
        self.run_code("1", context="bash", expect=200)
        self.run_code("1", context="bash", language="python", expect=200)
        done = self.server.call("sandbox.run_code",
                                {"id": self.first, "code": "1", "context": "bash", "language": "python"})
        self.assertEqual(done.status, 400, done.body)
        self.assertEqual(self.server.call("sandbox.run_code", {"id": "sbx_none", "code": "1"}).status, 404)


class Bash(Code):
    def test_state_output_and_exit_codes(self):
        self.run_code("x=5; declare -A m=([a]=1); cd /tmp; f() { echo in f; }", "bash")
        done = self.run_code("echo $x ${m[a]} $PWD; f; echo bad >&2", "bash")
        self.assertEqual((done["stdout"], done["stderr"]), ("5 1 /tmp\nin f\n", "bad\n"))
        error = self.run_code("echo ü; (exit 3)", "bash")["error"]
        self.assertEqual((error["name"], error["value"]), ("ExitCode", "3"))
        self.assertEqual(self.run_code("echo $A", "bash", env={"A": "ü $x"})["stdout"], "ü $x\n")
        self.assertEqual(self.run_code("echo [$A]", "bash")["stdout"], "[]\n")

    def test_it_is_interrupted_in_the_middle_of_a_loop(self):
        self.run_code("x=7; while true; do sleep 0.1; done; x=8", "bash", timeout_s=0.5, expect=504)
        self.assertEqual(self.run_code("echo $x", "bash")["stdout"], "7\n")


@unittest.skipUnless(shutil.which("node", path="/usr/bin:/usr/local/bin"), "the base image has no node")
class JavaScript(Code):
    def test_state_results_and_errors(self):
        self.run_code("const x = 20; console.log('out'); console.error('err')", "javascript")
        self.assertEqual(self.text("x + 1", "javascript"), "21")
        done = self.run_code("({a: [1]})", "javascript")
        self.assertEqual(done["results"][0]["data"], {"text/plain": "{ a: [ 1 ] }",
                                                      "application/json": '{"a":[1]}'})
        error = self.run_code("null.x", "javascript")["error"]
        self.assertEqual(error["name"], "TypeError")
        self.assertIn("<cell", error["traceback"])
        self.assertEqual(self.text("await new Promise(done => setTimeout(() => done(5), 1))", "javascript"), "5")
        self.assertEqual(self.text("process.env.A", "javascript", env={"A": "b"}), "b")

    def test_it_is_interrupted_running_and_waiting(self):
        self.run_code("var kept = 1", "javascript")
        self.run_code("for (;;);", "javascript", timeout_s=0.5, expect=504)
        self.run_code("await new Promise(() => {})", "javascript", timeout_s=0.5, expect=504)
        self.assertEqual(self.text("kept", "javascript"), "1")


if __name__ == "__main__":
    unittest.main()
