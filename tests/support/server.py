"""A real acloud server for a test: started on a free port and an empty data folder, ended by its pid."""

import atexit
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import urllib.parse

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BINARY = os.environ.get("ACLOUD_BINARY", os.path.join(ROOT, "build", "acloud"))


class Reply:
    """An HTTP response, read whole."""

    def __init__(self, response):
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.body = response.read()

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def code(self):
        """The error's code, or "ok"."""
        return self.json["error"]["code"] if self.status >= 400 else "ok"


class Server:
    """`with Server() as server:` or start() and stop()."""

    def __init__(self, data=None, flags=(), config=None, environment=None, user=None, before=()):
        """`user`: the number of the one to run as, for tests that are root. `before`: words that run what follows them."""
        self.own_data = data is None
        self.data = data or tempfile.mkdtemp(prefix="acloud-test-")
        self.flags = list(flags)
        self.before = list(before)
        isolation = os.environ.get("ACLOUD_ISOLATION")
        if isolation and user is None:
            config = f'{config or ""}\n[sandbox]\nisolation = "{isolation}"\n'
        if config is not None:
            path = os.path.join(self.data, "acloud.toml")
            with open(path, "w", encoding="utf-8") as file:
                file.write(config)
            self.flags += ["--config", path]
        self.environment = {**os.environ, **(environment or {})}
        self.user = user
        atexit.register(self.stop, kill=True)
        if user is not None:
            os.chown(self.data, user, user)
        self.process = None
        self.log = []

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()
        if not self.own_data:
            return
        for link in ("jails/jails", "sandboxes/records"):  # what a sandbox that lives on keeps outside of the data folder
            if os.path.islink(path := os.path.join(self.data, link)):
                shutil.rmtree(os.readlink(path), ignore_errors=True)
        shutil.rmtree(self.data, ignore_errors=True)

    def start(self):
        command = [*self.before, BINARY, "serve", "--listen", "127.0.0.1:0", "--data", self.data, *self.flags]
        # Standard output is not the test's: one that is left behind must not hold up who waits for its end.
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                                        env=self.environment,
                                        user=self.user, group=self.user,
                                        extra_groups=None if self.user is None else [])
        for line in self.process.stderr:
            self.log.append(line)
            found = re.match(r"listening on (https?)://(.*):(\d+)$", line)
            if found:
                self.host, self.port = found[2].strip("[]"), int(found[3])
                break
        else:
            raise RuntimeError(f"the server ended with {self.process.wait()}: {''.join(self.log)}")
        self.reader = threading.Thread(target=self._read_log, args=(self.process.stderr,), daemon=True)
        self.reader.start()
        with open(os.path.join(self.data, "root.key"), encoding="ascii") as file:
            self.key = file.read().strip()
        return self

    def _read_log(self, stream):
        for line in stream:
            self.log.append(line)

    @property
    def url(self):
        return f"http://{self.host}:{self.port}"

    def stop(self, kill=False, timeout=30):
        """Ends the server; its exit code."""
        if self.process is None:
            return None
        process, self.process = self.process, None
        process.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
        try:
            code = process.wait(timeout)
        except subprocess.TimeoutExpired:  # which fails the test, and must not leave it behind
            process.kill()
            process.wait()
            raise
        self.reader.join(timeout)
        process.stderr.close()
        return code

    def restart(self, kill=False):
        self.stop(kill=kill)
        return self.start()

    def reload(self, config, wait_for, patience=20):
        """Has it read another configuration (SIGHUP); returns when its log has `wait_for`."""
        with open(os.path.join(self.data, "acloud.toml"), "w", encoding="utf-8") as file:
            file.write(config)
        seen = len(self.log)
        self.process.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + patience
        while not any(wait_for in line for line in self.log[seen:]):
            if time.monotonic() > deadline:
                raise AssertionError(f"no {wait_for!r} after {patience} s in {self.log[seen:]}")
            time.sleep(0.01)

    def memory(self, field="VmRSS"):
        """Bytes, from /proc: VmRSS now, VmHWM at most so far."""
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
            return int(re.search(rf"{field}:\s+(\d+) kB", file.read())[1]) << 10

    def gauge(self, name):
        """The value of a metric without labels."""
        text = self.request("GET", "/metrics", key="").body.decode()
        return float(re.search(rf"(?m)^{name} (.*)$", text)[1])

    def connect(self, timeout=30):
        return http.client.HTTPConnection(self.host, self.port, timeout=timeout)

    def request(self, method, target, body=None, headers=None, key=None):
        """One request on a connection of its own. key: None for the root key, "" for none."""
        headers = dict(headers or {})
        key = self.key if key is None else key
        if key:
            headers.setdefault("Authorization", f"Bearer {key}")
        connection = self.connect()
        try:
            connection.request(method, target, body, headers)
            return Reply(connection.getresponse())
        finally:
            connection.close()

    def call(self, operation, arguments=None, key=None, headers=None):
        """POST /api/<product>/<operation> with JSON."""
        target = "/api/" + operation.replace(".", "/")
        headers = {"Content-Type": "application/json", **(headers or {})}
        return self.request("POST", target, json.dumps(arguments or {}), headers, key)

    def put_bytes(self, bucket, name, content, headers=None, key=None, **fields):
        """object.put with the value as the raw body."""
        query = urllib.parse.urlencode({"bucket": bucket, "key": name, **fields})
        headers = {"Content-Type": "application/octet-stream", **(headers or {})}
        return self.request("POST", f"/api/object/put?{query}", content, headers, key)

    def get_bytes(self, bucket, name, key=None, **fields):
        headers = {"Content-Type": "application/json", "Accept": "application/octet-stream"}
        arguments = json.dumps({"bucket": bucket, "key": name, **fields})
        return self.request("POST", "/api/object/get", arguments, headers, key)

    def cli(self, *arguments, input=None, environment=None, timeout=60):
        """Runs the command line against this server."""
        env = {**self.environment, "ACLOUD_URL": self.url, "ACLOUD_API_KEY": self.key,
               "XDG_CACHE_HOME": os.path.join(self.data, "cache"), **(environment or {})}
        return subprocess.run([BINARY, *arguments], input=input, capture_output=True, env=env, timeout=timeout,
                              check=False)
