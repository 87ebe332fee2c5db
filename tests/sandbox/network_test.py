"""What sandboxes reach of the network, and what reaches them, against the real binary."""

import json
import re
import socket
import sqlite3
import subprocess
import threading
import unittest

from sandbox.case import Case as SandboxCase


class Case(SandboxCase):
    def python(self, sandbox, code, **arguments):
        """Runs Python in the sandbox; what it printed, as JSON."""
        done = self.exec(sandbox, ["python3", "-c", code], **arguments)
        self.assertEqual(done["exit_code"], 0, done["stderr"])
        return json.loads(done["stdout"])

    def set_egress(self, sandbox, **egress):
        done = self.server.call("sandbox.set_egress", {"id": sandbox, "egress": egress})
        self.assertEqual(done.status, 200, done.body)
        return done.json


ASK = """
import json, os, urllib.request, urllib.error
def ask(path, key=None, body=None):
  request = urllib.request.Request(os.environ.get("ACLOUD_URL", "http://127.0.0.1:7300") + path, data=body)
  if key: request.add_header("Authorization", "Bearer " + key)
  try:
    with urllib.request.urlopen(request, timeout=20) as answer: return answer.status, answer.read().decode()
  except urllib.error.HTTPError as error: return error.code, error.read().decode()
  except OSError as error: return 0, str(error)
"""


class TheCloudFromInside(Case):
    def reaches(self, sandbox):
        return self.python(sandbox, ASK + "print(json.dumps(ask('/healthz')))")

    def test_it_answers_where_it_was_asked_for_and_nowhere_else(self):
        self.assertEqual(self.reaches(self.first)[0], 0)
        self.assertEqual(self.output(self.first, "echo $ACLOUD_URL"), "\n")
        sandbox = self.create(egress={"cloud": True})
        self.assertEqual(self.reaches(sandbox), [200, "ok\n"])
        self.assertEqual(self.output(sandbox, "echo $ACLOUD_URL"), "http://127.0.0.1:7300\n")
        self.assertEqual(self.server.call("sandbox.get", {"id": sandbox}).json["egress"]["cloud"], True)

    def test_calls_from_inside_need_a_key(self):
        sandbox = self.create(egress={"cloud": True})
        code = ASK + "print(json.dumps([ask('/api/workspace/list', key, b'{}') for key in (None, os.environ['KEY'])]))"
        without, with_key = self.python(sandbox, code, env={"KEY": self.server.key})
        self.assertEqual(without[0], 401)
        self.assertEqual(with_key[0], 200, with_key[1])
        self.assertIn("default", with_key[1])

    def test_it_is_there_again_after_a_restart_and_after_a_pause(self):
        sandbox = self.create(egress={"cloud": True})
        paused = self.create(egress={"cloud": True})
        if self.can_pause:
            self.assertEqual(self.server.call("sandbox.pause", {"id": paused}).status, 200)
        self.assertEqual(self.reaches(sandbox)[0], 200)
        self.server.restart(kill=True)
        for one in (sandbox, paused):
            self.assertEqual(self.reaches(one)[0], 200)
        if self.can_pause:
            self.assertEqual(self.server.call("sandbox.pause", {"id": sandbox}).status, 200)
            self.assertEqual(self.reaches(sandbox)[0], 200)

    def test_it_is_given_and_taken_away_while_the_sandbox_lives(self):
        sandbox = self.create()
        self.set_egress(sandbox, cloud=True)
        self.assertEqual(self.reaches(sandbox)[0], 200)
        # A connection that was open is broken off.
        code = """if True:
            import http.client, json, time
            connection = http.client.HTTPConnection("127.0.0.1", 7300, timeout=20)
            connection.request("GET", "/healthz"); connection.getresponse().read()
            open("/tmp/ready", "w").close()
            print(json.dumps(connection.sock.recv(1).decode()))"""
        started = self.server.call("sandbox.start_process", {"id": sandbox, "command": ["python3", "-c", code]})
        self.until(lambda: self.exec(sandbox, "test -e /tmp/ready")["exit_code"] == 0)
        self.set_egress(sandbox)
        ended = self.server.call("sandbox.follow_process", {"id": sandbox, "pid": started.json["pid"]}).json
        self.assertEqual((ended["exit_code"], ended["stdout"]), (0, '""\n'), ended)
        self.assertEqual(self.reaches(sandbox)[0], 0)

    def test_a_port_that_a_program_inside_has_is_a_conflict(self):
        sandbox = self.create()
        holder = "import socket,time; s=socket.create_server(('127.0.0.1',7300)); open('/tmp/has','w'); time.sleep(600)"
        self.server.call("sandbox.start_process", {"id": sandbox, "command": ["python3", "-c", holder]})
        self.until(lambda: self.exec(sandbox, "test -e /tmp/has")["exit_code"] == 0)
        refused = self.server.call("sandbox.set_egress", {"id": sandbox, "egress": {"cloud": True}})
        self.assertEqual(refused.code, "conflict")
        self.assertEqual(self.server.call("sandbox.get", {"id": sandbox}).json["egress"]["cloud"], False)

    def test_connections_are_bounded_and_hurt_nobody_else(self):
        sandbox = self.create(egress={"cloud": True})
        neighbour = self.create(egress={"cloud": True})
        code = """if True:
            import json, select, socket, time
            held = [socket.create_connection(("127.0.0.1", 7300), 20) for _ in range(200)]
            for s in held: s.sendall(b"GET /healthz HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n")
            answered, until = set(), time.monotonic() + 20
            while len(answered) < 128 and time.monotonic() < until:
                answered |= set(select.select(held, [], [], 1)[0])
            more = set(select.select(held, [], [], 0.3)[0]) | answered
            first = next(iter(answered)); first.close(); held.remove(first)
            late = select.select([s for s in held if s not in more], [], [], 20)[0]
            open("/tmp/full", "w").close()
            print(json.dumps([len(more), len(late)]), flush=True)
            while True: time.sleep(1)"""
        started = self.server.call("sandbox.start_process", {"id": sandbox, "command": ["python3", "-c", code]})
        self.until(lambda: self.exec(sandbox, "test -e /tmp/full")["exit_code"] == 0, 60)
        self.assertEqual(self.reaches(neighbour)[0], 200)
        self.server.call("sandbox.signal_process",
                         {"id": sandbox, "pid": started.json["pid"], "signal": "SIGKILL"})
        ended = self.server.call("sandbox.follow_process", {"id": sandbox, "pid": started.json["pid"]}).json
        self.assertEqual(ended["stdout"], "[128, 1]\n", ended)


