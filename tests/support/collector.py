"""An OpenTelemetry collector for tests: takes OTLP/JSON over HTTP on a free port, checks every request against the
protocol's encoding to the letter, keeps what it was sent, and does every fault that it is told to.

The encoding is protobuf's JSON with OTLP's exceptions: ids are hexadecimal, 64-bit integers are strings, enumerations
are numbers, names are in lowerCamelCase. A real collector passes over fields that it does not know; this one does not,
since one that is misspelt is lost there.
"""

import collections
import http.server
import json
import math
import re
import threading

FIXED64 = 1 << 64


def text(value):
    return isinstance(value, str)


def boolean(value):
    return isinstance(value, bool)


def uint32(value):
    return type(value) is int and 0 <= value < 1 << 32


def enum(*known):
    return lambda value: type(value) is int and value in known


def uint64(value):
    return isinstance(value, str) and re.fullmatch(r"0|[1-9]\d*", value) is not None and int(value) < FIXED64


def int64(value):
    return isinstance(value, str) and re.fullmatch(r"0|-?[1-9]\d*", value) is not None and abs(int(value)) < 1 << 63


def double(value):
    return (isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)) or value in (
        "NaN", "Infinity", "-Infinity")


def hexadecimal(digits):
    return lambda value: isinstance(value, str) and re.fullmatch(rf"[0-9a-f]{{{digits}}}", value) is not None and int(value, 16) != 0


# A message is its fields: a check, a message, or a list of either. "?": may be left out. "|": exactly one of these.
ANY = {"|": {"stringValue": text, "boolValue": boolean, "intValue": int64, "doubleValue": double}}
ANY["|"]["arrayValue"] = {"values": [ANY]}
ATTRIBUTE = {"key": text, "value": ANY}
RESOURCE = {"attributes": [ATTRIBUTE]}
SCOPE = {"name": text, "version": text}
LINK = {"traceId": hexadecimal(32), "spanId": hexadecimal(16), "?": {"traceState": text, "attributes": [ATTRIBUTE], "flags": uint32}}
SPAN = {"traceId": hexadecimal(32), "spanId": hexadecimal(16), "name": text, "kind": enum(1, 2, 3, 4, 5),
        "startTimeUnixNano": uint64, "endTimeUnixNano": uint64, "attributes": [ATTRIBUTE],
        "?": {"traceState": text, "parentSpanId": hexadecimal(16), "flags": uint32, "links": [LINK],
              "status": {"code": enum(1, 2), "?": {"message": text}}}}
TRACES = {"resourceSpans": [{"resource": RESOURCE, "scopeSpans": [{"scope": SCOPE, "spans": [SPAN]}]}]}
POINT = {"attributes": [ATTRIBUTE], "startTimeUnixNano": uint64, "timeUnixNano": uint64}
NUMBER = {**POINT, "|": {"asDouble": double, "asInt": int64}}
BUCKETS = {**POINT, "count": uint64, "sum": double, "bucketCounts": [uint64], "explicitBounds": [double]}
METRIC = {"name": text, "description": text, "unit": text,
          "|": {"gauge": {"dataPoints": [NUMBER]},
                "sum": {"dataPoints": [NUMBER], "aggregationTemporality": enum(1, 2), "isMonotonic": boolean},
                "histogram": {"dataPoints": [BUCKETS], "aggregationTemporality": enum(1, 2)}}}
METRICS = {"resourceMetrics": [{"resource": RESOURCE, "scopeMetrics": [{"scope": SCOPE, "metrics": [METRIC]}]}]}


def check(value, form, where=""):
    """What is wrong with `value`, as texts."""
    if callable(form):
        return [] if form(value) else [f"{where}: {value!r}"]
    if isinstance(form, list):
        if not isinstance(value, list):
            return [f"{where}: {value!r} is no list"]
        return [wrong for i, item in enumerate(value) for wrong in check(item, form[0], f"{where}[{i}]")]
    if not isinstance(value, dict):
        return [f"{where}: {value!r} is no object"]
    needed = {name: of for name, of in form.items() if name not in "?|"}
    known = {**needed, **form.get("?", {}), **form.get("|", {})}
    wrong = [f"{where}.{name}: unknown" for name in value if name not in known]
    wrong += [f"{where}.{name}: missing" for name in needed if name not in value]
    if "|" in form and sum(name in value for name in form["|"]) != 1:
        wrong.append(f"{where}: not one of {sorted(form['|'])}")
    return wrong + [w for name, item in value.items() if name in known for w in check(item, known[name], f"{where}.{name}")]


