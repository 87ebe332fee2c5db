"""A provider of models for tests: speaks OpenAI's and Anthropic's dialects on a free port, counts what it has
used, and does every fault that it is told to.

What it does goes by the request: with tools and no tool's result yet it calls the first tool, else it says
TEXT, a token a word. A fault is named for the next request (`upstream.faults.append("reset")`), or for all
requests to a model (`upstream.faults_of["model"] = "reset"`), or by what the last message says, which dialects
keep (`upstream.faults_of_text["one"] = "reset"`).
"""

import asyncio
import base64
import collections
import json
import logging
import struct
import threading

logging.getLogger("asyncio").setLevel(logging.ERROR)  # peers that go away are what it is for
TEXT = "The quick brown fox jumps over the lazy dog."
WORDS = [word if i == 0 else " " + word for i, word in enumerate(TEXT.split(" "))]
REASONING = "Let me think."
INPUT, CACHED, WRITTEN = 25, 8, 4


# Tools of agents on the command line, with what they are called with.
KNOWN_TOOLS = {"Bash": {"command": "echo from-the-$((40 + 2))", "description": "Say something."},
               "exec_command": {"cmd": "echo from-the-$((40 + 2))"}}


class Buckets(collections.Counter):
    """Tokens as the ledger has them."""


class Upstream:
    """`with Upstream() as upstream:`; it runs on a thread of its own."""

    def __init__(self):
        self.faults = collections.deque()
        self.faults_of = {}
        self.faults_of_text = {}
        self.requests = []  # (path, headers, body) of each, body parsed where it is small JSON
        self.counted = Buckets()  # what was used by replies that it took for delivered
        self.figures = {}  # where `numbered`: by (model, input_uncached, cache_read), what the call was told it used
        self.numbered = False  # each call's figures differ from all others', so that its record can be told
        self.calls = 0
        self.hung_up = 0  # replies whose reader went away
        self.left = 0  # of these, the ones that hung
        self.waiting = threading.Event()  # set while a request hangs
        self.release = threading.Event()
        self.open = 0
        self.keep_requests = True
        self.words = WORDS
        self.held = False  # faults in a stream wait for `release`

    def __enter__(self):
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self._run, daemon=True)
        started = threading.Event()
        self._started = started
        self.thread.start()
        started.wait(10)
        return self

    def __exit__(self, *_):
        self.release.set()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)

    def _run(self):
        asyncio.set_event_loop(self.loop)
        server = self.loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0, limit=1 << 20, backlog=1024))
        self.port = server.sockets[0].getsockname()[1]
        self._started.set()
        self.loop.run_forever()
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.loop.run_until_complete(asyncio.sleep(0))
        server.close()
        self.loop.close()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def config(self, models=None, **provider):
        """acloud.toml with both dialects and the models `gpt` and `claude` on them."""
        extra = "".join(f"{name} = {json.dumps(value)}\n" for name, value in provider.items())
        text = (f'[[provider]]\nname = "oai"\ndialect = "openai"\nbase_url = "{self.url}/v1"\n'
                f'api_key = "env:MOCK_KEY"\n{extra}'
                f'[[provider]]\nname = "ant"\ndialect = "anthropic"\nbase_url = "{self.url}"\n'
                f'api_key = "env:MOCK_KEY"\n{extra}')
        for name, (at, model) in (models or {"gpt": ("oai", "mock-gpt"), "claude": ("ant", "mock-claude")}).items():
            text += f'[[model]]\nname = "{name}"\ntargets = [{{ provider = "{at}", model = "{model}" }}]\n'
        return text

    async def _serve(self, reader, writer):
        self.open += 1
        try:
            while await self._one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            self.hung_up += 1
        finally:
            self.open -= 1
            writer.close()

    async def _one(self, reader, writer):
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return False
        lines = head.decode().split("\r\n")
        path = lines[0].split(" ")[1]
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines[1:] if line)}
        length = int(headers.get("content-length", 0))
        body = None
        if length <= 1 << 20:
            body = json.loads(await reader.readexactly(length))
        else:
            while length:
                length -= len(await reader.read(min(length, 1 << 16)))
            body = {"model": "large"}
        self.calls += 1
        if self.keep_requests:
            self.requests.append((path, headers, body))
        fault = self.faults.popleft() if self.faults else self.faults_of.get(body.get("model"), "")
        if self.faults_of_text:
            fault = self.faults_of_text.get(last_text(body), fault)
        return await Answer(self, reader, writer, path.split("?")[0], body, fault).give()


