#include "surfaces/rest/rest.h"

#include "base/encoding.h"
#include "base/log.h"
#include "net/sse.h"
#include "surfaces/presented_key.h"
#include "surfaces/rest/openapi.h"

namespace acloud::surfaces {
namespace {

constexpr std::string_view kJson = "application/json";
constexpr std::string_view kBytes = "application/octet-stream";
constexpr std::string_view kEvents = "text/event-stream";

bool accepts(const net::Headers& headers, std::string_view type) {
  return headers.value("accept").find(type) != std::string_view::npos;
}

// The media type without its parameters, in lower case.
std::string media_type(const net::Headers& headers) {
  std::string type(headers.value("content-type"));
  type.resize(std::min(type.find(';'), type.size()));
  while (!type.empty() && type.back() == ' ') type.pop_back();
  std::ranges::transform(type, type.begin(), [](unsigned char c) { return std::tolower(c); });
  return type;
}

std::string error_json(const Error& error, const std::string& request_id) {
  std::string json = R"({"error":{"code":)";
  append_json_string(json, traits(error.code()).name);
  json += R"(,"message":)";
  append_json_string(json, error.message());
  json += R"(,"details":)" + to_text(error.details()) + R"(,"request_id":)";
  append_json_string(json, request_id);
  return json + "}}";
}

net::Response text_response(int status, std::string_view type, std::string body) {
  net::Response response{.status = status};
  response.headers.add("content-type", std::string(type));
  response.body = std::move(body);
  return response;
}

// A streaming call: what it owns must live as long as the response is written.
struct Streaming {
  kernel::CallPath& path;
  kernel::Caller caller;
  kernel::Call call;
};

class SseSink final : public kernel::EventSink {
 public:
  explicit SseSink(net::BodyWriter& writer) : writer_(writer) {}
  Task<Result<>> emit(std::string_view event, std::string data) override {
    const std::string bytes = net::to_sse({.event = std::string(event), .data = std::move(data), .id = {}});
    co_return co_await writer_.write(bytes);
  }

