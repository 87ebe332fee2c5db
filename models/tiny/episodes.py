"""Episodes: a list of tools, a world, one or more requests, and what a right agent does about them.

An episode is plain data, so held-out sets can be stored and read: `tools` [[name, [argument, ...]], ...],
`world` (world.World), `system`, and `turns` of {user, calls, answer}. `conduct` is the right behaviour around
a task's plan: it makes a sandbox where one is needed, repeats a call that was refused for load, mends what can
be mended, and says what failed. `state` at the end is the world after the right calls.
"""
import json
import random

from . import phrases as P
from .tasks import REFUSAL, Maker
from .world import TOOLS, World

# Tools that only stand in the list: operations of the catalog that no family uses.
OTHERS = {"budget_get": ("scope",), "usage_query": ("from", "to"), "model_list": (), "secret_list": (), "audit_query": ("from", "to"), "task_get": ("id",),
          "approval_list": (), "policy_list": (), "sandbox_kill": ("id",), "sandbox_fork": ("id", "count"), "task_cancel": ("id",), "memory_list": (), "queue_delete": ("name",),
          "database_delete": ("name",), "budget_set": ("scope", "limit", "period"), "secret_put": ("name", "value", "hosts"), "memory_delete": ("id",), "sandbox_pause": ("id",)}
HEADROOM = ("csv_group", "fan_out", "schedule", "ack")  # left under-trained, so that use can teach them


def mend(call, error, tools):
    """The call that makes a failed call possible, if there is one: (name, arguments) or None."""
    name, args = call
    message = error["message"]
    if error["code"] == "not_found" and name == "object_put" and "object_create_bucket" in tools:
        return "object_create_bucket", {"bucket": args["bucket"]}
    if error["code"] == "not_found" and name == "queue_send" and "queue_create" in tools:
        return "queue_create", {"name": args["name"]}
    if error["code"] == "not_found" and name == "database_query" and args["sql"].startswith("INSERT") and "database_create" in tools:
        return "database_create", {"name": args["name"]}
    if message.startswith("no such table: ") and args["sql"].startswith("INSERT"):
        head = args["sql"].split(" VALUES")[0].removeprefix("INSERT INTO ")
        table, _, column = head.partition(" ")
        return "database_query", {"name": args["name"], "sql": f"CREATE TABLE {table} {column or '(value)'}"}
    return None


def conduct(plan, tools, sandbox):
    """Yields calls with the arguments that the listed tools have, is sent replies as JSON text; returns the answer.
    `sandbox` is a one-element list: the identifier in use, or None before one is made."""
    reply = None
    try:
        while True:
            name, args = call = plan.send(reply)
            while True:
                listed = tools[name]
                if name.startswith("sandbox_") and "id" in listed and name != "sandbox_create":
                    if sandbox[0] is None:
                        sandbox[0] = json.loads((yield "sandbox_create", {}))["id"]
                    args = {"id": sandbox[0], **call[1]}
                if "language" not in listed:
                    args = {k: x for k, x in args.items() if k != "language"}
                reply = json.loads((yield name, args))
                error = reply.get("error")
                if error and error.get("code") == "unavailable":
                    continue
                repair = error and "code" in error and mend(call, error, tools)
                if not repair:
                    break
                while "error" in (again := json.loads((yield repair))) and again["error"]["code"] == "unavailable":
                    pass
            if error and "value" in error:  # of run_code
                return f"That failed: {error['name']}: {error['value']}"
            if error:
                return "That failed: " + error["message"]
            if reply.get("exit_code"):
                return "That failed: " + reply["stderr"].strip("\n").split("\n")[-1]
            if reply.get("items") == [] or reply.get("rows") == [] and args["sql"].startswith("SELECT"):
                return "I found nothing."
    except StopIteration as done:
        return done.value