def last_text(body):
    """What the last message says, in whatever form a dialect has it."""
    said = body.get("messages", body.get("input", ""))
    while not isinstance(said, str):
        if not said:
            return ""
        said = said[-1] if isinstance(said, list) else said.get("content", said.get("text", ""))
    return said


def tool_call(body):
    """The name and the arguments of the call to make, or None."""
    tools = body.get("tools")
    if not tools or body.get("tool_choice") == "none":
        return None
    for message in body.get("messages", body.get("input", [])):
        content = message.get("content")
        if message.get("role") == "tool" or message.get("type") == "function_call_output" or (
                isinstance(content, list) and any(part.get("type") == "tool_result" for part in content)):
            return None
    named = {tool.get("function", tool).get("name"): tool.get("function", tool) for tool in tools}
    for name, arguments in KNOWN_TOOLS.items():
        if name in named:
            return name, json.dumps(arguments)
    tool = tools[0].get("function", tools[0])
    schema = tool.get("parameters") or tool.get("input_schema") or {}
    values = {"string": "Paris \"é\"", "number": 7, "integer": 7, "boolean": True, "array": [], "object": {}}
    arguments = {name: values.get(of.get("type"), "Paris") for name, of in schema.get("properties", {}).items()}
    return tool["name"], json.dumps(arguments, ensure_ascii=False)


