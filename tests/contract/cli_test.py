"""The contract's lines about the command line, with the real program against a real server."""

import json
import os
import signal
import subprocess
import tempfile
import unittest
from concurrent.futures import ThreadPoolExecutor

from support.server import BINARY, Server


def quoted(words):
    return " ".join(f"'{word}'" for word in ("acloud", *words))


# What each shell runs to print what it would offer for the last of some words, a line or a word each.
COMPLETION = {
    "bash": lambda words: f"""
source <(acloud completion bash)
COMP_WORDS=({quoted(words)}); COMP_CWORD={len(words)}
_acloud
printf '%s\\n' "${{COMPREPLY[@]}}"
""",
    # Its completion system answers keys alone, so the two functions of it that ours calls are given here.
    "zsh": lambda words: f"""
compdef() {{ }}
_describe() {{ print -l -- ${{(@)${{(P)2}}%%:*}} }}
source <(acloud completion zsh)
words=({quoted(words)}); CURRENT={len(words) + 1}
_acloud
""",
    "fish": lambda words: f"""
acloud completion fish | source
complete -C "{' '.join(('acloud', *words))}" | cut -f1
""",
}

# Run as root of a network of its own, where port 7300 is free: the server and a command, both without settings.
WITHOUT_SETTINGS = """
import fcntl, socket, struct, subprocess, sys
up = struct.pack("16sh14x", b"lo", 1)  # IFF_UP
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
    fcntl.ioctl(any_socket, 0x8914, up)  # SIOCSIFFLAGS
somebody = ["unshare", "--user", "--map-user=1000", sys.argv[1]]
server = subprocess.Popen([*somebody, "serve"], stderr=subprocess.PIPE, text=True)
seen = iter(server.stderr.readline, "")
assert any(line == "listening on http://127.0.0.1:7300\\n" for line in seen)
done = subprocess.run([*somebody, "object", "list-buckets"])
server.terminate()
server.communicate()
sys.exit(done.returncode or server.returncode)
"""


