"""A server in a world's place: the same tools, carried out by the operations that they are named after.

`CloudWorld` makes what an episode's world has, and has the calls of world.World. What it made is gone after `end`.
`expected` plays an episode's right calls there, to see what they leave behind.
"""
import json
import urllib.error
import urllib.request

KEPT = "find . /tmp /home/user /data -type f -exec sha256sum {} + 2>/dev/null | sort"  # every file that an episode may write


class Refused(Exception):
    """An operation that had to succeed."""


class Cloud:
    """A server's operations, with a key that may do all of a workspace that nobody else uses meanwhile."""

    def __init__(self, url, key):
        self.url, self.key = url.rstrip("/"), key

    def call(self, operation, **arguments):
        """The reply, or {"error": {"code", "message"}}."""
        request = urllib.request.Request(f"{self.url}/api/{operation.replace('.', '/')}", json.dumps(arguments).encode(),
                                         {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=60) as got:
                return json.load(got)
        except urllib.error.HTTPError as e:
            error = json.load(e)["error"]
            return {"error": {"code": error["code"], "message": error["message"]}}

    def must(self, operation, **arguments):
        reply = self.call(operation, **arguments)
        if "error" in reply:
            raise Refused(f"{operation}: {reply['error']['message']}")
        return reply

    def is_empty(self):
        """Whether the workspace has nothing that `CloudWorld.end` would remove."""
        return not any(self.must(operation)["items"] for operation in ("object.list_buckets", "database.list", "queue.list"))

    def all(self, operation, **arguments):
        """The items of every page."""
        items, page = [], {}
        while True:
            reply = self.must(operation, **arguments, **page)
            items += reply["items"]
            if "next_cursor" not in reply:
                return items
            page = {"cursor": reply["next_cursor"]}


class CloudWorld:
    def __init__(self, cloud):
        self.cloud, self.sandboxes = cloud, []
        self.named = {}  # the name by which the episode knows a sandbox, and its own

    def make(self, data):
        """What world.World makes of `data`. Raises Refused where the cloud won't have it."""
        must = self.cloud.must
        for bucket, objects in data.get("buckets", {}).items():
            must("object.create_bucket", bucket=bucket)
            for key, content in objects.items():
                must("object.put", bucket=bucket, key=key, content=content)
        for queue, messages in data.get("queues", {}).items():
            must("queue.create", name=queue)
            for body in messages:
                must("queue.send", name=queue, body=body)
        for database, script in data.get("databases", {}).items():
            must("database.create", name=database)
            for statement in filter(str.strip, script.split(";")):
                must("database.query", name=database, sql=statement)
        if data.get("sandbox"):
            self.named[data["sandbox"]] = self._sandbox()
        for path, content in data.get("files", {}).items():
            must("sandbox.write_file", id=self._sandbox(), path=path, content=content)

    def _sandbox(self):
        """The one that is meant where none is named."""
        if not self.sandboxes:
            self.sandboxes.append(self.cloud.must("sandbox.create")["id"])
        return self.sandboxes[0]

    def spoken(self, text):
        """`text` with the sandbox's own name in the place of the episode's."""
        for told, own in self.named.items():
            text = text.replace(told, own)
        return text

    def call(self, name, arguments):
        """The reply as JSON text."""
        if name.startswith("sandbox_") and name != "sandbox_create" and "id" not in arguments:
            arguments = {"id": self._sandbox(), **arguments}
        reply = self.cloud.call(name.replace("_", ".", 1), **arguments)
        if name == "sandbox_create" and "id" in reply:
            self.sandboxes.append(reply["id"])
        return json.dumps(reply, separators=(",", ":"), ensure_ascii=False)

    def state(self):
        """What is there now. Takes what waits in queues."""
        every, must = self.cloud.all, self.cloud.must
        tables = {}
        for database in (d["name"] for d in every("database.list")):
            names = must("database.query", name=database, sql="SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")["rows"]
            tables[database] = {table: (reply["columns"], sorted(reply["rows"], key=repr)) for (table,) in names
                                for reply in [must("database.query", name=database, sql=f'SELECT * FROM "{table}"')]}
        queues = {}
        for queue in (q["name"] for q in every("queue.list")):
            queues[queue] = []
            while items := must("queue.receive", name=queue)["items"]:
                queues[queue] += [item["body"] for item in items]
        return {
            "buckets": {b["bucket"]: {o["key"]: o["etag"] for o in every("object.list", bucket=b["bucket"])} for b in every("object.list_buckets")},
            "databases": tables, "queues": queues,
            "files": [must("sandbox.exec", id=id, command=KEPT)["stdout"] for id in self.sandboxes]}

    def end(self):
        """Empties the workspace."""
        every, must = self.cloud.all, self.cloud.must
        for id in self.sandboxes:
            must("sandbox.kill", id=id)
        for bucket in [b["bucket"] for b in every("object.list_buckets")]:
            for key in [o["key"] for o in every("object.list", bucket=bucket)]:
                must("object.delete", bucket=bucket, key=key)
            must("object.delete_bucket", bucket=bucket)
        for product in ("database", "queue"):
            for name in [x["name"] for x in every(f"{product}.list")]:
                must(f"{product}.delete", name=name)


def told(reply):
    """What of a reply an answer may say."""
    reply = json.loads(reply)
    if "error" in reply:
        return reply["error"].get("message") or reply["error"]["value"]
    return (reply.get("content"), reply.get("stdout"), (reply.get("stderr") or "").strip().split("\n")[-1],
            [list(row.values()) if isinstance(row, dict) else row for row in reply.get("rows", [])],
            [item.get("body") or item.get("key") for item in reply.get("items", [])])


def expected(cloud, episode):
    """What is there after the episode's right calls; None where the cloud is not the episode's world: it has no such
    tool, or says something else."""
    calls = [call for turn in episode["turns"] for call in turn["calls"]]
    if any(name.startswith(("memory_", "schedule_")) for name, _, _ in calls):
        return None
    world = CloudWorld(cloud)
    try:
        world.make(episode["world"])
        for name, arguments, reply in calls:
            if told(reply) == "overloaded, try again":
                continue
            if "id" in arguments:
                arguments = {**arguments, "id": world.spoken(arguments["id"])}
            own = world.call(name, arguments)
            if name == "sandbox_create":
                world.named[json.loads(reply)["id"]] = json.loads(own)["id"]
            elif told(own) != told(reply):
                return None
        return world.state()
    except Refused:
        return None
    finally:
        world.end()