PROXY = """
import json, os, socket
def ask(data, wait=20, host=("127.0.0.1", 3128)):
  '''What comes back for raw bytes, up to the end.'''
  try:
    with socket.create_connection(host, wait) as s:
      s.settimeout(wait)
      s.sendall(data if isinstance(data, bytes) else data.encode())
      s.shutdown(socket.SHUT_WR) if wait < 0 else None
      got = b""
      while True:
        piece = s.recv(65536)
        if not piece: return got.decode("latin-1")
        got += piece
  except OSError as error: return "failed: " + str(error)
def get(url, host="x"): return ask(f"GET {url} HTTP/1.1\\r\\nHost: {host}\\r\\nConnection: close\\r\\n\\r\\n")
def status(answer): return answer.split(" ")[1] if answer.startswith("HTTP/") else answer
"""


class Upstream:
    """A server outside of the sandboxes, on loopback: keeps what it was asked, to the byte."""

    def __init__(self, answer=None):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.heads = []
        self.bodies = []
        self.answer = answer or (lambda head, body: b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        with connection, connection.makefile("rb") as stream:
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                line = stream.readline()
                if not line:
                    return
                head += line
            length = re.search(rb"(?i)content-length: (\d+)", head)
            body = stream.read(int(length[1])) if length else b""
            self.heads.append(head.decode())
            self.bodies.append(body)
            connection.sendall(self.answer(head, body))

    def close(self):
        self.socket.close()


class Egress(Case):
    def upstream(self, answer=None):
        made = Upstream(answer)
        self.addCleanup(made.close)
        return made

    def test_nothing_at_first(self):
        self.assertEqual(self.output(self.first, "env | grep -ci proxy; true"), "0\n")
        self.assertIn("refused", self.python(self.first, PROXY + "print(json.dumps(get('http://1.1.1.1/')))"))

    def test_what_is_allowed_goes_both_ways_and_is_in_the_audit(self):
        outside = self.upstream()
        there = f"127.0.0.1:{outside.port}"
        sandbox = self.create(egress={"allow": [there]})
        self.assertEqual(self.output(sandbox, "echo $HTTPS_PROXY $http_proxy"),
                         "http://127.0.0.1:3128 http://127.0.0.1:3128\n")
        curl = "curl -sS --noproxy '' --max-time 20 "
        self.assertEqual(self.output(sandbox, f"{curl} -d abc http://{there}/a?b=c 2>&1"), "hello")
        self.assertTrue(outside.heads[0].startswith(f"POST /a?b=c HTTP/1.1\r\nhost: {there}\r\n"), outside.heads[0])
        self.assertEqual(outside.bodies[0], b"abc")
        self.assertEqual(self.output(sandbox, f"{curl} --proxytunnel http://{there}/d 2>&1"), "hello")
        self.assertIn("GET /d HTTP/1.1", outside.heads[1])
        records = self.audit("sandbox.egress", sandbox, 2)
        self.assertEqual({record["outcome"] for record in records}, {"ok"})
        self.assertEqual({record["resource"] for record in records}, {f"host/{there}"})
        forwarded, tunnelled = sorted(records, key=lambda record: record["sent"])
        self.assertEqual((forwarded["sent"], forwarded["received"]), (3, 5))
        self.assertEqual(tunnelled["sent"], len(outside.heads[1]))
        self.assertEqual(tunnelled["received"], len("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"))

    def test_walls(self):
        """All of the public internet is allowed, and nothing that is not of it."""
        outside = self.upstream()
        sandbox = self.create(egress={"allow": ["*", "localhost", "0.0.0.0/0", "[::]/0"]})
        port = outside.port
        hosts = [f"127.0.0.1:{self.server.port}", f"127.0.0.1:{port}", f"localhost:{port}", f"LOCALHOST.:{port}",
                 f"[::1]:{port}", f"[::ffff:127.0.0.1]:{port}", f"[::ffff:7f00:1]:{port}", f"[::127.0.0.1]:{port}",
                 f"0.0.0.0:{port}", f"127.1:{port}", f"2130706433:{port}", f"0177.0.0.1:{port}",
                 f"0x7f.0.0.1:{port}", f"0x7f000001:{port}", "10.0.0.1:80", "192.168.0.1:80", "172.16.0.1:80",
                 "169.254.169.254:80", "[fe80::1]:80", "[fd00::1]:80", "[64:ff9b::7f00:1]:80", "224.0.0.1:80",
                 f"127.0.0.1%00.example.com:{port}"]
        hosts += [f"{own}:{port}" for own in self.own_addresses()]
        code = PROXY + """
hosts = json.loads(os.environ["HOSTS"])
print(json.dumps([[h, status(get(f"http://{h}/")),
                   status(ask(f"CONNECT {h} HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n"))]
                  for h in hosts]))"""
        for host, plain, tunnel in self.python(sandbox, code, env={"HOSTS": json.dumps(hosts)}):
            self.assertIn(plain, ("400", "403"), host)
            self.assertIn(tunnel, ("400", "403"), host)
        self.assertEqual(outside.heads, [])
        denied = self.audit("sandbox.egress", sandbox, 2 * len(hosts))
        self.assertEqual({record["outcome"] for record in denied}, {"permission_denied", "invalid_argument"})
        self.assertTrue(all(record["reason"] for record in denied))

    @staticmethod
    def own_addresses():
        names = subprocess.run(["hostname", "-I"], capture_output=True, text=True, check=False).stdout.split()
        return [f"[{name}]" if ":" in name else name for name in names]

    def test_a_name_counts_for_nothing_where_its_address_is_not_named(self):
        outside = self.upstream()
        sandbox = self.create(egress={"allow": [f"localhost:{outside.port}"]})
        code = PROXY + f"print(json.dumps(get('http://localhost:{outside.port}/')))"
        self.assertIn("403 ", self.python(sandbox, code)[:20])
        self.set_egress(sandbox, allow=[f"localhost:{outside.port}", f"127.0.0.1:{outside.port}"])
        self.assertIn("hello", self.python(sandbox, code))

    def test_redirects_are_connections_like_any_other(self):
        secret = self.upstream(lambda head, body: b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret")
        to_secret = f"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{secret.port}/\r\nContent-Length: 0\r\n\r\n"
        outside = self.upstream(lambda head, body: to_secret.encode())
        sandbox = self.create(egress={"allow": [f"127.0.0.1:{outside.port}"]})
        command = f"curl -sL --noproxy '' -o /dev/null -w '%{{http_code}}' http://127.0.0.1:{outside.port}/"
        self.assertEqual(self.output(sandbox, command), "403")
        self.assertEqual(secret.heads, [])

    def test_requests_cannot_be_smuggled(self):
        outside = self.upstream()
        there = f"127.0.0.1:{outside.port}"
        sandbox = self.create(egress={"allow": [there]})
        hidden = f"GET http://{there}/hidden HTTP/1.1\r\nHost: {there}\r\n\r\n"
        url = f"http://{there}/shown"
        tries = [
            f"POST {url} HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{hidden}",
            f"POST {url} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: {len(hidden)}\r\n\r\n{hidden}",
            f"POST {url} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n{hidden}",
            f"GET {url} HTTP/1.1\r\nHost: a\r\nX: y\r\n Folded: z\r\n\r\n",
            f"GET {url} HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
            f"GET {url} HTTP/1.1\nHost: a\nX: a\rB: c\n\n",
            f"GET /shown HTTP/1.1\r\nHost: {there}\r\nConnection: close\r\n\r\n",
            f"GET https://{there}/shown HTTP/1.1\r\nHost: {there}\r\nConnection: close\r\n\r\n",
        ]
        code = PROXY + "print(json.dumps([ask(data) for data in json.loads(os.environ['TRIES'])]))"
        answers = self.python(sandbox, code, env={"TRIES": json.dumps(tries)})
        for data, answer in zip(tries, answers):
            self.assertRegex(answer, r"^HTTP/1.1 (400|501) ", data)
        self.assertEqual(outside.heads, [])
        # The address says the host, whatever the header says, and what speaks to the proxy goes no further.
        honest = (f"GET {url} HTTP/1.1\r\nHost: other.test\r\nProxy-Authorization: Basic eDp5\r\n"
                  "Connection: close, X-Drop\r\nX-Drop: 1\r\nX-Keep: 2\r\n\r\n")
        self.python(sandbox, code, env={"TRIES": json.dumps([honest])})
        self.assertEqual(outside.heads[0].lower().split("\r\n")[1:-2],
                         [f"host: {there}", "x-keep: 2", "connection: close"])

    def test_rules_change_while_a_tunnel_is_open(self):
        outside = self.upstream()
        there = f"127.0.0.1:{outside.port}"
        sandbox = self.create(egress={"allow": [there, "a.test"]})
        code = f"""if True:
            import json, socket
            s = socket.create_connection(("127.0.0.1", 3128), 20)
            s.sendall(b"CONNECT {there} HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n")
            got = s.recv(1000).decode()
            open("/tmp/ready", "w").close()
            s.settimeout(30)
            print(json.dumps([got.split(" ")[1], s.recv(1).decode()]))"""
        started = self.server.call("sandbox.start_process", {"id": sandbox, "command": ["python3", "-c", code]})
        self.until(lambda: self.exec(sandbox, "test -e /tmp/ready")["exit_code"] == 0)
        self.set_egress(sandbox, allow=[there])  # which it still may
        self.assertTrue(self.server.call("sandbox.list_processes", {"id": sandbox}).json["items"][0]["running"])
        self.set_egress(sandbox, allow=["a.test"])
        ended = self.server.call("sandbox.follow_process", {"id": sandbox, "pid": started.json["pid"]}).json
        self.assertEqual(ended["stdout"], '["200", ""]\n', ended)
        record = self.audit("sandbox.egress", sandbox, 1)[0]
        self.assertEqual(record["outcome"], "permission_denied")
        self.assertIn("no longer allowed", record["reason"])

    def test_it_works_again_after_a_restart_a_pause_and_a_quick_change(self):
        outside = self.upstream()
        there = f"127.0.0.1:{outside.port}"
        sandbox = self.create(egress={"allow": [there]})
        code = PROXY + f"print(json.dumps(status(get('http://{there}/'))))"
        self.server.restart(kill=True)
        self.assertEqual(self.python(sandbox, code), "200")
        if self.can_pause:
            self.server.call("sandbox.pause", {"id": sandbox})
            self.assertEqual(self.python(sandbox, code), "200")
        for _ in range(5):
            self.set_egress(sandbox)
            self.set_egress(sandbox, allow=[there])
        self.assertEqual(self.python(sandbox, code), "200")

    def test_connections_are_bounded_and_hurt_no_neighbour(self):
        outside = self.upstream()
        there = f"127.0.0.1:{outside.port}"
        sandbox, neighbour = [self.create(egress={"allow": [there]}) for _ in range(2)]
        code = f"""if True:
            import json, select, socket, time
            held = [socket.create_connection(("127.0.0.1", 3128), 20) for _ in range(200)]
            for s in held: s.sendall(b"CONNECT {there} HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n")
            answered, until = set(), time.monotonic() + 30
            while len(answered) < 128 and time.monotonic() < until:
                answered |= set(select.select([s for s in held if s not in answered], [], [], 1)[0])
            answered |= set(select.select([s for s in held if s not in answered], [], [], 0.3)[0])
            print(json.dumps(len(answered)), flush=True)
            open("/tmp/full", "w").close()
            time.sleep(600)"""
        started = self.server.call("sandbox.start_process", {"id": sandbox, "command": ["python3", "-c", code]})
        self.until(lambda: self.exec(sandbox, "test -e /tmp/full")["exit_code"] == 0, 60)
        self.assertEqual(self.python(neighbour, PROXY + f"print(json.dumps(status(get('http://{there}/'))))"), "200")
        self.server.call("sandbox.signal_process", {"id": sandbox, "pid": started.json["pid"], "signal": "SIGKILL"})
        ended = self.server.call("sandbox.follow_process", {"id": sandbox, "pid": started.json["pid"]}).json
        self.assertEqual(ended["stdout"], "128\n", ended)

    def test_bad_rules_say_which(self):
        refused = self.server.call("sandbox.create", {"egress": {"allow": ["a.test", "http://b.test/"]}})
        self.assertEqual(refused.code, "invalid_argument")
        self.assertIn("egress.allow[1]", refused.json["error"]["message"])

    def audit(self, operation, sandbox, count):
        """The records of that sandbox, once there are so many."""
        found = []

        def read():
            with sqlite3.connect(f"file:{self.server.data}/acloud.db?mode=ro", uri=True) as database:
                rows = database.execute("SELECT outcome, resource FROM audit WHERE operation = ? AND "
                                        "principal = ?", (operation, sandbox))
                found[:] = [self.record(outcome, bytes(resource).decode()) for outcome, resource in rows]
            return len(found) >= count

        self.until(read)
        self.assertEqual(len(found), count)
        return found

    @staticmethod
    def record(outcome, resource):
        """A row of the audit about a connection, taken apart."""
        there = re.fullmatch(r"(.*?)\?address=(.*?)&sent=(\d+)&received=(\d+)(?:&reason=(.*))?", resource, re.DOTALL)
        return {"outcome": outcome, "resource": there[1], "address": there[2],
                "sent": int(there[3]), "received": int(there[4]), "reason": there[5]}


SERVE = """
import base64, hashlib, http.server, json, sys
class Handler(http.server.BaseHTTPRequestHandler):
  protocol_version = "HTTP/1.1"
  def do_GET(self):
    if self.headers.get("Upgrade"): return self.echo()
    body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
    told = json.dumps({"method": self.command, "path": self.path, "body": body,
                       "headers": {k.lower(): v for k, v in self.headers.items()}}).encode()
    self.send_response(201)
    self.send_header("Content-Length", str(len(told))); self.send_header("Set-Cookie", "a=b"); self.end_headers()
    self.wfile.write(told)
  do_POST = do_GET
  def echo(self):
    key = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
    self.send_response(101)
    self.send_header("Upgrade", "websocket"); self.send_header("Connection", "Upgrade")
    self.send_header("Sec-WebSocket-Accept", base64.b64encode(hashlib.sha1(key.encode()).digest()).decode())
    self.end_headers(); self.wfile.flush(); self.close_connection = True
    while True:
      data = self.rfile.read1(65536)
      if not data: return
      self.wfile.write(data[::-1]); self.wfile.flush()
  def log_message(self, *_): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 8000), Handler)
open("/tmp/serving", "w").close()
server.serve_forever()
"""


class Ports(Case):
    def serving(self):
        sandbox = self.create()
        self.server.call("sandbox.start_process", {"id": sandbox, "command": ["python3", "-c", SERVE]})
        self.until(lambda: self.exec(sandbox, "test -e /tmp/serving")["exit_code"] == 0)
        return sandbox

    def test_requests_go_to_the_port_without_the_key_and_answers_come_back(self):
        sandbox = self.serving()
        root = f"/sandboxes/{sandbox}/ports/8000"
        answer = self.server.request("POST", f"{root}/a/b?c=d", "body", {"X-Mine": "1", "Cookie": "session=secret"})
        self.assertEqual(answer.status, 201, answer.body)
        seen = answer.json
        self.assertEqual((seen["method"], seen["path"], seen["body"]), ("POST", "/a/b?c=d", "body"))
        self.assertEqual(seen["headers"]["x-mine"], "1")
        self.assertEqual(seen["headers"]["host"], "localhost:8000")
        self.assertEqual(seen["headers"]["x-forwarded-prefix"], root)
        self.assertNotIn(self.server.key, json.dumps(seen))
        self.assertNotIn("secret", json.dumps(seen))
        # A page of a stranger at our address.
        self.assertIn("sandbox", answer.headers["content-security-policy"])
        self.assertNotIn("set-cookie", answer.headers)
        self.assertEqual(self.server.request("GET", root).json["path"], "/")

    def test_the_key_is_asked_for(self):
        sandbox = self.serving()
        root = f"/sandboxes/{sandbox}/ports/8000/"
        self.assertEqual(self.server.request("GET", root, key="").status, 401)
        workspace = self.server.call("workspace.create", {"name": "other"}).json["id"]
        other = self.server.call("key.create", {"name": "k", "workspace": workspace}).json["key"]
        self.assertEqual(self.server.request("GET", root, key=other).status, 404)

    def test_a_port_where_nobody_listens_is_502(self):
        answer = self.server.request("GET", f"/sandboxes/{self.first}/ports/9/")
        self.assertEqual(answer.status, 502)
        self.assertIn("port 9 of sandbox", answer.json["error"]["message"])
        for port in ("0", "65536", "x", ""):
            self.assertEqual(self.server.request("GET", f"/sandboxes/{self.first}/ports/{port}/").status, 400, port)

    def test_the_ways_of_e2b(self):
        sandbox = self.serving()
        key = {"X-Access-Token": self.server.key, "Authorization": "Bearer of-the-program"}
        by_name = self.server.request("GET", "/x", headers={**key, "Host": f"8000-{sandbox}.e2b.test"}, key="")
        by_header = self.server.request("GET", "/x", headers={**key, "E2b-Sandbox-Id": sandbox,
                                                              "E2b-Sandbox-Port": "8000"}, key="")
        for answer in (by_name, by_header):
            self.assertEqual((answer.status, answer.json["path"]), (201, "/x"))
            self.assertEqual(answer.json["headers"]["authorization"], "Bearer of-the-program")
            self.assertNotIn(self.server.key, answer.body.decode())
            self.assertEqual(answer.headers["set-cookie"], "a=b")
        self.assertEqual(by_name.json["headers"]["x-forwarded-host"], f"8000-{sandbox}.e2b.test")

    def test_websockets(self):
        sandbox = self.serving()
        with socket.create_connection((self.server.host, self.server.port), 20) as connection:
            connection.sendall((f"GET /sandboxes/{sandbox}/ports/8000/ws HTTP/1.1\r\nHost: a\r\n"
                                f"Authorization: Bearer {self.server.key}\r\nConnection: Upgrade\r\n"
                                "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n").encode())
            stream = connection.makefile("rb")
            self.assertIn(b"101", stream.readline())
            head = b"".join(iter(stream.readline, b"\r\n"))
            self.assertIn(b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", head)
            for data in (b"abc", b"x" * 1000 + b"y"):
                connection.sendall(data)
                self.assertEqual(stream.read(len(data)), data[::-1])
            if self.can_pause:
                # It is in use for as long as it is open.
                self.assertEqual(self.state(sandbox), "running")

    def test_a_paused_one_wakes(self):
        if not self.can_pause:
            self.skipTest("nothing can be paused here")
        sandbox = self.serving()
        self.server.call("sandbox.pause", {"id": sandbox})
        self.assertEqual(self.server.request("GET", f"/sandboxes/{sandbox}/ports/8000/").status, 201)
        self.assertEqual(self.state(sandbox), "running")


if __name__ == "__main__":
    unittest.main()
