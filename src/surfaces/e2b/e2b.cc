#include "surfaces/e2b/e2b.h"

#include "surfaces/e2b/shapes.h"
#include "surfaces/presented_key.h"

namespace acloud::surfaces::e2b {
namespace {

constexpr std::string_view kSandboxHeader = "e2b-sandbox-id";
constexpr std::string_view kPortHeader = "e2b-sandbox-port";
constexpr std::string_view kEnvdPort = "49983";
constexpr std::string_view kInterpreterPort = "49999";

bool is_below(std::string_view path, std::string_view folder) {
  return path.starts_with(folder) && (path.size() == folder.size() || path[folder.size()] == '/');
}

// Basic says which user of the sandbox is meant, not who asks.
std::string key_of(const net::Headers& headers) {
  for (const char* name : {"x-access-token", "e2b-traffic-access-token", "x-api-key"}) {
    if (const auto key = headers.get(name)) return std::string(*key);
  }
  return presented_key(headers);
}

net::Response to_response(const Asked& asked, const Error& error) {
  const bool rpc = is_below(asked.path, "/process.Process") || is_below(asked.path, "/filesystem.Filesystem");
  if (!rpc) return error_response(error);
  const std::string_view type = asked.request.headers.value("content-type");
  return type.starts_with("application/connect+") ? connect_stream_error(error)
                                                  : connect_error_response(error);
}

}  // namespace

bool E2b::takes(const net::Request& request) {
  if (request.headers.get(kSandboxHeader)) return true;
  const std::string_view path = request.path();
  return is_below(path, "/sandboxes") || is_below(path, "/v2/sandboxes") || path == "/snapshots" ||
         is_below(path, "/templates");
}

Task<net::Response> E2b::handle(net::Request& request) {
  Asked asked{.request = request,
              .path = std::string(request.path()),
              .request_id = "req_" + random_.hex(10),
              .caller = {},
              .key = key_of(request.headers),
              .sandbox = std::string(request.headers.value(kSandboxHeader))};
  auto response = co_await route(asked);
  net::Response answer = response ? *std::move(response) : to_response(asked, response.error());
  answer.headers.set("x-request-id", asked.request_id);
  co_return answer;
}

Task<Result<net::Response>> E2b::route(Asked& asked) {
  ACLOUD_CO_TRY(asked.caller, co_await path_.identify(asked.key));
  if (asked.sandbox.empty()) co_return co_await control(asked);
  const std::string_view port = asked.request.headers.value(kPortHeader);
  if (port == kEnvdPort) co_return co_await envd(asked);
  if (port == kInterpreterPort) co_return co_await interpreter(asked);
  co_return fail(ErrorCode::not_found,
                 "{}: nothing of the sandbox is reached at port {}; there are {} and {}", kPortHeader,
                 port.substr(0, 20), kEnvdPort, kInterpreterPort);
}

kernel::Call E2b::new_call(Asked& asked, std::string operation, Json arguments) {
  // One id names one call, in the audit and in the ledger.
  std::string id = std::exchange(asked.first, false) ? asked.request_id : "req_" + random_.hex(10);
  kernel::Call call{.request_id = std::move(id), .operation = std::move(operation)};
  call.arguments = std::move(arguments);
  call.trace.context = telemetry::trace_of(asked.request.headers);
  return call;
}

Task<Result<kernel::Reply>> E2b::run(Asked& asked, kernel::Call& call) {
  kernel::Gate gate;
  ACLOUD_CO_TRY(kernel::Reply reply, co_await path_.execute(asked.caller, call, gate));
  ACLOUD_CO_CHECK(co_await gate.wait());
  co_return reply;
}

Task<Result<Json>> E2b::call(Asked& asked, std::string operation, Json arguments) {
  kernel::Call call = new_call(asked, std::move(operation), std::move(arguments));
  ACLOUD_CO_TRY(const kernel::Reply reply, co_await run(asked, call));
  co_return parse_json(reply.json);
}

}  // namespace acloud::surfaces::e2b
