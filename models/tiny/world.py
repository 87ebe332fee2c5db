"""The evaluation's own executor: a small cloud in one process, with exact semantics.

A world is made from plain data (so an episode can be stored), takes tool calls and gives replies shaped as
the real operations' replies are. Python code runs in this interpreter with a closed set of names and the
sandbox's files; SQL runs in SQLite; a few commands of coreutils are interpreted. `state` is what counts at
the end of an episode: everything that would be left in the cloud.
"""
import ast
import builtins
import contextlib
import copy
import csv
import io
import json
import random
import shlex
import sqlite3

# Operation -> its arguments in canonical order. `sandbox_` operations also take `id` first when bound to no sandbox.
TOOLS = {
    "sandbox_create": (), "sandbox_exec": ("command",), "sandbox_run_code": ("language", "code"),
    "sandbox_write_file": ("path", "content"), "sandbox_read_file": ("path",), "sandbox_list_files": ("path",),
    "object_create_bucket": ("bucket",), "object_list_buckets": (), "object_put": ("bucket", "key", "content"),
    "object_get": ("bucket", "key"), "object_list": ("bucket",), "object_delete": ("bucket", "key"),
    "database_create": ("name",), "database_query": ("name", "sql"), "database_list": (),
    "queue_create": ("name",), "queue_send": ("name", "body"), "queue_receive": ("name",), "queue_ack": ("name", "receipt"),
    "memory_add": ("text",), "memory_search": ("query",),
    "schedule_create": ("name", "cron"),
}
_SAFE = {name: getattr(builtins, name) for name in (
    "abs dict enumerate float int len list max min print range round set sorted str sum tuple zip map filter any all "
    "Exception KeyError ValueError ZeroDivisionError").split()}
MISSING = ("no {} {}", "{} {} does not exist", "there is no {} {}; create it first", "{} {} was not found")


class ToolError(Exception):
    def __init__(self, code, message):
        super().__init__(message)
        self.code, self.message = code, message


