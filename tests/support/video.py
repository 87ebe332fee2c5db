"""A provider of video and images for tests, in DashScope's and Vidu's dialects on a free port. It counts what it is
asked for and does every fault that it is told to.

A generation runs until `finish(id)`, or for `looks` looks where that is set. A fault is named for the next request
of a kind: `upstream.faults["make"].append(...)`, of make, look, cancel, file. One is a status, (status, headers,
body), "reset", "hang" (it holds what it does until `release` is set, having begun the generation if it is a
make), "not-json", "no-id".
"""

import collections
import http.server
import json
import re
import threading

FILE = b"\x00\x00\x00\x18ftypmp42" + b"film" * 5000


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_):
        pass  # peers that go away are what it is for


class Video:
    """`with Video() as upstream:`"""

    def __init__(self):
        self.lock = threading.Lock()
        self.faults = collections.defaultdict(collections.deque)
        self.requests = collections.defaultdict(list)  # (path, headers, body), by kind
        self.generations = {}  # id: what was asked for, state and what it used
        self.looks = None
        self.files = 1
        self.file = FILE
        self.hanging = threading.Event()
        self.release = threading.Event()
        self.seen = threading.Condition(self.lock)

    def __enter__(self):
        upstream = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                upstream.serve(self, b"")

            def do_POST(self):
                upstream.serve(self, self.rfile.read(int(self.headers.get("content-length", 0))))

            def log_message(self, *_):
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.release.set()
        self.server.shutdown()
        self.server.server_close()

    def config(self, price="second = 0.5", more="", **provider):
        """acloud.toml with `wan` and `vidu`, and `draw` that makes images."""
        extra = "".join(f"{name} = {json.dumps(value)}\n" for name, value in {"poll_time_s": 0.02, **provider}.items())
        text = ""
        for name, base in (("dashscope", "/api/v1"), ("vidu", "")):
            text += (f'[[provider]]\nname = "{name}"\ndialect = "{name}"\nbase_url = "{self.url}{base}"\n'
                     f'api_key = "env:MOCK_KEY"\n{extra}')
        for name, provider, makes in (("wan", "dashscope", "video"), ("vidu", "vidu", "video"), ("draw", "dashscope", "image")):
            cost = "image = 0.25" if makes == "image" else price
            text += (f'[[model]]\nname = "{name}"\nmakes = "{makes}"\ntargets = [{{ provider = "{provider}", model = "up-{name}" }}]\n'
                     f'price = {{ {cost} }}\n')
        return text + more

    def wait_for(self, kind, count, patience=20):
        """Until so many requests of that kind have come."""
        with self.seen:
            if not self.seen.wait_for(lambda: len(self.requests[kind]) >= count, patience):
                raise AssertionError(f"{len(self.requests[kind])} of {count} requests to {kind}")

    def only(self):
        """The one generation that there is."""
        with self.lock:
            (found,) = self.generations
            return found

    def finish(self, name, state="done", **used):
        """What it comes to; `used` in place of what was asked for."""
        with self.lock:
            self.generations[name].update(state=state, **used)

    def serve(self, handler, body):
        path = handler.path.split("?")[0]
        kind = ("file" if path.startswith("/files/") else "cancel" if path.endswith("/cancel") else
                "look" if handler.command == "GET" else "make")
        parsed = json.loads(body) if body else None
        with self.seen:
            fault = self.faults[kind].popleft() if self.faults[kind] else None
        if kind == "make" and (fault is None or fault in ("hang", "lost", "not-json")):
            made = self.begin(path, parsed)
        with self.seen:
            self.requests[kind].append((path, dict(handler.headers), parsed))
            self.seen.notify_all()
        if fault == "hang":
            self.hanging.set()
            self.release.wait(60)
        if fault in ("hang", "reset", "lost"):
            handler.connection.close()
            handler.close_connection = True
            return
        if isinstance(fault, int):
            fault = (fault, {}, {"code": "Fault", "message": f"fault {fault}"})
        if fault in ("not-json", "no-id"):
            fault = (200, {}, b'{"output": {' if fault == "not-json" else {"output": {}})
        if fault:
            return self.answer(handler, *fault)
        if kind == "file":
            return self.answer(handler, 200, {"content-type": "video/mp4"}, self.file)
        vidu = path.startswith("/ent/")
        if kind == "make":
            return self.answer(handler, 200, {}, self.vidu_begun(made) if vidu else
                               {"output": {"task_id": made, "task_status": "PENDING"}, "request_id": "r"})
        name = re.search(r"/tasks/([^/]+)", path)[1]
        with self.lock:
            known = self.generations.get(name)
            if known and kind == "look":
                known["looks"] += 1
                if self.looks is not None and known["looks"] >= self.looks and known["state"] == "running":
                    known["state"] = "done"
            if known and kind == "cancel":
                if known["state"] != "waiting":
                    return self.answer(handler, 400, {}, {"code": "UnsupportedOperation", "message": "it runs"})
                known["state"] = "cancelled"
                return self.answer(handler, 200, {}, {"request_id": "r"})
            known = dict(known) if known else None
        if vidu:
            return self.answer(handler, 200 if known else 404, {}, self.vidu_state(name, known) if known else {"message": "no task"})
        self.answer(handler, 200, {}, self.dashscope_state(name, known))

    def begin(self, path, asked):
        with self.lock:
            name = f"up-{len(self.generations) + 1}"
            parameters = asked.get("parameters", asked)
            self.generations[name] = {"asked": asked, "state": "running", "looks": 0, "seconds": parameters.get("duration", 0),
                                      "images": parameters.get("n"), "resolution": parameters.get("resolution", "720P")}
            return name

    def vidu_begun(self, name):
        known = self.generations[name]
        return {"task_id": name, "state": "created", "model": known["asked"]["model"], "duration": known["seconds"],
                "resolution": known["resolution"], "credits": 10}

    def urls(self, name):
        return [f"{self.url}/files/{name}-{i}.mp4?sign=x" for i in range(self.files)]

    def vidu_state(self, name, known):
        state = {"waiting": "queueing", "running": "processing", "done": "success"}.get(known["state"], "failed")
        creations = [{"id": str(i), "url": url, "cover_url": "c"} for i, url in enumerate(self.urls(name))] if state == "success" else []
        return {"id": name, "state": state, "err_code": "TooBlurred" if state == "failed" else "", "creations": creations}

    def dashscope_state(self, name, known):
        if known is None:
            return {"output": {"task_id": name, "task_status": "UNKNOWN"}}
        status = {"waiting": "PENDING", "running": "RUNNING", "done": "SUCCEEDED", "cancelled": "CANCELED"}.get(known["state"], "FAILED")
        output = {"task_id": name, "task_status": status}
        if status == "FAILED":
            output.update(code="InternalError", message="the picture is too dark")
        if status != "SUCCEEDED":
            return {"output": output}
        if known["images"]:
            output["results"] = [{"url": url} for url in self.urls(name)]
            return {"output": output, "usage": {"image_count": known["images"]}}
        output["video_url"] = self.urls(name)[0]
        usage = {"duration": known["seconds"], "video_count": 1, "SR": int(known["resolution"].rstrip("Pp"))}
        return {"output": output, "usage": usage}

    @staticmethod
    def answer(handler, status, headers, body):
        if isinstance(body, dict):
            body = json.dumps(body).encode()
        handler.send_response(status)
        for name, value in {"content-type": "application/json", **headers}.items():
            handler.send_header(name, value)
        handler.send_header("content-length", len(body))
        handler.end_headers()
        handler.wfile.write(body)
