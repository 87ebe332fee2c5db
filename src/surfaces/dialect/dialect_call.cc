#include "surfaces/dialect/dialect_call.h"

#include "base/encoding.h"
#include "base/log.h"
#include "surfaces/presented_key.h"

namespace acloud::surfaces {
namespace {

constexpr std::uint64_t kLargestBody = 1ULL << 30;
constexpr std::string_view kForwarded[] = {"anthropic-version", "anthropic-beta", "openai-beta",
                                           "x-session-id"};

// The limit that a call ran into, as the x-ratelimit headers have it.
void put_limit(const Error& error, net::Headers& headers) {
  const auto& details = error.details();
  const std::string kind = details.value("kind", "");
  if (kind != "requests" && kind != "tokens") return;
  for (const char* name : {"limit", "remaining"}) {
    const auto found = details.find(name);
    if (found != details.end()) headers.set(fmt::format("x-ratelimit-{}-{}", name, kind), to_text(*found));
  }
  const auto reset = details.find("reset_s");
  if (reset != details.end()) headers.set("x-ratelimit-reset-" + kind, to_text(*reset) + "s");
}

}  // namespace

// Begins the response when the handler has something to send.
class DialectCalls::Out final : public kernel::ReplyStream {
 public:
  Out(net::Responder& responder, const DialectStyle& style, const std::string& request_id)
      : responder_(responder), style_(style), request_id_(request_id) {}

  Task<Result<>> begin(net::Headers headers, std::string_view first) override {
    is_events_ = headers.value("content-type").starts_with("text/event-stream");
    style_.stamp(headers, request_id_);
    co_return co_await responder_.begin({.status = 200, .headers = std::move(headers)}, first);
  }
  Task<Result<>> write(std::string_view bytes) override { co_return co_await responder_.write(bytes); }
  bool begun() const override { return responder_.begun(); }

  Task<Result<>> finish(std::string_view last) { co_return co_await responder_.finish(last); }
  bool is_events() const { return is_events_; }

 private:
  net::Responder& responder_;
  const DialectStyle& style_;
  const std::string& request_id_;
  bool is_events_ = false;
};

struct DialectCalls::Running {
  std::string request_id;
  Out out;
  kernel::Gate gate;
};

Task<Result<kernel::Payload>> DialectCalls::payload_of(net::Request& request, Kind kind) {
  kernel::Payload payload;
  payload.form = kind.form;
  payload.query = request.query();
  for (const std::string_view name : kForwarded) {
    if (const auto value = request.headers.get(name))
      payload.headers.add(std::string(name), std::string(*value));
  }
  net::ReplayBody::Options options = keeping(kLargestBody);
  JsonOutline& outline = payload.outline;
  ACLOUD_CO_TRY(payload.body, co_await net::ReplayBody::take(
                                  request.body, std::move(options),
                                  [&outline](std::string_view piece) { return outline.feed(piece); }));
  ACLOUD_CO_CHECK(outline.finish());
  co_return payload;
}

Task<Result<kernel::Reply>> DialectCalls::execute(net::Request& request, Kind kind, Running& running) {
  ACLOUD_CO_TRY(const kernel::Caller caller, co_await parts_.path.identify(presented_key(request.headers)));
  ACLOUD_CO_TRY(const kernel::Payload payload, co_await payload_of(request, kind));
  const auto model = payload.outline.string("model");
  if (!model) {
    co_return fail(ErrorCode::invalid_argument,
                   "model: must be the name of a model; GET /v1/models lists them");
  }
  kernel::Call call{.request_id = running.request_id, .operation = std::string(kind.operation)};
  call.arguments["model"] = *model;
  call.trace.context = telemetry::trace_of(request.headers);
  call.payload = &payload;
  call.stream = &running.out;
  auto reply = co_await parts_.path.execute(caller, call, running.gate);
  // Also an error may have cost something.
  const auto durable = co_await running.gate.wait();
  if (reply && !durable) co_return std::unexpected(durable.error());
  co_return reply;
}

Task<net::Response> DialectCalls::run(net::Request& request, Kind kind, const DialectStyle& style) {
  const std::string request_id = new_request_id();
  Running running{request_id, Out(*request.responder, style, request_id), {}};
  Out& out = running.out;
  auto reply = co_await execute(request, kind, running);
  if (!reply) {
    net::Response refused = refuse(reply.error(), style, request_id, kind.operation);
    // A body of known form that breaks off in the middle is left broken, so that it is not taken for whole.
    if (out.begun() && out.is_events()) {
      (void)co_await out.finish(style.stream_error(reply.error(), request_id));
    }
    co_return refused;
  }
  std::string bytes;
  if (reply->bytes) bytes = reply->bytes->bytes();
  if (out.begun()) {
    (void)co_await out.finish(bytes);
    co_return net::Response();
  }
  net::Response response{.status = 200, .headers = std::move(reply->headers)};
  style.stamp(response.headers, request_id);
  response.body = net::Body(std::move(bytes));
  co_return response;
}

net::Response DialectCalls::refuse(const Error& error, const DialectStyle& style,
                                   const std::string& request_id, std::string_view operation) const {
  net::Response response = style.error(error, request_id);
  style.stamp(response.headers, request_id);
  if (error.retry_after()) {
    const auto ms = *error.retry_after();
    response.headers.set("retry-after", std::to_string(std::chrono::ceil<std::chrono::seconds>(ms).count()));
    response.headers.set("retry-after-ms", std::to_string(ms.count()));
  }
  put_limit(error, response.headers);
  const bool ours = response.status >= 500 && error.code() != ErrorCode::cancelled;
  if (ours || log::enabled(log::Level::debug)) {
    log::write(ours ? log::Level::error : log::Level::debug, "request",
               {{"request_id", request_id},
                {"operation", operation},
                {"status", response.status},
                {"error", error.message()}});
  }
  return response;
}

Task<Result<Json>> DialectCalls::call(net::Request& request, std::string operation, Json arguments) {
  ACLOUD_CO_TRY(const kernel::Caller caller, co_await identify(request));
  ACLOUD_CO_TRY(const kernel::Reply reply,
                co_await make(caller, {.request_id = new_request_id(),
                                       .operation = std::move(operation),
                                       .arguments = std::move(arguments),
                                       .trace = telemetry::trace_of(request.headers)}));
  co_return parse_json(reply.json);
}

Task<Result<kernel::Caller>> DialectCalls::identify(const net::Request& request) {
  co_return co_await parts_.path.identify(presented_key(request.headers));
}

Task<Result<kernel::Reply>> DialectCalls::make(const kernel::Caller& caller, Made made) {
  kernel::Call call{.request_id = std::move(made.request_id), .operation = std::move(made.operation)};
  call.arguments = std::move(made.arguments);
  call.body = made.body;
  call.wants_bytes = made.wants_bytes;
  call.idempotency_key = std::move(made.idempotency_key);
  call.trace.context = std::move(made.trace);
  kernel::Gate gate;
  ACLOUD_CO_TRY(kernel::Reply reply, co_await parts_.path.execute(caller, call, gate));
  ACLOUD_CO_CHECK(co_await gate.wait());
  co_return reply;
}

net::ReplayBody::Options DialectCalls::keeping(std::uint64_t most) const {
  return {.at_most = most, .folder = parts_.folder, .files = &parts_.files};
}

Task<Result<net::ReplayBody>> DialectCalls::keep(net::Body& body, std::uint64_t most) {
  return net::ReplayBody::take(body, keeping(most), [](std::string_view) { return Result<>(); });
}

}  // namespace acloud::surfaces
