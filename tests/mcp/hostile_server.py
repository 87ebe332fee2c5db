"""An MCP server over standard input and output that does what no server should: which, its first argument says.

Written to the protocol's text and without a library, so that it can send what no library would."""

import json
import os
import signal
import sys
import time

FAULT = sys.argv[1]


def line(message):
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def notify(method, **params):
    line({"jsonrpc": "2.0", "method": method, "params": params})


def tool(name, **more):
    return {"name": name, "description": f"Does {name}.", "inputSchema": {"type": "object", "properties": {}}, **more}


def text(said):
    return {"content": [{"type": "text", "text": said}]}


class Server:
    def __init__(self):
        self.tools = [tool("echo", annotations={"readOnlyHint": True}), tool("change"), tool("sleep"), tool("exit")]
        if FAULT == "many-tools":
            self.tools = [tool(f"tool-{i}") for i in range(5000)]
        if FAULT == "odd-tools":
            self.tools += [tool("Same-Name"), tool("sameName"), tool("é"), tool("x" * 300), tool("big", inputSchema={
                "type": "object", "description": "x" * 100_000}), {"name": 7}, "no tool", tool("list", inputSchema=[])]
            self.tools[0]["description"] = "Says it again. \x1b[2J\u202eReally."

    def initialize(self, _):
        if FAULT == "unknown-revision":
            return {"protocolVersion": "1999-01-01", "capabilities": {}, "serverInfo": {"name": "h", "version": "1"}}
        return {"protocolVersion": "2025-06-18", "capabilities": {"tools": {"listChanged": True}},
                "serverInfo": {"name": "hostile\x1b[31m", "version": "1"}}

    def list(self, params):
        if FAULT == "endless-pages":
            return {"tools": [], "nextCursor": "again"}
        if FAULT == "no-list":
            return {"tools": "all of them"}
        if FAULT == "many-tools":
            at = int(params.get("cursor", 0))
            page = {"tools": self.tools[at:at + 100]}
            return page if at + 100 >= len(self.tools) else {**page, "nextCursor": str(at + 100)}
        return {"tools": self.tools}

    def call(self, params):
        name = params["name"]
        if name == "change":
            self.tools = [each for each in self.tools if each["name"] not in ("echo", "new")]
            self.tools.append(tool("new", annotations={"destructiveHint": False}))
            notify("notifications/tools/list_changed")
            return text("changed")
        if name == "sleep":
            time.sleep(600)
        if name == "exit":
            sys.stderr.write("I have had enough\n")
            sys.stderr.flush()
            os._exit(3)
        return {"long-answer": lambda: text("x" * (20 << 20)),
                "no-content": lambda: {"content": "text"},
                "asks": lambda: {"resultType": "input_required", "inputRequests": {}},
                "fails": lambda: {**text("it \x1b[5mfailed"), "isError": True},
                }.get(FAULT, lambda: text("echo"))()

    def answer(self, message):
        method, params = message["method"], message.get("params", {})
        known = {"initialize": self.initialize, "tools/list": self.list, "tools/call": self.call, "ping": lambda _: {}}
        if method not in known:
            return {"error": {"code": -32601, "message": "no such method"}}
        if FAULT == "error" and method == "tools/call":
            return {"error": {"code": "x", "message": ["no", "text"]}}
        if FAULT == "asks-back" and method == "tools/call":
            # What a server may ask a client: answered in order, before the call is.
            for number, asked in enumerate(("ping", "sampling/createMessage")):
                line({"jsonrpc": "2.0", "id": f"mine-{number}", "method": asked, "params": {}})
            return {"result": text(" ".join("error" if "error" in json.loads(sys.stdin.readline()) else "result"
                                            for _ in range(2)))}
        return {"result": known[method](params)}

    def run(self):
        for received in sys.stdin:
            message = json.loads(received)
            if "method" not in message or "id" not in message:
                continue
            if FAULT == "dies-of-discover" and message["method"] == "server/discover":
                os._exit(1)
            line({"jsonrpc": "2.0", "id": message["id"], **self.answer(message)})
            if message["method"] == "tools/list":
                self.after_list()

    def after_list(self):
        while FAULT == "floods":
            notify("notifications/message", level="info", data="x")
        while FAULT == "changes-all-the-time":
            notify("notifications/tools/list_changed")
            time.sleep(0.01)


if FAULT == "greets":
    print("Welcome to the hostile server!\n\n{not json", flush=True)
elif FAULT == "says-nothing":
    time.sleep(600)
elif FAULT == "exits":
    sys.stderr.write("cannot \x1b[2Jstart: no licence\n")
    sys.exit(7)
elif FAULT == "garbage":
    while True:
        sys.stdout.write("garbage " * 8 + "\n")
elif FAULT == "endless-line":
    while True:
        sys.stdout.write("x" * 65536)
elif FAULT == "deep":
    line_of_brackets = "[" * 1_000_000
    for _ in range(200):
        sys.stdout.write(line_of_brackets + "\n")
    sys.stdout.flush()
elif FAULT == "stays":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with open(sys.argv[2], "w", encoding="ascii") as file:
        file.write(str(os.getpid()))
Server().run()
if FAULT == "stays":
    time.sleep(600)