class Answer:
    def __init__(self, upstream, reader, writer, path, body, fault):
        self.upstream, self.path, self.body, self.fault = upstream, path, body, fault
        self.reader, self.writer = reader, writer
        self.used = Buckets()
        self.words = upstream.words
        if isinstance(body.get("max_tokens"), int):
            self.words = self.words[:body["max_tokens"]]
        self.read, self.cached = INPUT - CACHED, CACHED
        if upstream.numbered:
            number = len(upstream.figures)
            self.read, self.cached = WRITTEN + number % 200, number // 200
            used = self.anthropic_used() if path == "/v1/messages" else self.input_used()
            key = (body["model"], used["input_uncached"], used["cache_read"])
            upstream.figures[key] = Buckets({**used, "output": len(self.words)})

    async def give(self):
        """False where the connection ends."""
        fault = self.fault
        if fault == "reset":
            self.writer.transport.abort()
            return False
        if fault == "close":
            return False
        if fault == "hang":
            return await self.hang()
        if isinstance(fault, tuple):  # (status, headers, body)
            await self.whole(*fault)
            return True
        if fault == "not-json":
            await self.whole(200, {}, b'{"id": "chatcmpl-1", "choices": [')
            return True
        if fault == "html":
            await self.whole(502, {"content-type": "text/html"}, b"<html>Bad gateway</html>")
            return True
        form = {"/v1/chat/completions": self.chat, "/v1/messages": self.messages, "/v1/embeddings": self.embeddings,
                "/v1/responses": self.responses, "/v1/messages/count_tokens": self.count}.get(self.path)
        if not isinstance(self.body.get("messages", self.body.get("input", [])), (list, str)):
            error = {"message": "messages: Input should be a valid list", "type": "invalid_request_error"}
            await self.whole(400, {}, {"type": "error", "error": error})
            return True
        if form is None:
            await self.whole(404, {}, b'{"error":{"message":"no such path"}}')
            return True
        return await form()

    async def hang(self):
        self.upstream.waiting.set()
        def gone():
            return self.reader.at_eof() or self.writer.transport.is_closing()
        while not self.upstream.release.is_set() and not gone():
            await asyncio.sleep(0.01)
        self.upstream.left += gone()
        self.writer.transport.abort()
        return False

    async def whole(self, status, headers, body):
        if isinstance(body, (dict, list)):
            body = json.dumps(body).encode()
        head = {"content-type": "application/json", **headers, "content-length": len(body)}
        lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
        if self.fault == "half-body":
            body = body[:len(body) // 2]
        self.writer.write(f"HTTP/1.1 {status} X\r\n{lines}\r\n".encode() + body)
        await self.writer.drain()

    async def stream(self, events):
        """Events as bytes, the fault among them. What was used counts as far as it was sent."""
        self.writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
                          b"transfer-encoding: chunked\r\n\r\n")
        kind, _, at = self.fault.partition("@") if isinstance(self.fault, str) else ("", "", "")
        for i, (event, used) in enumerate(events):
            if kind and at and i == int(at):
                if self.upstream.held:
                    await self.writer.drain()
                    self.upstream.waiting.set()
                    while not self.upstream.release.is_set():
                        await asyncio.sleep(0.002)
                if kind == "hang":
                    return await self.hang()
                if kind == "reset":
                    await self.writer.drain()
                    self.writer.transport.abort()
                    return False
                if kind == "half-chunk":
                    self.chunk(event[:len(event) // 2])
                    await self.writer.drain()
                    return False
                if kind == "bad-json":
                    event = b'data: {"id": "x", "choices": [\n\n'
                if kind == "end":
                    break
                if kind == "error":
                    if self.path == "/v1/messages":
                        event = b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n\n'
                    else:
                        event = b'data: {"error":{"message":"The engine died","type":"server_error","code":null}}\n\n'
                    self.chunk(event)
                    break
                if kind == "cut":  # in two pieces, in the middle of a character if there is one
                    self.chunk(event[:9])
                    await self.writer.drain()
                    await asyncio.sleep(0)
                    event = event[9:]
            self.chunk(event)
            self.used.update(used)
            if i % 50 == 0:
                await self.writer.drain()
                await asyncio.sleep(0)
        self.writer.write(b"0\r\n\r\n")
        await self.writer.drain()
        if not at:
            self.upstream.counted.update(self.used)
        return True

    def chunk(self, data):
        if data:
            self.writer.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    # --- OpenAI ---

    def usage(self, output):
        details = {"cached_tokens": self.cached}
        read = self.read + self.cached
        return {"prompt_tokens": read, "completion_tokens": output, "total_tokens": read + output,
                "prompt_tokens_details": details, "completion_tokens_details": {"reasoning_tokens": 0}}

    def input_used(self):
        return {"input_uncached": self.read, "cache_read": self.cached}

    async def chat(self):
        call = tool_call(self.body)
        if not self.body.get("stream"):
            message = {"role": "assistant", "content": "".join(self.words)}
            if call:
                message = {"role": "assistant", "content": None, "tool_calls": [
                    {"id": "call_1", "type": "function", "function": {"name": call[0], "arguments": call[1]}}]}
            reply = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": self.body["model"],
                     "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls" if call else "stop"}],
                     "usage": self.usage(len(self.words))}
            if self.fault == "no-usage":
                del reply["usage"]
            await self.whole(200, {}, reply)
            if self.fault != "half-body":
                self.upstream.counted.update({**self.input_used(), "output": len(self.words)})
                return True
            return False
        return await self.stream(self.chat_events(call))

    def chat_events(self, call):
        def event(delta, finish=None, **more):
            body = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": self.body["model"],
                    "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **more}
            return b"data: " + json.dumps(body, ensure_ascii=False).encode() + b"\n\n"

        yield event({"role": "assistant", "content": ""}), self.input_used()
        output = 0
        if call:
            yield event({"tool_calls": [{"index": 0, "id": "call_1", "type": "function",
                                         "function": {"name": call[0], "arguments": ""}}]}), {"output": 1}
            for i in range(0, len(call[1]), 5):
                yield event({"tool_calls": [{"index": 0, "function": {"arguments": call[1][i:i + 5]}}]}), {"output": 1}
                output += 1
            yield event({}, "tool_calls"), {}
            output += 1
        else:
            if self.body.get("reasoning_effort"):
                yield event({"reasoning_content": REASONING}), {}
            for word in self.words:
                output += 1
                yield event({"content": word}), {"output": 1}
            yield event({}, "stop"), {}
        if (self.body.get("stream_options") or {}).get("include_usage") and self.fault != "no-usage":
            usage = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": self.body["model"],
                     "choices": [], "usage": self.usage(output)}
            yield b"data: " + json.dumps(usage).encode() + b"\n\n", {}
        yield b"data: [DONE]\n\n", {}

    async def embeddings(self):
        inputs = self.body["input"] if isinstance(self.body["input"], list) else [self.body["input"]]
        vector = [0.25, -0.5, 1.0, 0.125]
        if self.body.get("encoding_format") == "base64":
            vector = base64.b64encode(struct.pack("<4f", *vector)).decode()
        await self.whole(200, {}, {
            "object": "list", "model": self.body["model"], "usage": {"prompt_tokens": 9, "total_tokens": 9},
            "data": [{"object": "embedding", "index": i, "embedding": vector} for i in range(len(inputs))]})
        self.upstream.counted.update({"input_uncached": 9})
        return True

    async def responses(self):
        usage = {"input_tokens": INPUT, "input_tokens_details": {"cached_tokens": CACHED}, "output_tokens": len(self.words),
                 "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": INPUT + len(self.words)}
        item = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
                "content": [{"type": "output_text", "text": "".join(self.words), "annotations": []}]}
        response = {"id": "resp_1", "object": "response", "created_at": 1, "status": "completed",
                    "model": self.body["model"], "output": [item], "usage": usage}
        used = {**self.input_used(), "output": len(self.words)}
        if not self.body.get("stream"):
            await self.whole(200, {}, response)
            self.upstream.counted.update(used)
            return True
        events = [({"type": "response.created", "response": {**response, "status": "in_progress", "output": [], "usage": None}}, {})]
        events += [({"type": "response.output_text.delta", "item_id": "msg_1", "output_index": 0, "content_index": 0,
                     "delta": word}, {}) for word in self.words]
        events += [({"type": "response.completed", "response": response}, used)]
        return await self.stream([(f"event: {e['type']}\ndata: {json.dumps({**e, 'sequence_number': i})}\n\n".encode(), u)
                                  for i, (e, u) in enumerate(events)])

    # --- Anthropic ---

    async def count(self):
        await self.whole(200, {}, {"input_tokens": INPUT})
        return True

    def anthropic_usage(self, output):
        return {"input_tokens": self.read - WRITTEN, "cache_read_input_tokens": self.cached,
                "cache_creation_input_tokens": WRITTEN,
                "cache_creation": {"ephemeral_5m_input_tokens": 1, "ephemeral_1h_input_tokens": WRITTEN - 1},
                "output_tokens": output}

    def anthropic_used(self):
        return {"input_uncached": self.read - WRITTEN, "cache_read": self.cached, "cache_write_5m": 1,
                "cache_write_1h": WRITTEN - 1}

    async def messages(self):
        call = tool_call(self.body)
        if not self.body.get("stream"):
            content = [{"type": "text", "text": "".join(self.words)}]
            if call:
                content = [{"type": "tool_use", "id": "toolu_1", "name": call[0], "input": json.loads(call[1])}]
            reply = {"id": "msg_1", "type": "message", "role": "assistant", "model": self.body["model"],
                     "content": content, "stop_reason": "tool_use" if call else "end_turn", "stop_sequence": None,
                     "usage": self.anthropic_usage(len(self.words))}
            await self.whole(200, {}, reply)
            if self.fault == "half-body":
                return False
            self.upstream.counted.update({**self.anthropic_used(), "output": len(self.words)})
            return True
        return await self.stream(self.message_events(call))

    def message_events(self, call):
        def event(kind, **fields):
            body = json.dumps({"type": kind, **fields}, ensure_ascii=False)
            return f"event: {kind}\ndata: {body}\n\n".encode()

        start = {"id": "msg_1", "type": "message", "role": "assistant", "model": self.body["model"], "content": [],
                 "stop_reason": None, "stop_sequence": None, "usage": self.anthropic_usage(1)}
        yield event("message_start", message=start), self.anthropic_used()
        yield event("ping"), {}
        output = 0
        index = 0
        if (self.body.get("thinking") or {}).get("type") == "enabled":
            yield event("content_block_start", index=0, content_block={"type": "thinking", "thinking": "", "signature": ""}), {}
            yield event("content_block_delta", index=0, delta={"type": "thinking_delta", "thinking": REASONING}), {}
            yield event("content_block_delta", index=0, delta={"type": "signature_delta", "signature": "c2ln"}), {}
            yield event("content_block_stop", index=0), {}
            index = 1
        if call:
            yield event("content_block_start", index=index,
                        content_block={"type": "tool_use", "id": "toolu_1", "name": call[0], "input": {}}), {}
            for i in range(0, len(call[1]), 5):
                yield event("content_block_delta", index=index,
                            delta={"type": "input_json_delta", "partial_json": call[1][i:i + 5]}), {"output": 1}
                output += 1
        else:
            yield event("content_block_start", index=index, content_block={"type": "text", "text": ""}), {}
            for word in self.words:
                output += 1
                yield event("content_block_delta", index=index, delta={"type": "text_delta", "text": word}), {"output": 1}
        yield event("content_block_stop", index=index), {}
        yield event("message_delta", delta={"stop_reason": "tool_use" if call else "end_turn", "stop_sequence": None},
                    usage={"output_tokens": output}), {}
        yield event("message_stop"), {}
