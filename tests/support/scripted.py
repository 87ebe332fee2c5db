"""A model that does what its goal says, for tests of agents: the goal is JSON, {"turns": [[[tool, arguments], ...], ...],
"answer": text, "think_s": seconds before it says anything}; each turn is what it calls at once, where "$child" is the id
of the task that it ran last. Which turn it is at it sees from the conversation, as a model does, so it says the same
again after a crash."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def goal_of(body):
    """None where it is asked for a summary of old results."""
    if body["messages"][0]["content"].startswith("You condense"):
        return None
    return json.loads(next(message["content"] for message in body["messages"] if message["role"] == "user"))


def reply(body, goal):
    if goal is None:
        return said(body, {"role": "assistant", "content": "in short"})
    turn = sum(message["role"] == "assistant" for message in body["messages"])
    message = {"role": "assistant", "content": goal.get("answer", "done")}
    if turn < len(goal.get("turns", [])):
        message["content"] = None
        message["tool_calls"] = [
            {"id": f"call_{turn}_{i}", "type": "function",
             "function": {"name": name, "arguments": arguments_of(given, body["messages"])}}
            for i, (name, given) in enumerate(goal["turns"][turn])]
    elif goal.get("echo"):  # the results of its tools, to see what it was told
        message["content"] = json.dumps([m["content"] for m in body["messages"] if m["role"] == "tool"])
    return said(body, message)


def arguments_of(given, messages):
    if isinstance(given, str):
        return given
    children = [json.loads(m["content"]).get("id") for m in messages if m["role"] == "tool" and '"id":"task_' in m["content"]]
    return json.dumps({name: children[-1] if value == "$child" else value for name, value in given.items()})


def said(body, message):
    return {"id": "x", "object": "chat.completion", "model": body["model"],
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12}}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.requests.append(body)
        goal = goal_of(body)
        time.sleep(goal.get("think_s", 0) if goal else 0)
        text = json.dumps(reply(body, goal)).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)
        self.server.answered.append(body)

    def log_message(self, *_):
        pass


class Quiet(ThreadingHTTPServer):
    def handle_error(self, *_):
        """Clients that are killed are what it is for."""


class Scripted:
    """`with Scripted() as model:`; config() is an acloud.toml that has it as the model `scripted`."""

    def __enter__(self):
        self.server = Quiet(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.requests = []
        self.server.answered = []  # those that were answered whole
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    @property
    def requests(self):
        return self.server.requests

    @property
    def answered(self):
        return self.server.answered

    def config(self):
        return (f'[[provider]]\nname = "mock"\ndialect = "openai"\nbase_url = "http://127.0.0.1:{self.server.server_port}/v1"\n'
                'api_key = "env:MOCK_KEY"\n[[model]]\nname = "scripted"\ntargets = [{ provider = "mock", model = "m" }]\n'
                'price = { input = 1, output = 10 }\n')
