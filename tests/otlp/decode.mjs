// Reads a list of [path, body] on standard input, each an OTLP/JSON request, and puts each through OpenTelemetry's own
// protobuf messages: what is there afterwards must be what was sent. So a name, a type or an enumeration that the
// protocol does not have is found, since protobuf drops it. Prints what differs, and how many there were.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import path from "node:path";

// The messages are no part of what the package exports.
const require = createRequire(import.meta.url);
const entry = require.resolve("@opentelemetry/otlp-transformer");
const root = require(path.join(path.dirname(entry), "generated", "root.js"));
const { trace, metrics } = root.opentelemetry.proto.collector;
const types = { "/v1/traces": trace.v1.ExportTraceServiceRequest, "/v1/metrics": metrics.v1.ExportMetricsServiceRequest };

// OTLP's deviation from protobuf's JSON: these are hexadecimal, not base64.
const ids = new Set(["traceId", "spanId", "parentSpanId"]);
const base64 = (hex) => Buffer.from(hex, "hex").toString("base64");

function map(value, each) {
  if (Array.isArray(value)) return value.map((item) => map(item, each));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => each(name, item)).filter(Boolean).sort());
}
const asProtobuf = (value) => map(value, (name, item) => [name, ids.has(name) ? base64(item) : asProtobuf(item)]);
// An empty list is none.
const plain = (value) => map(value, (name, item) => (Array.isArray(item) && item.length === 0 ? null : [name, plain(item)]));

let different = 0;
const requests = JSON.parse(readFileSync(0));
for (const [where, body] of requests) {
  const type = types[where];
  const sent = asProtobuf(body);
  const bytes = type.encode(type.fromObject(sent)).finish();
  const got = type.toObject(type.decode(bytes), { longs: String, bytes: String, json: true });
  const [one, other] = [JSON.stringify(plain(sent)), JSON.stringify(plain(got))];
  if (one === other) continue;
  let i = 0;
  while (one[i] === other[i]) i += 1;
  different += 1;
  console.log(`${where}: sent ...${one.slice(Math.max(0, i - 100), i + 100)}... got ...${other.slice(Math.max(0, i - 100), i + 100)}...`);
}
console.log(`${requests.length} requests, ${different} differ`);
process.exit(different === 0 ? 0 : 1);