class Cli(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server().start()
        cls.home = tempfile.TemporaryDirectory(prefix="acloud-cli-")

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()
        cls.home.cleanup()

    def environment(self, **changes):
        environment = {"HOME": self.home.name, "PATH": os.environ["PATH"], "ACLOUD_URL": self.server.url,
                       "ACLOUD_API_KEY": self.server.key}
        environment.update(changes)
        return {name: value for name, value in environment.items() if value is not None}

    def acloud(self, *words, data=None, **environment):
        return subprocess.run([BINARY, *words], input=data, capture_output=True, check=False, timeout=60,
                              env=self.environment(**environment))

    def good(self, *words, **more):
        done = self.acloud(*words, **more)
        self.assertEqual((done.returncode, done.stderr), (0, b""), words)
        return done.stdout

    def test_results_are_json_and_alone_on_standard_output(self):
        self.good("object", "create-bucket", "results")
        put = json.loads(self.good("object", "put", "results", "k", "--content", "v"))
        self.assertIn("etag", put)
        self.assertEqual(json.loads(self.good("object", "get", "results", "k"))["content"], "v")
        self.assertEqual(json.loads(self.good("object", "get", "results", "k", "--fields", "content")),
                         {"content": "v"})

    def test_values_of_any_content_go_in_and_out(self):
        self.good("object", "create-bucket", "bytes")
        value = bytes(range(256)) * 40_000
        self.good("object", "put", "bytes", "piped", "--content-file", "-", data=value)
        with tempfile.NamedTemporaryFile() as file:
            file.write(value)
            file.flush()
            self.good("object", "put", "bytes", "filed", "--content-file", file.name)
        for key in ("piped", "filed"):
            self.assertEqual(self.good("object", "get", "bytes", key, "--output", "raw"), value)

    def test_all_follows_every_page(self):
        self.good("object", "create-bucket", "pages")
        for i in range(5):
            self.good("object", "put", "pages", f"k{i}", "--content", "v")
        lines = self.good("object", "list", "pages", "--limit", "2", "--all", "--fields", "key").splitlines()
        self.assertEqual([json.loads(line)["key"] for line in lines], [f"k{i}" for i in range(5)])

    def test_exit_codes_tell_what_went_wrong(self):
        for words, environment, code in (
                (("object", "get", "nope", "k"), {}, 1),
                (("object", "gett"), {}, 2),
                (("object", "get", "nope"), {}, 2),
                (("object", "create-bucket", "A"), {}, 2),
                (("object", "list-buckets"), {"ACLOUD_URL": "http://127.0.0.1:1"}, 3),
                (("object", "list-buckets"), {"ACLOUD_API_KEY": "acloud_" + "0" * 40}, 4),
                (("object", "list-buckets"), {"ACLOUD_API_KEY": None}, 4)):
            done = self.acloud(*words, "--output", "json", **environment)
            self.assertEqual((done.returncode, done.stdout), (code, b""), (words, done.stderr))
            error = json.loads(done.stderr)["error"]
            self.assertLessEqual({"code", "message", "details", "request_id"}, set(error))

    def test_what_a_grant_denies_exits_5(self):
        grant = '{"operations": ["object.get"]}'
        key = json.loads(self.good("key", "create", "--name", "narrow", "--grant", grant))["key"]
        done = self.acloud("object", "list-buckets", "--output", "json", ACLOUD_API_KEY=key)
        self.assertEqual((done.returncode, done.stdout), (5, b""))
        self.assertEqual(json.loads(done.stderr)["error"]["code"], "permission_denied")

    def test_every_operation_with_effects_has_a_dry_run(self):
        catalog = self.server.request("GET", "/api", key="").json
        asked = [(product["name"], operation["name"], json.dumps(operation["examples"][0]["request"]))
                 for product in catalog["products"] for operation in product["operations"]
                 if operation["effect"] != "read"]
        with ThreadPoolExecutor(4) as pool:
            shown = pool.map(lambda each: self.good(*each[:2], "--json", each[2], "--dry-run"), asked)
            for (product, operation, _), text in zip(asked, shown):
                reply = json.loads(text)
                reply = reply.get("data", reply)  # a stream's last event
                self.assertEqual((reply.get("dry_run"), reply.get("operation")), (True, f"{product}.{operation}"), reply)

    def test_dry_run_does_nothing(self):
        self.good("object", "create-bucket", "dry-bucket", "--dry-run")
        self.assertEqual(self.acloud("object", "delete-bucket", "dry-bucket").returncode, 1)

    def test_the_root_key_of_this_machine_serves_the_default_url_alone(self):
        home = tempfile.mkdtemp(dir=self.home.name)
        os.makedirs(os.path.join(home, "data", "acloud"))
        with open(os.path.join(home, "data", "acloud", "root.key"), "w", encoding="utf-8") as file:
            file.write(self.server.key)
        done = self.acloud("object", "list-buckets", HOME=home, XDG_DATA_HOME=os.path.join(home, "data"),
                           ACLOUD_API_KEY=None)
        self.assertEqual(done.returncode, 4)

    def test_without_settings_it_finds_the_server_of_this_machine_and_its_root_key(self):
        home = tempfile.mkdtemp(dir=self.home.name)
        done = subprocess.run(["unshare", "--user", "--map-root-user", "--net", "python3", "-c", WITHOUT_SETTINGS,
                               BINARY], capture_output=True, check=False, timeout=60,
                              env={"HOME": home, "PATH": os.environ["PATH"]})
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        self.assertEqual(json.loads(done.stdout), {"items": []})
        self.assertIn("root.key", os.listdir(os.path.join(home, ".local", "share", "acloud")))

    def test_help_and_schema_come_from_the_catalog(self):
        self.assertIn(b"Usage: acloud object put BUCKET KEY", self.good("object", "put", "--help"))
        self.assertIn(b"object", self.good("--help"))
        schema = json.loads(self.good("schema", "object.put"))
        self.assertIn("bucket", schema["request"]["properties"])

    def test_doctor_finds_a_healthy_server(self):
        report = json.loads(self.good("doctor"))
        self.assertTrue(report["ok"], report)

    def test_ctrl_c_ends_a_call_that_waits(self):
        caches = tempfile.mkdtemp(dir=self.home.name)
        self.good("object", "create-bucket", "waiting")  # or the server might refuse before the signal comes
        with subprocess.Popen([BINARY, "object", "put", "waiting", "k", "--content-file", "-"], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              env=self.environment(XDG_CACHE_HOME=caches)) as process:
            # It has installed its handler by the time it keeps the catalog.
            while not os.path.isdir(os.path.join(caches, "acloud")):
                self.assertIsNone(process.poll())
            process.send_signal(signal.SIGINT)
            self.assertEqual(process.wait(timeout=30), 130)
            self.assertEqual(process.stdout.read(), b"")

    def test_it_stops_quietly_when_nobody_reads(self):
        done = subprocess.run(["bash", "-c", '"$1" object list-buckets --output raw > /dev/full; echo $? >&2', "x",
                               BINARY], capture_output=True, check=False, env=self.environment())
        self.assertEqual(done.stderr.strip(), b"1")

    def completions(self, shell, *words):
        done = subprocess.run([shell, "-c", COMPLETION[shell](words)], capture_output=True, check=True, text=True,
                              env=self.environment(PATH=f"{os.path.dirname(BINARY)}:{os.environ['PATH']}"))
        self.assertEqual(done.stderr, "")
        return done.stdout.split()

    def test_shells_complete_products_operations_and_flags(self):
        for shell in COMPLETION:
            with self.subTest(shell=shell):
                self.assertEqual(self.completions(shell, "obj"), ["object"])
                self.assertIn("create-bucket", self.completions(shell, "object", "cr"))
                self.assertIn("--bucket", self.completions(shell, "object", "put", "--bu"))
                self.assertEqual(self.completions(shell, "object", "put", "--output", "nd"), ["ndjson"])
                self.assertEqual(self.completions(shell, "completion", "b"), ["bash"])


if __name__ == "__main__":
    unittest.main()