 private:
  net::BodyWriter& writer_;
};

Task<Result<>> run_streaming(std::shared_ptr<Streaming> streaming, net::BodyWriter& writer) {
  SseSink sink(writer);
  streaming->call.events = &sink;
  kernel::Gate gate;
  auto reply = co_await streaming->path.execute(streaming->caller, streaming->call, gate);
  if (reply) {
    if (const auto durable = co_await gate.wait(); !durable) reply = std::unexpected(durable.error());
  }
  if (!reply) {
    co_return co_await sink.emit("error", error_json(reply.error(), streaming->call.request_id));
  }
  co_return co_await sink.emit("result", std::move(reply->json));
}

}  // namespace

net::Response to_response(const Error& error, const std::string& request_id) {
  const std::string id = request_id.empty() ? "req_" + SystemRandom().hex(10) : request_id;
  net::Response response = text_response(traits(error.code()).http_status, kJson, error_json(error, id));
  response.headers.add("x-request-id", id);
  if (error.retry_after()) {
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(*error.retry_after());
    response.headers.add("retry-after", std::to_string(seconds.count()));
  }
  if (error.code() == ErrorCode::unauthenticated) response.headers.add("www-authenticate", "Bearer");
  return response;
}

net::Response wrong_method(const net::Request& request, const std::string& allowed) {
  net::Response response = to_response(
      Error(ErrorCode::invalid_argument,
            fmt::format("{} is not what {} takes; use {}", to_valid_utf8(request.method.substr(0, 32)),
                        to_valid_utf8(request.path().substr(0, 256)), allowed)),
      "");
  response.status = 405;
  response.headers.add("allow", allowed);
  return response;
}

Rest::Rest(kernel::CallPath& path, Metrics& metrics, Clock& clock, Random& random, std::string_view version)
    : path_(path), metrics_(metrics), clock_(clock), random_(random), version_(version) {}

std::shared_ptr<const Rest::Documents> Rest::documents() {
  const auto of = [](const OrderedJson& json) {
    std::string text = json.dump();
    std::string etag = '"' + to_hex(sha256(text)) + '"';
    return Document{std::move(text), std::move(etag)};
  };
  const kernel::Catalog& catalog = path_.catalog();
  const std::uint64_t version = catalog.version();
  const std::scoped_lock lock(mutex_);
  if (documents_ == nullptr || documents_->version != version) {
    documents_ = std::make_shared<const Documents>(
        Documents{version, of(catalog.describe(version_)), of(openapi(catalog, version_))});
  }
  return documents_;
}

net::Response Rest::answer(const net::Request& request, const Document& document) {
  net::Response response{.status = 200};
  response.headers.add("etag", document.etag);
  if (request.headers.value("if-none-match") == document.etag) {
    response.status = 304;
    return response;
  }
  response.headers.add("content-type", std::string(kJson));
  response.body = document.text;
  return response;
}

Task<net::Response> Rest::handle(net::Request& request) {
  net::Response response = co_await route(request);
  if (!response.headers.get("x-request-id")) response.headers.add("x-request-id", "req_" + random_.hex(10));
  co_return response;
}

Task<net::Response> Rest::route(net::Request& request) {
  const std::string_view path = request.path();
  constexpr std::string_view kApi = "/api/";
  if (path.starts_with(kApi)) {
    if (request.method != "POST") co_return wrong_method(request, "POST");
    std::string operation(path.substr(kApi.size()));
    std::ranges::replace(operation, '/', '.');
    co_return co_await call(request, std::move(operation));
  }
  const bool known = path == "/api" || path == "/openapi.json" || path == "/healthz" || path == "/readyz" ||
                     path == "/metrics";
  if (!known) {
    co_return to_response(
        Error(ErrorCode::not_found, fmt::format("nothing is at {}; GET /api lists the operations",
                                                to_valid_utf8(path.substr(0, 256)))),
        "");
  }
  if (request.method != "GET" && request.method != "HEAD") co_return wrong_method(request, "GET");
  if (path == "/api") co_return answer(request, documents()->catalog);
  if (path == "/openapi.json") co_return answer(request, documents()->openapi);
  if (path == "/metrics") co_return text_response(200, "text/plain; version=0.0.4", metrics_.render());
  if (path == "/readyz" && draining_) co_return text_response(503, "text/plain", "draining\n");
  co_return text_response(200, "text/plain", "ok\n");
}

Task<net::Response> Rest::call(net::Request& request, std::string operation) {
  const std::string request_id = "req_" + random_.hex(10);
  const Instant began = clock_.instant();
  auto response = co_await try_call(request, operation, request_id);
  const std::string problem = response ? "" : response.error().message();
  net::Response answer = response ? *std::move(response) : to_response(response.error(), request_id);
  answer.headers.set("x-request-id", request_id);
  if (log::enabled(log::Level::debug) || answer.status >= 500) {
    log::write(
        answer.status >= 500 ? log::Level::error : log::Level::debug, "request",
        {{"request_id", request_id},
         {"operation", operation},
         {"status", answer.status},
         {"took_us", std::chrono::duration_cast<std::chrono::microseconds>(clock_.instant() - began).count()},
         {"peer", request.peer},
         {"error", problem}});
  }
  co_return answer;
}

Task<Result<net::Response>> Rest::try_call(net::Request& request, std::string operation,
                                           std::string request_id) {
  ACLOUD_CO_TRY(kernel::Caller caller,
                co_await path_.identify_for(operation, presented_key(request.headers), request.peer));
  ACLOUD_CO_TRY(const std::shared_ptr<const kernel::Operation> declared, path_.catalog().find(operation));
  kernel::Call call{.request_id = std::move(request_id), .operation = std::move(operation)};
  call.idempotency_key = request.headers.value("idempotency-key");
  call.trace.context = telemetry::trace_of(request.headers);
  call.dry_run = request.headers.has_token("prefer", "dry-run");
  call.wants_bytes = !declared->body_out.empty() && accepts(request.headers, kBytes);
  if (const auto timeout = request.headers.get("acloud-timeout-s")) {
    const Json value = json_from_text({{"type", "number"}}, *timeout);
    if (!value.is_number() || !(value.get<double>() > 0) || value.get<double>() > 86'400) {
      co_return fail(ErrorCode::invalid_argument,
                     "acloud-timeout-s: {} is not a number of seconds up to 86400",
                     to_valid_utf8(timeout->substr(0, 40)));
    }
    call.deadline =
        async::Deadline::after(std::chrono::milliseconds(std::llround(value.get<double>() * 1000)));
  }
  ACLOUD_CO_CHECK(co_await fill_arguments(request, *declared, call));
  if (declared->streams && accepts(request.headers, kEvents))
    co_return stream(std::move(caller), std::move(call));

  kernel::Gate gate;
  ACLOUD_CO_TRY(kernel::Reply reply, co_await path_.execute(caller, call, gate));
  ACLOUD_CO_CHECK(co_await gate.wait());
  net::Response response;
  if (reply.bytes) {
    response.headers = std::move(reply.headers);
    response.body = *std::move(reply.bytes);
  } else {
    response.headers.add("content-type", std::string(kJson));
    response.body = std::move(reply.json);
  }
  if (reply.replayed) response.headers.add("idempotency-replayed", "true");
  co_return response;
}

Task<Result<>> Rest::fill_arguments(net::Request& request, const kernel::Operation& operation,
                                    kernel::Call& call) {
  std::string type = media_type(request.headers);
  // What `curl -d` sends when nobody told it better: JSON all the same.
  if (type == "application/x-www-form-urlencoded") type = kJson;
  if (type.empty() || type == kJson || operation.body_in.empty()) {
    if (!type.empty() && type != kJson) {
      co_return fail(ErrorCode::invalid_argument, "content-type: {} is not application/json",
                     to_valid_utf8(type));
    }
    ACLOUD_CO_TRY(const std::string text, co_await request.body.read_all(kJsonBytes));
    if (text.empty()) co_return Result<>();
    ACLOUD_CO_TRY(call.arguments, parse_json(text));
    co_return Result<>();
  }
  ACLOUD_CO_TRY(const auto query, net::parse_query(request.query()));
  const OrderedJson& properties = operation.request()["properties"];
  for (const auto& [name, value] : query) {
    if (call.arguments.contains(name))
      co_return fail(ErrorCode::invalid_argument, "{}: given twice", to_valid_utf8(name));
    const auto known = properties.find(name);
    call.arguments[name] =
        known == properties.end() ? Json(to_valid_utf8(value)) : json_from_text(*known, value);
  }
  // What the body is says its own header, unless the query says otherwise.
  if (properties.contains("content_type") && !call.arguments.contains("content_type") && type != kBytes) {
    call.arguments["content_type"] = std::string(request.headers.value("content-type"));
  }
  call.body = &request.body;
  co_return Result<>();
}

net::Response Rest::stream(kernel::Caller caller, kernel::Call call) {
  net::Response response;
  response.headers.add("content-type", std::string(kEvents));
  response.headers.add("cache-control", "no-store");
  auto streaming =
      std::make_shared<Streaming>(path_, std::move(caller), std::move(call));  // kept by the response
  response.produce = [streaming](net::BodyWriter& writer) { return run_streaming(streaming, writer); };
  return response;
}

}  // namespace acloud::surfaces
