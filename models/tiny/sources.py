"""What requests ask for: something looked up or computed, with its phrasings and the plan that gets it."""
import re
from dataclasses import dataclass
from typing import Callable

from . import phrases as P
from .grammar import Phrases, with_aggregate
from .values import Values

NUMBER = re.compile(r"-?\d+(\.\d+)?$")


@dataclass
class Source:
    """Something to look up: its phrasings, its plan (returns value and answer), its tools and world."""
    kind: str
    np: str
    do: str
    ask: str
    slots: dict
    plan: Callable
    needs: tuple
    world: list


def python(code, run):
    """The call that runs Python: by run_code where it is listed, else by the shell."""
    if run == "sandbox_run_code":
        return run, {"language": "python", "code": code}
    return run, {"command": f'python3 -c "{code}"'}


def output(reply):
    """A command's output as one line."""
    return reply["stdout"].strip("\n").replace("\n", ", ")


def literal(value):
    return value if NUMBER.match(value) else f"'{value}'"


def first_cell(reply):
    row = reply["rows"][0]
    return str(next(iter(row.values())) if isinstance(row, dict) else row[0])


class SourceMaker:
    def __init__(self, rng, held_values=False, held_phrases=False, noisy=True):
        self.rng = rng
        self.v = Values(rng, held_values)
        self.p = Phrases(rng, held_phrases, noisy)

    def q(self, value):
        return self.p.quote(value)

    def _source(self, kind, slots, plan, needs, world, phrasings=None, agg=None, tail=""):
        np, do, ask = phrasings or P.SOURCES[kind]
        drawn = [self.p.template(t) + tail for t in (np, do, ask)]
        if agg:
            drawn = [with_aggregate(t, agg) for t in drawn]
        return Source(kind, *map(self.p.expand, drawn), slots, plan, needs, world)

    def csv(self, agg=None):
        rng, v = self.rng, self.v
        agg = agg or rng.choice(("sum", "mean", "max", "min", "count"))
        col, key, file, kv = v.column(), v.key_column(), v.file("csv"), v.word()
        while key == col:
            key = v.key_column()
        filtered = rng.random() < 0.3
        others = [kv, v.word(), v.word()]
        header = [col, key] + [v.column() for _ in range(rng.randint(0, 2))]
        rng.shuffle(header)
        if len(set(header)) < len(header):
            return self.csv(agg)
        whole = rng.random() < 0.7
        number = lambda: str(rng.randint(1, 999)) if whole else f"{rng.randint(0, 400)}.{rng.randint(1, 9)}"
        rows = [[others[i % 3] if h == key else number() for h in header] for i in range(rng.randint(3, 9))]
        content = "".join(",".join(r) + "\n" for r in [header] + rows)
        what = "r" if agg == "count" else f"float(r['{col}'])"
        kept = f" if r['{key}'] == '{kv}'" if filtered else ""
        result = {"sum": "round(sum(v), 2)", "mean": "round(sum(v) / len(v), 2)", "max": "max(v)", "min": "min(v)", "count": "len(v)"}[agg]
        code = f"import csv; v = [{what} for r in csv.DictReader(open('{file}')){kept}]; print({result})"
        words = {"sum": "sum of ", "mean": "mean of ", "max": "maximum of ", "min": "minimum of ", "count": "number of rows"}[agg]
        of = words + (col if agg != "count" else "") + f" in {file}" + (f" for {key} {kv}" if filtered else "")

        def plan(run="sandbox_run_code"):
            value = output((yield python(code, run)))
            return value, f"The {of} is {value}."

        if agg == "count":
            phrasings = (P.COUNT_NP, P.COUNT_DO, P.COUNT_ASK)
        else:
            phrasings = (P.CSV_NP, P.CSV_DO[agg], P.CSV_ASK[agg])
        tail = self.p.template(P.FILTER) if filtered else ""
        slots = {"col": self.q(col), "file": self.q(file), "key": self.q(key) if filtered else key, "kv": self.q(kv)}
        return self._source("csv_" + agg + ("_where" if filtered else ""), slots, plan, (("sandbox_run_code", "sandbox_exec"),),
                            [("files", file, content)], phrasings, None if agg == "count" else agg, tail)

    def csv_group(self):
        """Left under-trained."""
        source = self.csv(self.rng.choice(("sum", "mean", "max", "min")))
        agg, file = source.kind.split("_")[1], source.world[0][1]
        header = source.world[0][2].split("\n")[0].split(",")
        col, key = source.slots["col"].strip("'\"`"), source.slots["key"].strip("'\"`")
        assert col in header and key in header
        result = {"sum": "round(sum(v), 2)", "mean": "round(sum(v) / len(v), 2)", "max": "max(v)", "min": "min(v)"}[agg]
        code = (f"import csv; g = {{}}; [g.setdefault(r['{key}'], []).append(float(r['{col}'])) for r in csv.DictReader(open('{file}'))]; "
                f"print({{k: {result} for k, v in g.items()}})")

        def plan(run="sandbox_run_code"):
            value = output((yield python(code, run)))
            return value, f"By {key}: {value}"

        return self._source("csv_group", source.slots, plan, source.needs, source.world, (P.GROUP, ["compute " + t for t in P.GROUP],
                            ["what is " + t for t in P.GROUP]), agg)

    def read(self):
        file, text = self.v.file(), self.v.text(6)

        def plan(run="sandbox_read_file"):
            if run == "sandbox_exec":
                value = output((yield run, {"command": f"cat {file}"}))
            else:
                value = (yield run, {"path": file})["content"]
            return value, f"{file} says: {value}"

        return self._source("read", {"file": self.q(file)}, plan, (("sandbox_read_file", "sandbox_exec"),), [("files", file, text)])

    def lines(self):
        file = self.v.file()
        text = "".join(self.v.word() + "\n" for _ in range(self.rng.randint(1, 12)))

        def plan():
            value = output((yield "sandbox_exec", {"command": f"wc -l < {file}"}))
            return value, f"{file} has {value} lines."

        return self._source("lines", {"file": self.q(file)}, plan, ("sandbox_exec",), [("files", file, text)])

    def command(self):
        rng, v = self.rng, self.v
        file = v.file()
        text = "".join(v.word() + "\n" for _ in range(rng.randint(1, 3)))
        cmd = rng.choice([lambda: "echo " + v.text(4).strip(".!?"), lambda: "echo " + v.word(), lambda: f"cat {file}", lambda: f"head -n {rng.randint(1, 3)} {file}",
                          lambda: f"tail -n {rng.randint(1, 3)} {file}", lambda: f"wc -w < {file}", lambda: f"basename {file}", lambda: rng.choice(("whoami", "pwd", "uname")),
                          lambda: f"{v.word()} --{v.word()} {v.word()}", lambda: f"{v.word()} -{rng.choice('abcdefgh')} {file}"])()

        def plan():
            value = output((yield "sandbox_exec", {"command": cmd}))
            return value, f"It printed: {value}"

        mark = rng.choice("`'\"`")
        return self._source("command", {"cmd": mark + cmd + mark}, plan, ("sandbox_exec",), [("files", file, text)])

    def calc(self):
        rng = self.rng
        a, b, op = rng.randint(1, 9999), rng.randint(1, 999), rng.choice("+-*/")
        said = {"+": ("+", "plus"), "-": ("-", "minus"), "*": ("*", "times"), "/": ("/", "divided by")}[op]

        def plan(run="sandbox_run_code"):
            value = output((yield python(f"print({a} {op} {b})", run)))
            return value, f"{a} {op} {b} = {value}"

        return self._source("calc", {"a": str(a), "b": str(b), "op": rng.choice(said)}, plan, (("sandbox_run_code", "sandbox_exec"),), [])

    def get(self):
        bucket, key, text = self.v.bucket(), self.v.key(), self.v.text(6)

        def plan():
            value = (yield "object_get", {"bucket": bucket, "key": key})["content"]
            return value, f"{key} says: {value}"

        return self._source("get", {"bucket": self.q(bucket), "key": self.q(key)}, plan, ("object_get",), [("buckets", bucket, {key: text})])

    def _table(self, columns, rows):
        table, db = self.v.identifier(), self.v.name()
        script = f"create table {table} ({', '.join(columns)});" + "".join(
            f"insert into {table} values ({', '.join(map(literal, r))});" for r in rows)
        return table, db, script

    def query(self, kind=None):
        rng, v = self.rng, self.v
        kind = kind or rng.choice(("rows", "total", "lookup"))
        key, col = v.key_column(), v.column()
        while col == key:
            col = v.column()
        rows = [[v.word(), v.number()] for _ in range(rng.randint(1, 7))]
        table, db, script = self._table((key, col), rows)
        agg = rng.choice(("sum", "mean", "max", "min"))
        kv = rng.choice(rows)[0]
        sql = {"rows": f"SELECT count(*) FROM {table}", "total": f"SELECT {'avg' if agg == 'mean' else agg}({col}) FROM {table}",
               "lookup": f"SELECT {col} FROM {table} WHERE {key} = '{kv}'"}[kind]
        of = {"rows": f"number of rows in {table}", "total": f"{agg} of {col} in {table}", "lookup": f"{col} of {kv}"}[kind]

        def plan():
            value = first_cell((yield "database_query", {"name": db, "sql": sql}))
            return value, f"The {of} is {value}."

        slots = {"table": self.q(table), "db": self.q(db), "col": self.q(col), "key": self.q(key), "kv": self.q(kv)}
        return self._source(kind, slots, plan, ("database_query",), [("databases", db, script)], agg=agg if kind == "total" else None)

    def receive(self):
        queue, text = self.v.name(), self.v.text(6)

        def plan():
            value = (yield "queue_receive", {"name": queue})["items"][0]["body"]
            return value, f"The message says: {value}"

        return self._source("receive", {"queue": self.q(queue)}, plan, ("queue_receive",), [("queues", queue, [text])])

    def recall(self):
        topic = self.v.word() if self.rng.random() < 0.6 else self.v.word() + " " + self.v.word()
        text = self.rng.choice([f"{topic} is {self.v.text(3)}", f"the {topic} is {self.v.text(2)}", f"{self.v.word()} likes {topic}", f"{topic}: {self.v.text(3)}"])

        def plan():
            value = (yield "memory_search", {"query": topic})["items"][0]["text"]
            return value, f"I remember: {value}"

        return self._source("recall", {"topic": self.q(topic)}, plan, ("memory_search",), [("memory", None, text)])

    def source(self):
        rng = self.rng
        if rng.random() < 0.12:
            return self.csv()  # the longest to copy, so the last to be learned
        return rng.choice((self.csv, self.csv, self.csv, self.read, self.lines, self.command, self.calc, self.get, self.get, self.query, self.query, self.receive, self.recall))()