class Generator:
    """Draws episodes. `headroom` is the share of the families that are left under-trained; `simple` ones are
    single tasks with few tools, to learn copying from."""

    def __init__(self, seed, held_values=False, held_phrases=False, noisy=True, headroom=0.012, simple=False):
        self.rng = random.Random(seed)
        self.make = Maker(self.rng, held_values, held_phrases, noisy)
        self.headroom, self.simple = headroom, simple

    def task(self):
        rng, make = self.rng, self.make
        roll = rng.random()
        if roll < self.headroom:
            return self.under_trained(rng.choice(HEADROOM))
        roll = rng.random()
        if roll < 0.28:
            return make.ask(make.source())
        if roll < 0.58:
            return make.pipe()
        if roll < 0.75:
            return make.keep()
        if roll < 0.87:
            return make.step()
        if roll < 0.93:
            kind = rng.choice(("put", "insert", "insert_col", "send"))
            return make.keep(kind, True, "mend") if rng.random() < 0.5 else make.pipe(None, kind, True, "mend")
        return make.talk()

    def under_trained(self, family):
        make = self.make
        if family == "csv_group":
            return make.ask(make.csv_group())
        return make.fan_out() if family == "fan_out" else make.step(family)

    def chat(self):
        """Two or three tasks in a row; one may store what the one before found."""
        rng, make = self.rng, self.make
        tasks = []
        while len(tasks) < rng.choice((2, 2, 3)):
            task = self.task()
            if task.family in HEADROOM:
                continue
            tasks.append(task)
            if rng.random() < 0.35 and len(tasks) == 1:
                source = make.source()
                kind, sink, slots, step, needs, world, helpers = make.sink()
                found = []

                def first(source=source, found=found, **run):
                    value, answer = yield from source.plan(**run)
                    found.append(value)
                    return answer

                def then(step=step, found=found):
                    return f"Stored in {(yield from step(found[0]))}."

                ask = make.ask(source)
                ask.plan = first
                tasks = [ask, type(ask)("follow", make.p.expand(sink.replace("{it}", "<result>")), slots, then, needs, world, helpers)]
        return tasks

    def episode(self, task=None):
        while True:
            try:
                return self._episode(task)
            except _Unfit:
                if task:
                    raise

    def _episode(self, task):
        rng = self.rng
        chat = task is None and not self.simple and rng.random() < 0.2
        tasks = self.chat() if chat else [task or self.task()]
        family = "chat" if chat else tasks[0].family
        world = {"seed": rng.getrandbits(32), "flaky": int(rng.random() < 0.03), "digits": rng.choice((4, 8, 20, 20)), "words": rng.randrange(4),
                 "full": rng.random() < 0.1, "real": rng.random() < 0.6}
        for t in tasks:
            for section, name, value in t.world:
                if section == "memory":
                    world.setdefault("memory", []).append(value)
                elif name in world.setdefault(section, {}):
                    raise _Unfit
                else:
                    world[section][name] = value
        if not chat and family not in HEADROOM and family != "mend" and rng.random() < 0.05 and tasks[0].world:
            family = "fail"
            section = tasks[0].world[0][0]
            if section == "queues" and rng.random() < 0.6:
                world[section] = {name: [] for name in world[section]}
            else:
                del world[section]
        needs = [(n,) if isinstance(n, str) else n for t in tasks for n in t.needs]
        # An earlier call must not change what a later one finds: in a chat, every alternative is one choice.
        chosen = {n: n[0] if rng.random() < 0.75 else rng.choice(n) for n in needs}
        refused = None
        if needs and task is None and family not in ("mend", "fail") and rng.random() < 0.1:
            refused = rng.choice(needs)
            family = "refuse" if not chat else "chat"
        names, chosen = self._choose(needs, chosen, refused, [h for t in tasks for h in t.helpers])
        handle = self._handle(tasks, names, world)
        tools = self._list(names, handle)
        listed = dict(tools)
        sandbox = [world.get("sandbox")]
        system, mention = self._mention(sandbox[0])
        cloud = World(world)
        turns = []
        for t in tasks:
            request, slots = t.request, t.slots
            if mention and mention[0] and any(n[0].startswith("sandbox_") for n in map(lambda n: (n,) if isinstance(n, str) else n, t.needs)):
                template, where = mention
                request = request.rstrip(".?") + template if where == "last" else template + request
                slots, mention = {**slots, "sbx": sandbox[0]}, None
            user = self.make.p.finish(request, slots)
            gone = any(not set(n) & set(names) for n in map(lambda n: (n,) if isinstance(n, str) else n, t.needs))
            turns.append(self._turn(t, user, gone, chosen, listed, sandbox, cloud))
        if mention:
            system = (system + " " if system else "") + self.make.p.draw(P.SANDBOX_SYSTEM).replace("{sbx}", sandbox[0])
        return {"family": family, "tools": tools, "world": world, "system": system, "turns": turns, "state": cloud.state()}

    def _choose(self, needs, chosen, refused, helpers):
        rng = self.rng
        wanted = {chosen[n] for n in needs} | {h for h in helpers if rng.random() < 0.9}
        for n in needs:  # both alternatives may be listed; then the first is the better one
            if chosen[n] == n[0] and rng.random() < 0.5:
                wanted |= set(n)
        if refused:
            wanted -= set(refused)
        pool = [t for t in TOOLS if t not in wanted and t != "sandbox_create" and not any(t in n for n in needs)] + list(OTHERS)
        count = min(len(pool), rng.choice((0, 0, 1) if self.simple else (0, 0, 1, 1, 2, 2, 3, 4, 6, 10)))
        names = list(wanted) + rng.sample(pool, count)
        # What is listed decides, also where another task's need lists a better alternative.
        return names, {n: next((m for m in n if m in names), None) for n in needs}

    def _handle(self, tasks, names, world):
        """How sandboxes are named: bound (no identifier), given, or to be created."""
        if self.simple or not any(n.startswith("sandbox_") and n in TOOLS for n in names):
            return "bound"
        roll = self.rng.random()
        if roll < 0.5:
            return "bound"
        if roll < 0.75 or world.get("files") or any(t.family in ("fail", "list_files") for t in tasks):
            world["sandbox"] = self.make.v.id("sbx")
            return "given"
        return "created"

    def _list(self, names, handle):
        rng = self.rng
        bare = rng.random() < 0.25
        if handle == "created" or handle == "given" and rng.random() < 0.4:
            names = names + ["sandbox_create"]
        tools = []
        for name in sorted(set(names)):
            args = list(TOOLS.get(name, OTHERS.get(name)))
            if name.startswith("sandbox_") and name in TOOLS and name != "sandbox_create" and handle != "bound":
                args.insert(0, "id")
            if bare and "language" in args:
                args.remove("language")
            if bare and name == "object_put":
                args.remove("content")  # optional to the real operation, which takes content_base64 too
            if rng.random() < 0.15:
                rng.shuffle(args)
            tools.append([name, args])
        rng.shuffle(tools)
        return tools

    def _mention(self, sandbox):
        rng, make = self.rng, self.make
        system = None
        if not self.simple and rng.random() < 0.4:
            system = make.p.draw(P.SYSTEM).replace("{topic}", make.v.word().capitalize())
            if make.p.noisy and rng.random() < 0.25:
                system = make.p.chatter()
        if not sandbox or rng.random() < 0.4:
            return system, None if not sandbox else ("", "system")
        if rng.random() < 0.65:
            return system, (make.p.draw(P.SANDBOX), "last")
        return system, (make.p.draw(P.SANDBOX_FIRST), "first")

    def _turn(self, task, user, gone, chosen, listed, sandbox, cloud):
        if gone:
            return {"user": user, "calls": [], "answer": REFUSAL}
        first = task.needs[0] if task.needs else None
        run = {"run": chosen[first]} if isinstance(first, tuple) else {}
        steps, calls, reply = conduct(task.plan(**run), listed, sandbox), [], None
        try:
            while True:
                name, args = steps.send(reply)
                order = ["id"] + list(TOOLS[name])
                args = {k: args[k] for k in order if k in args}
                reply = cloud.call(name, args)
                calls.append([name, args, reply])
        except StopIteration as done:
            return {"user": user, "calls": calls, "answer": done.value}
        except (KeyError, IndexError) as e:
            raise _Unfit from e


class _Unfit(Exception):
    """Tasks that don't go together in one world."""
