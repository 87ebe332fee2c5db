"""The task families: each makes a request, what must be in the world, and a plan that fulfils it.

A plan is a generator: it yields tool calls `(name, arguments)`, is sent their replies (dicts), and returns
the answer. It is the teacher in training and the expected outcome in evaluation.
"""
import re
from dataclasses import dataclass, field
from typing import Callable

from . import phrases as P
from .paraphrases import BELONGS
from .sources import NUMBER, SourceMaker, literal, output

REFUSAL = "I have no tool for that."


@dataclass
class Task:
    family: str
    request: str                      # a template with slots
    slots: dict
    plan: Callable                    # () -> generator
    needs: tuple = ()                 # tools, each a name or a tuple of alternatives
    world: list = field(default_factory=list)   # (section, name, value) to be set up
    helpers: tuple = ()               # tools that mend an expected error


class Maker(SourceMaker):
    # Sinks: (kind, template, slots, step, needs, world, helpers); step(value) is a generator that returns where it went.

    def sink(self, kind=None, missing=False, belongs=False):
        rng, v = self.rng, self.v
        kind = kind or rng.choice(("put", "put", "insert", "insert", "insert_col", "insert_col", "send", "write", "remember"))
        world, helpers, slots = [], (), {}
        if kind == "put":
            bucket, key = v.bucket(), v.key()
            slots, needs, helpers = {"bucket": self.q(bucket), "key": self.q(key)}, ("object_put",), ("object_create_bucket",)
            world = [] if missing else [("buckets", bucket, {})]
            call = lambda value: ("object_put", {"bucket": bucket, "key": key, "content": value})
            where = f"object {key} of bucket {bucket}"
        elif kind in ("insert", "insert_col"):
            column = v.column() if kind == "insert_col" else None
            table, db, script = self._table((column or "value",), [])
            slots, needs, helpers = {"table": self.q(table), "db": self.q(db), "column": self.q(column or "")}, ("database_query",), ("database_create",)
            world = [("databases", db, script)] if not missing else [("databases", db, "")] if rng.random() < 0.6 else []
            into = f"{table} ({column})" if column else table
            call = lambda value: ("database_query", {"name": db, "sql": f"INSERT INTO {into} VALUES ({literal(value)})"})
            where = f"table {table} of database {db}"
        elif kind == "send":
            queue = v.name()
            slots, needs, helpers = {"queue": self.q(queue)}, ("queue_send",), ("queue_create",)
            world = [] if missing else [("queues", queue, [])]
            call = lambda value: ("queue_send", {"name": queue, "body": value})
            where = f"queue {queue}"
        elif kind == "write":
            file = v.file()
            slots, needs = {"file": self.q(file)}, ("sandbox_write_file",)
            call = lambda value: ("sandbox_write_file", {"path": file, "content": value})
            where = f"file {file}"
        else:
            needs = ("memory_add",)
            call = lambda value: ("memory_add", {"text": value})
            where = "memory"

        def step(value):
            yield call(value)
            return where

        slots = {"s_" + k: x for k, x in slots.items()}
        template = re.sub(r"\{(?!it\})", "{s_", self.p.expand(rng.choice(BELONGS[kind])) if belongs else self.p.draw(P.SINKS[kind]))
        return kind, template, slots, step, needs, world, helpers if missing else ()

    # Tasks

    def ask(self, source, family=None):
        roll = self.rng.random()
        if roll < 0.4:
            request = self.p.draw(P.ALONE).replace("{np}", source.np)
        else:
            request = source.do if roll < 0.7 else source.ask + "?"

        def plan(**run):
            return (yield from source.plan(**run))[1]

        return Task(family or source.kind, request, source.slots, plan, source.needs, source.world)

    def keep(self, kind=None, missing=False, family=None):
        """A literal text into a sink."""
        kind, template, slots, step, needs, world, helpers = self.sink(kind, missing)
        text = self.v.text(6)
        if kind in ("insert", "insert_col") and self.rng.random() < 0.5:
            text = self.v.number()
        roll = self.rng.random()
        if kind == "remember" and roll < 0.8:
            template, said = self.p.draw(P.FACT), text
        elif roll < 0.2:
            template, said = template.replace("{it}", self.p.draw(P.THIS)) + ": {text}", text
        else:
            bare = roll < 0.32 and " " not in text or NUMBER.match(text) and roll < 0.7
            template = template.replace("{it}", self.p.draw(P.LITERAL, always=False))
            mark = self.rng.choice("'\"'\"`")
            said = text if bare else mark + text + mark

        def plan():
            where = yield from step(text)
            return f"Stored in {where}."

        return Task(family or "keep_" + kind, template, {**slots, "text": said}, plan, needs, world, helpers)

    def pipe(self, source=None, kind=None, missing=False, family=None):
        """A source's value into a sink, and the value in the answer."""
        source = source or self.source()
        belongs = self.p.noisy and not self.p.held and self.rng.random() < 0.15
        kind, sink, slots, step, needs, world, helpers = self.sink(kind, missing, belongs)
        it = self.p.expand("<result>")
        request = "{put_np}" if belongs else self.p.draw(P.LINK)
        request = request.replace("{put_np}", sink.replace("{it}", source.np)).replace("{put}", sink.replace("{it}", it))
        request = request.replace("{np}", source.np).replace("{do}", source.do).replace("{ask}", source.ask)
        if self.rng.random() < 0.2:
            request = request.rstrip(".?") + self.p.draw(P.TELL_TOO)

        def plan(**run):
            value, answer = yield from source.plan(**run)
            where = yield from step(value)
            return answer + ("" if answer[-1] in ".!?" else ".") + f" Stored in {where}."

        return Task(family or "pipe", request, {**source.slots, **slots}, plan, source.needs + needs, source.world + world, helpers)

    def fan_out(self):
        """One value into two places. Left under-trained."""
        first = self.pipe()
        kind, sink, slots, step, needs, world, helpers = self.sink()
        while set(needs) & set(first.needs):
            kind, sink, slots, step, needs, world, helpers = self.sink()
        request = first.request.rstrip(".?") + self.p.expand("(, and also| and also|. also|, and) ") + sink.replace("{s_", "{t_").replace("{it}", "it")

        def plan(**run):
            steps = first.plan(**run)
            reply = None
            value = None
            while True:
                try:
                    call = steps.send(reply)
                except StopIteration as done:
                    answer = done.value
                    break
                value = next((call[1][k] for k in ("content", "body", "text") if k in call[1] and call[0] in STORING), value)
                if call[0] == "database_query" and call[1]["sql"].startswith("INSERT"):
                    value = re.search(r"VALUES \('?(.*?)'?\)$", call[1]["sql"])[1]
                reply = yield call
            where = yield from step(value)
            return answer[:-1] + f" and in {where}."

        return Task("fan_out", request, {**first.slots, **{"t_" + k[2:]: x for k, x in slots.items()}}, plan, first.needs + needs, first.world + world)

    def step(self, kind=None):
        """One call that is neither a source nor a sink."""
        rng, v, q = self.rng, self.v, self.q
        kind = kind or rng.choice(("list_files", "list_objects", "delete_object", "create_bucket", "create_queue", "create_database", "create_table", "insert_row"))
        bucket, key, db, queue, table = v.bucket(), v.key(), v.name(), v.name(), v.identifier()
        c1, c2, v1, v2 = v.column(), v.key_column(), v.number(), v.word()
        while c1 == c2:
            c2 = v.key_column()
        if rng.random() < 0.3:
            c1, c2, v1, v2 = c2, c1, v2, v1
        name, cron = v.name(), " ".join(rng.choice(("*", str(rng.randint(0, 23)))) for _ in range(5))
        names = sorted({v.key() for _ in range(rng.randint(1, 4))})
        files = sorted({v.file() for _ in range(rng.randint(1, 4))})
        world = {"list_files": [("files", f, "x") for f in files], "list_objects": [("buckets", bucket, {n: "x" for n in names})],
                 "delete_object": [("buckets", bucket, {key: "x", "other": "y"})], "create_table": [("databases", db, "")],
                 "insert_row": [("databases", db, f"create table {table} ({c1}, {c2});")], "ack": [("queues", queue, [v.text(4), "x"])]}.get(kind, [])
        tool = {"list_files": "sandbox_exec", "list_objects": "object_list", "delete_object": "object_delete", "create_bucket": "object_create_bucket", "create_queue": "queue_create",
                "create_database": "database_create", "create_table": "database_query", "insert_row": "database_query", "schedule": "schedule_create", "ack": "queue_receive"}[kind]

        def plan():
            if kind == "list_files":
                listed = output((yield tool, {"command": "ls"}))
                return f"Files: {listed}" if listed else "I found nothing."
            if kind == "list_objects":
                items = (yield tool, {"bucket": bucket})["items"]
                return f"Objects in {bucket}: " + ", ".join(i["key"] for i in items)
            if kind == "delete_object":
                yield tool, {"bucket": bucket, "key": key}
                return f"Deleted {key} from bucket {bucket}."
            if kind == "create_bucket":
                yield tool, {"bucket": bucket}
                return f"Created bucket {bucket}."
            if kind in ("create_queue", "create_database"):
                made = queue if kind == "create_queue" else db
                yield tool, {"name": made}
                return f"Created {kind[7:]} {made}."
            if kind == "create_table":
                yield tool, {"name": db, "sql": f"CREATE TABLE {table} ({c1}, {c2})"}
                return f"Created table {table} in database {db}."
            if kind == "insert_row":
                yield tool, {"name": db, "sql": f"INSERT INTO {table} ({c1}, {c2}) VALUES ({literal(v1)}, {literal(v2)})"}
                return f"Added a row to table {table} of database {db}."
            if kind == "schedule":
                yield tool, {"name": name, "cron": cron}
                return f"Scheduled {name}."
            item = (yield tool, {"name": queue})["items"][0]
            yield "queue_ack", {"name": queue, "receipt": item["receipt"]}
            return f"The message says: {item['body']}"

        slots = {"bucket": q(bucket), "key": q(key), "db": q(db), "queue": q(queue), "table": q(table), "c1": q(c1), "c2": q(c2), "v1": q(v1), "v2": q(v2),
                 "name": q(name), "cron": rng.choice(("'", '"', "`")) + cron}
        slots["cron"] += slots["cron"][0]
        needs = (tool, "queue_ack") if kind == "ack" else (tool,)
        return Task(kind, self.p.draw(P.STEPS[kind]), slots, plan, needs, world)

    def talk(self):
        """No call at all."""
        family, templates, answer = self.rng.choice((
            ("hello", P.HELLO, "Hello! What can I do for you?"), ("abilities", P.ABILITIES, "I work with sandboxes, objects, databases, queues and memory. Tell me what to do."),
            ("thanks", P.THANKS, "You're welcome."), ("bye", P.BYE, "Goodbye!"), ("outside", P.OUTSIDE, REFUSAL), ("outside", P.OUTSIDE, REFUSAL)))

        def plan():
            return answer
            yield

        topic = self.v.word() if self.rng.random() < 0.7 else self.v.word() + " " + self.v.word()
        return Task(family, self.p.draw(templates), {"topic": topic}, plan)


STORING = ("object_put", "queue_send", "sandbox_write_file", "memory_add")