class World:
    def __init__(self, data):
        """`data`: files, buckets, queues, memory, databases (name -> SQL script), schedules, seed, sandbox,
        flaky (how many calls answer `unavailable` first), digits (of identifiers), full (objects' replies with every
        field), real (every reply and error as the catalog's operation writes it), words (which wording of a miss)."""
        data = copy.deepcopy(data)
        self.files = data.get("files", {})
        self.buckets = data.get("buckets", {})
        self.queues = data.get("queues", {})
        self.memory = data.get("memory", [])
        self.schedules = data.get("schedules", {})
        self.databases = {}
        for name, script in data.get("databases", {}).items():
            self._open(name).executescript(script)
        self.sandboxes = [data["sandbox"]] if data.get("sandbox") else []
        self.flaky = data.get("flaky", 0)
        self.real = data.get("real", False)
        self.digits, self.full = data.get("digits", 20), data.get("full", False) or self.real
        self.missing = MISSING[data.get("words", 0)]
        self.rng = random.Random(data.get("seed", 0))
        self.compact = self.rng.random() < 0.8 or self.real
        self.verbose = self.rng.random() < 0.3
        self.row_objects = self.rng.random() < 0.2 and not self.real
        self.received = {}
        self.cells = 0

    def _open(self, name):
        self.databases[name] = sqlite3.connect(":memory:", isolation_level=None)
        return self.databases[name]

    def state(self):
        """What would be left in the cloud. Sandboxes' own identifiers don't count, nor does what only was read."""
        tables = {}
        for name, db in self.databases.items():
            listed = db.execute("select name from sqlite_master where type = 'table' order by name").fetchall()
            tables[name] = {t: [[c[1] for c in db.execute(f'pragma table_info("{t}")')],
                                sorted(map(list, db.execute(f'select * from "{t}"')), key=repr)] for (t,) in listed}
        return json.loads(json.dumps({
            "files": self.files, "buckets": self.buckets, "queues": self.queues, "memory": self.memory,
            "schedules": self.schedules, "databases": tables, "sandboxes": len(self.sandboxes)}, sort_keys=True))

    def call(self, name, arguments):
        """The reply as JSON text; errors have the shape of the real ones."""
        try:
            if self.flaky:
                self.flaky -= 1
                raise ToolError("unavailable", "overloaded, try again")
            if name not in TOOLS or not isinstance(arguments, dict):
                raise ToolError("invalid_argument", f"no operation {name}")
            reply = getattr(self, "_" + name)(**arguments)
        except ToolError as e:
            reply = {"error": {"code": e.code, "message": e.message}}
        except TypeError:
            reply = {"error": {"code": "invalid_argument", "message": f"wrong fields for {name}"}}
        return json.dumps(reply, separators=(",", ":") if self.compact else (", ", ": "), ensure_ascii=False)

    def _id(self, prefix):
        return prefix + "_" + "".join(self.rng.choice("0123456789abcdef") for _ in range(self.digits))

    def _time(self):
        rng = self.rng
        fraction = f".{rng.randrange(10 ** 6):06}" if rng.random() < 0.5 else ""
        return f"20{rng.randint(26, 29)}-{rng.randint(10, 12)}-{rng.randint(10, 28)}T{rng.randint(10, 23)}:{rng.randint(10, 59)}:{rng.randint(10, 59)}{fraction}Z"

    def _no(self, kind, name):
        if self.real:
            hints = {"bucket": "; make it with object.create_bucket", "sandbox": "; sandbox.list shows those that live", "database": "; make it with database.create", "queue": "; make it with queue.create"}
            if kind == "file":
                return ToolError("not_found", f"{self._absolute(name)}: there is no such file or folder in the sandbox")
            if kind in hints:
                return ToolError("not_found", f"no {kind} {name}{hints[kind]}")
        return ToolError("not_found", self.missing.format(kind, name))

    def _exists(self, kind, name):
        return ToolError("conflict", f"there is a {kind} {name} already" if self.real else f"{kind} {name} exists")

    # sandbox

    def _in_sandbox(self, id):
        if id is not None and id not in self.sandboxes:
            raise self._no("sandbox", id)

    def _sandbox_create(self):
        self.sandboxes.append(self._id("sbx"))
        reply = {"id": self.sandboxes[-1], "state": "running"}
        if not self.real:
            return reply
        limits = {"memory_bytes": 2147483648, "cpus": 0, "processes": 512, "open_files": 4096, "disk_bytes": 4294967296, "disk_inodes": 262144}
        return {**reply, "image": "base", "created": self._time(), "idle_timeout_s": 300, "metadata": {}, "limits": limits,
                "egress": {"cloud": False, "allow": [], "deny": []}}

    def _done(self, exit_code, stdout="", stderr=""):
        reply = {"exit_code": exit_code, "stdout": stdout, "stderr": stderr}
        if self.real:
            if exit_code == 127:
                reply["stderr"] = stderr.replace("bash: ", "/bin/bash: line 1: ")
            return {**reply, "stdout_truncated": False, "stderr_truncated": False, "cpu_s": round(self.rng.random() / 10, self.rng.randint(2, 6))}
        return reply if not self.verbose else dict(sorted(reply.items()))

    def _sandbox_run_code(self, code, language="python", id=None):
        self._in_sandbox(id)
        if language != "python":
            raise ToolError("invalid_argument", f"no language {language}")
        if not self.real:
            return self._done(*self._python(code))
        failed, out, err = (*self._python(code), "")[:3]
        reply = {"context": "python", "results": [], "stdout": out, "stderr": "", "stdout_truncated": False, "stderr_truncated": False, "results_truncated": False}
        if failed:
            name, _, value = err.strip("\n").partition(": ")
            reply["error"] = {"name": name, "value": value, "traceback": self._traceback(err, f"<cell {self.cells + 1}>", code)}
        self.cells += 1
        return {**reply, "execution_count": self.cells}

    def _traceback(self, err, place, line=None):
        return f'Traceback (most recent call last):\n  File "{place}", line 1, in <module>\n' + (f"    {line}\n" if line else "") + err

    def _python(self, code):
        def opened(path, mode="r"):
            if mode != "r" or path not in self.files:
                raise FileNotFoundError(f"[Errno 2] No such file or directory: '{path}'")
            return io.StringIO(self.files[path])

        def imported(module, *_):
            if module != "csv":
                raise ImportError(f"No module named '{module}'")
            return csv

        out = io.StringIO()
        try:
            tree = ast.parse(code)
            if len(code) > 600 or any(isinstance(n, (ast.While, ast.FunctionDef, ast.Lambda, ast.Pow)) for n in ast.walk(tree)):
                raise SyntaxError("not supported here")
            for node in ast.walk(tree):
                if isinstance(node, ast.Attribute) and node.attr.startswith("_"):
                    raise SyntaxError("not supported here")
            with contextlib.redirect_stdout(out):
                exec(compile(tree, "code", "exec"), {"__builtins__": {**_SAFE, "open": opened, "__import__": imported}})
        except Exception as e:
            return 1, out.getvalue(), f"{type(e).__name__}: {e}\n"
        return 0, out.getvalue()

    def _sandbox_exec(self, command, id=None):
        self._in_sandbox(id)
        if not isinstance(command, str):
            raise ToolError("invalid_argument", "command must be a string")
        try:
            words = shlex.split(command)
        except ValueError as e:
            return self._done(2, "", f"bash: {e}\n")
        try:
            return self._done(*self._command(words))
        except FileNotFoundError as e:
            return self._done(1, "", self._no_file(words, e.args[0]) + ": No such file or directory\n")

    def _no_file(self, words, path):
        if self.real and "<" in words:
            return f"/bin/bash: line 1: {path}"
        if self.real and words[0] in ("head", "tail", "rm"):
            return f"{words[0]}: cannot {'remove' if words[0] == 'rm' else 'open'} '{path}'" + ("" if words[0] == "rm" else " for reading")
        return f"{words[0]}: {path}"

    def _file(self, path):
        if path not in self.files:
            raise FileNotFoundError(path)
        return self.files[path]

    def _command(self, words):
        match words:
            case ["python3", "-c", code]:
                done = self._python(code)
                return (*done[:2], self._traceback(done[2], "<string>")) if self.real and done[0] else done
            case ["cat", path]:
                return 0, self._file(path)
            case ["ls"]:
                return 0, "".join(name + "\n" for name in self._here())
            case ["wc", "-l", "<", path]:
                return 0, str(self._file(path).count("\n")) + "\n"
            case ["wc", "-w", "<", path]:
                return 0, str(len(self._file(path).split())) + "\n"
            case ["head", "-n", n, path] if n.isdigit():
                return 0, "".join(self._file(path).splitlines(True)[:int(n)])
            case ["tail", "-n", n, path] if n.isdigit():
                return 0, "".join(self._file(path).splitlines(True)[-int(n):])
            case ["echo", *rest]:
                return 0, " ".join(rest) + "\n"
            case ["basename", path]:
                return 0, path.rstrip("/").split("/")[-1] + "\n"
            case ["whoami"]:
                return 0, "root\n" if self.real else "user\n"
            case ["pwd"]:
                return 0, "/root\n" if self.real else "/home/user\n"
            case ["uname"]:
                return 0, "Linux\n"
            case ["rm", path]:
                self._file(path)
                del self.files[path]
                return 0, ""
            case ["touch", path]:
                self.files.setdefault(path, "")
                return 0, ""
        return 127, "", f"bash: {words[0] if words else ''}: command not found\n"

    def _here(self):
        """What the working folder has, as `ls` sorts it."""
        return sorted({path.removeprefix("./").split("/")[0] for path in self.files if not path.startswith("/")})

    def _sandbox_write_file(self, path, content, id=None):
        self._in_sandbox(id)
        self.files[path] = content
        if self.real:
            return {"path": self._absolute(path), "name": path.split("/")[-1], "type": "file", "size": len(content.encode()), "mode": "644", "owner": 0, "modified": self._time()}
        return {"path": path, "size": len(content.encode())} if self.verbose else {"size": len(content.encode())}

    def _sandbox_read_file(self, path, id=None):
        self._in_sandbox(id)
        if path not in self.files:
            raise self._no("file", path)
        if self.real:
            return {"content": self.files[path], "size": len(self.files[path].encode()), "mode": "644", "modified": self._time()}
        return {"content": self.files[path], **({"size": len(self.files[path])} if self.verbose else {})}

    def _absolute(self, path):
        return path if path.startswith("/") else "/root/" + path.removeprefix("./")

    def _sandbox_list_files(self, path, id=None):
        self._in_sandbox(id)
        return {"items": [{"name": n, "size": len(c)} for n, c in sorted(self.files.items())]}

    # object

    def _bucket(self, bucket):
        if bucket not in self.buckets:
            raise self._no("bucket", bucket)
        return self.buckets[bucket]

    def _object(self, content):
        return {"etag": self.rng.randbytes(self.rng.choice((8, 32))).hex(), "size": len(content), "content_type": "text/plain; charset=utf-8" if self.real else "text/plain",
                "modified": self._time() if self.real else f"2026-{self.rng.randint(10, 12)}-{self.rng.randint(10, 28)}T0{self.rng.randint(0, 9)}:00:00Z"}

    def _object_create_bucket(self, bucket):
        if bucket in self.buckets:
            raise self._exists("bucket", bucket)
        self.buckets[bucket] = {}
        return {"bucket": bucket, "created": self._time()} if self.real else {"bucket": bucket}

    def _object_list_buckets(self):
        return {"items": [{"bucket": b} for b in sorted(self.buckets)]}

    def _object_put(self, bucket, key, content):
        self._bucket(bucket)[key] = content
        reply = {"etag": self.rng.randbytes(4).hex(), "size": len(str(content))}
        if self.full:
            return {"bucket": bucket, "key": key, **self._object(content)}
        return {"bucket": bucket, "key": key, **reply} if self.verbose else reply

    def _object_get(self, bucket, key):
        if key not in self._bucket(bucket):
            raise self._no("object", f"{key} in bucket {bucket}" if self.real else f"{key} in {bucket}")
        reply = {"content": self.buckets[bucket][key]}
        if self.full:
            return {**reply, **self._object(reply["content"])}
        return {"bucket": bucket, "key": key, **reply, "size": len(reply["content"])} if self.verbose else reply

    def _object_list(self, bucket):
        items = sorted(self._bucket(bucket).items())
        if self.real:
            return {"items": [{"bucket": bucket, "key": k, **self._object(v)} for k, v in items]}
        return {"items": [{"key": k, "size": len(v)} for k, v in items]}

    def _object_delete(self, bucket, key):
        if self._bucket(bucket).pop(key, None) is None:
            raise self._no("object", f"{key} in bucket {bucket}" if self.real else f"{key} in {bucket}")
        return {"bucket": bucket, "key": key} if self.real else {}

    # database

    def _database_create(self, name):
        if name in self.databases:
            raise self._exists("database", name)
        self._open(name)
        return {"name": name, "created": self._time()} if self.real else {"name": name}

    def _database_list(self):
        return {"items": [{"name": n} for n in sorted(self.databases)]}

    def _database_query(self, name, sql):
        if name not in self.databases:
            raise self._no("database", name)
        try:
            cursor = self.databases[name].execute(sql)
        except (sqlite3.Error, sqlite3.Warning) as e:
            raise ToolError("invalid_argument", str(e)) from None
        columns = [d[0] for d in cursor.description or ()]
        rows = [list(r) for r in cursor.fetchall()]
        if self.row_objects:
            rows = [dict(zip(columns, r)) for r in rows]
        if self.real and not cursor.description:
            return {"columns": [], "rows": [], "rows_affected": max(0, cursor.rowcount)}
        return {"columns": columns, "rows": rows}

    # queue

    def _queue(self, name):
        if name not in self.queues:
            raise self._no("queue", name)
        return self.queues[name]

    def _queue_create(self, name):
        if name in self.queues:
            raise self._exists("queue", name)
        self.queues[name] = []
        return {"name": name, "visibility_s": 30, "retention_s": 1209600, "created": self._time()} if self.real else {"name": name}

    def _queue_send(self, name, body):
        self._queue(name).append(body)
        return {"id": self._id("msg")}

    def _queue_receive(self, name):
        items = []
        # One that was received is not given again meanwhile.
        waiting = self._queue(name)[sum(queue == name for queue, _ in self.received.values()):]
        if waiting:
            receipt = self._id("rcp") + "".join(self.rng.choice("0123456789abcdef") for _ in range(12 if self.real else 0))
            self.received[receipt] = name, waiting[0]
            items = [{"body": waiting[0], "receipt": receipt}]
            if self.real:
                items[0] = {"id": self._id("msg"), **items[0], "sent": self._time(), "receives": 1}
            elif self.verbose:
                items[0] = {"id": self._id("msg"), **items[0]}
        return {"items": items}

    def _queue_ack(self, name, receipt):
        if receipt not in self.received:
            raise self._no("receipt", receipt)
        self._queue(name).remove(self.received.pop(receipt)[1])
        return {}

    # memory, schedule

    def _memory_add(self, text):
        self.memory.append(text)
        return {"id": self._id("mem")}

    def _memory_search(self, query):
        asked = set(str(query).lower().split())
        score, best = max(((len(asked & set(t.lower().split())), t) for t in self.memory), default=(0, None))
        items = [{"text": best, "score": round(score / len(asked), 2)}] if score else []
        return {"items": [{"id": self._id("mem"), **items[0]}] if items and self.verbose else items}

    def _schedule_create(self, name, cron):
        self.schedules[name] = cron
        return {"name": name}
