"""MCP over HTTP for tests, without a client library: so that a test can send what no client would."""

import json
import re

VERSION = "2026-07-28"
META = "io.modelcontextprotocol/"


def stream(response):
    """The messages of a stream of events, as they come."""
    while line := response.readline():
        if line.startswith(b"data: "):
            yield json.loads(line[len(b"data: "):])


class Mcp:
    """Requests of revision 2026-07-28, or with session=True of 2025-11-25."""

    def __init__(self, server, path="/mcp", key=None, capabilities=None, session=False):
        self.server, self.path, self.key = server, path, key
        self.capabilities = capabilities or {}
        self.next_id = 0
        self.session = None
        if session:
            reply = self.send("initialize", {"protocolVersion": "2025-11-25", "capabilities": self.capabilities,
                                             "clientInfo": {"name": "test", "version": "1"}}, session=True)
            self.session = reply.headers["mcp-session-id"]
            self.post({"jsonrpc": "2.0", "method": "notifications/initialized"}, self.session_headers())

    def session_headers(self):
        return {"Mcp-Session-Id": self.session, "MCP-Protocol-Version": "2025-11-25"} if self.session else {}

    def post(self, body, headers):
        headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream", **headers}
        text = body if isinstance(body, (str, bytes)) else json.dumps(body)
        return self.server.request("POST", self.path, text, headers, self.key)

    def send(self, method, params=None, headers=None, session=None):
        """The HTTP response."""
        self.next_id += 1
        params = dict(params or {})
        if session or self.session:
            sent = self.session_headers()
        else:
            meta = {META + "protocolVersion": VERSION, META + "clientCapabilities": self.capabilities}
            params["_meta"] = {**meta, **params.get("_meta", {})}
            sent = {"MCP-Protocol-Version": VERSION, "Mcp-Method": method}
            named = params.get("name") or params.get("uri") or params.get("taskId")
            if method in ("tools/call", "prompts/get", "resources/read") or method.startswith("tasks/"):
                sent["Mcp-Name"] = named
        body = {"jsonrpc": "2.0", "id": self.next_id, "method": method, "params": params}
        return self.post(body, {**sent, **(headers or {})})

    def messages(self, reply):
        """What came, also before the answer."""
        text = reply.body.decode()
        if "text/event-stream" not in reply.headers.get("content-type", ""):
            return [json.loads(text)]
        return [json.loads(data) for data in re.findall(r"(?m)^data: (.*)$", text)]

    def answer(self, method, params=None, headers=None):
        """The message that answers: {"result": ...} or {"error": ...}."""
        return self.messages(self.send(method, params, headers))[-1]

    def result(self, method, params=None):
        answer = self.answer(method, params)
        if "result" not in answer:
            raise AssertionError(f"{method}: {answer}")
        return answer["result"]

    def converse(self, method, params, answer):
        """A request of a session that asks on its stream: what it asked, each time given `answer`, and its result."""
        self.next_id += 1
        body = {"jsonrpc": "2.0", "id": self.next_id, "method": method, "params": params}
        connection = self.server.connect(timeout=90)
        connection.request("POST", self.path, json.dumps(body),
                           {"Content-Type": "application/json", "Accept": "application/json, text/event-stream",
                            "Authorization": f"Bearer {self.key or self.server.key}", **self.session_headers()})
        response, asked = connection.getresponse(), []
        try:
            if "text/event-stream" not in response.headers["content-type"]:
                return asked, json.loads(response.read())["result"]
            for message in stream(response):
                if "result" in message:
                    return asked, message["result"]
                if "id" in message and "method" in message:
                    asked.append(message)
                    self.post({"jsonrpc": "2.0", "id": message["id"], "result": answer}, self.session_headers())
            raise AssertionError(f"{method}: the stream ended without an answer")
        finally:
            connection.close()

    def call(self, name, arguments=None, **params):
        return self.result("tools/call", {"name": name, "arguments": arguments or {}, **params})

    def pages(self, method, name):
        """All items of a list."""
        items, cursor = [], {}
        while True:
            page = self.result(method, cursor)
            items += page[name]
            if "nextCursor" not in page:
                return items
            cursor = {"cursor": page["nextCursor"]}