def check_points(request):
    """What protobuf can't say of histograms."""
    wrong = []
    for metric in (m for r in request["resourceMetrics"] for s in r["scopeMetrics"] for m in s["metrics"]):
        for point in metric.get("histogram", {}).get("dataPoints", []):
            if len(point["bucketCounts"]) != len(point["explicitBounds"]) + 1:
                wrong.append(f"{metric['name']}: buckets and bounds")
            if sum(map(int, point["bucketCounts"])) != int(point["count"]):
                wrong.append(f"{metric['name']}: count")
            if sorted(set(point["explicitBounds"])) != point["explicitBounds"]:
                wrong.append(f"{metric['name']}: bounds that do not rise")
    return wrong


def plain(attributes):
    """{key: value} of a list of attributes."""
    def value_of(any_value):
        (kind, value), = any_value.items()
        return {"intValue": int, "arrayValue": lambda v: [value_of(x) for x in v["values"]]}.get(kind, lambda v: v)(value)
    return {each["key"]: value_of(each["value"]) for each in attributes}


class Span:
    def __init__(self, raw):
        self.raw, self.name, self.kind = raw, raw["name"], raw["kind"]
        self.id, self.trace, self.parent = raw["spanId"], raw["traceId"], raw.get("parentSpanId")
        self.began, self.ended = int(raw["startTimeUnixNano"]), int(raw["endTimeUnixNano"])
        self.attributes = plain(raw["attributes"])
        self.failed = raw.get("status", {}).get("code") == 2

    def __repr__(self):
        return f"{self.name} {self.attributes}"


class Quiet(http.server.ThreadingHTTPServer):
    def handle_error(self, *_):
        """Servers that are stopped are what it is for."""


class Collector:
    """`with Collector() as collector:`. `faults`: answers to the next requests, as (status, headers) or "hang" or
    "close"."""

    def __enter__(self):
        self.faults = collections.deque()
        self.always = None  # a fault of all requests
        self.requests = []  # (path, headers, body) of each, also of those that got a fault
        self.spans, self.metrics, self.wrong = [], {}, []
        self.changed = threading.Condition()
        self.release = threading.Event()
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                owner._take(self)

            def log_message(self, *_):
                pass

        self.server = Quiet(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.release.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(10)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def _take(self, handler):
        body = handler.rfile.read(int(handler.headers["content-length"]))
        with self.changed:
            fault = self.faults.popleft() if self.faults else self.always
            self.requests.append((handler.path, dict(handler.headers), body))
            if fault is None:
                self._keep(handler.path, handler.headers, body)
            self.changed.notify_all()
        if fault == "hang":
            self.release.wait()
        if fault in ("hang", "close"):
            handler.close_connection = True
            return
        status, headers = fault or (200, {})
        handler.send_response(status)
        for name, value in {"content-type": "application/json", "content-length": "2", **headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(b"{}")

    def _keep(self, path, headers, body):
        if headers["content-type"] != "application/json":
            self.wrong.append(f"content-type {headers['content-type']}")
        request = json.loads(body)
        if path.endswith("/v1/traces"):
            self.wrong += check(request, TRACES)
            for resource in request["resourceSpans"]:
                self.resource = plain(resource["resource"]["attributes"])
                spans = [Span(raw) for scope in resource["scopeSpans"] for raw in scope["spans"]]
                self.wrong += ["no spans"] if not spans else []
                self.wrong += [f"{span.name}: ends before it begins" for span in spans if span.ended < span.began]
                self.spans += spans
        elif path.endswith("/v1/metrics"):
            self.wrong += check(request, METRICS) or check_points(request)
            for metric in (m for r in request["resourceMetrics"] for s in r["scopeMetrics"] for m in s["metrics"]):
                self.metrics[metric["name"]] = metric
        else:
            self.wrong.append(f"path {path}")

    def wait(self, until, seconds=20):
        """Waits until `until(self)` holds; what that gives."""
        with self.changed:
            done = self.changed.wait_for(lambda: until(self), seconds)
            assert done, (self.wrong, self.spans, [path for path, *_ in self.requests])
            return done

    def named(self, name):
        return [span for span in self.spans if span.name == name]

    def point(self, metric, **labels):
        """The data point of `metric` whose attributes are these and no others."""
        found = self.metrics.get(metric)
        if found is None:
            return None
        kind = next(k for k in ("histogram", "sum", "gauge") if k in found)
        for point in found[kind]["dataPoints"]:
            if labels == {k.replace(".", "_"): v for k, v in plain(point["attributes"]).items()}:
                return point
        return None
