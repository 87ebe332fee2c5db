#include "surfaces/ports/ports.h"

#include <charconv>

#include "net/exchange_over.h"
#include "net/text.h"
#include "surfaces/rest/rest.h"

namespace acloud::surfaces {
namespace {

constexpr std::string_view kSandboxHeader = "e2b-sandbox-id";
constexpr std::string_view kPortHeader = "e2b-sandbox-port";
constexpr std::string_view kServices[] = {"49983", "49999"};  // of E2B, which no port of the sandbox serves
constexpr std::chrono::minutes kWait{10};

// Where a key may be; the first that is there counts. Authorization is the program's own where another has
// it.
constexpr const char* kKeyHeaders[] = {"x-access-token", "e2b-traffic-access-token", "x-api-key"};

// The connection in a reply.
class Connection final : public net::ByteStream {
 public:
  Connection(net::Body body, net::ByteStream& stream) : body_(std::move(body)), stream_(stream) {}
  Task<Result<std::string>> read() override { return stream_.read(); }
  Task<Result<>> write(std::string_view bytes) override { return stream_.write(bytes); }
  Task<Result<>> shutdown() override { return stream_.shutdown(); }
  void close() override { stream_.close(); }

 private:
  net::Body body_;  // owns what follows
  net::ByteStream& stream_;
};

bool is_number(std::string_view text) {
  return !text.empty() && text.size() <= 5 &&
         std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

std::string take_key(net::Headers& headers) {
  std::string key;
  for (const char* name : kKeyHeaders) {
    if (key.empty()) key = headers.value(name);
    headers.remove(name);
  }
  if (!key.empty()) return key;
  constexpr std::string_view kBearer = "bearer ";
  const std::string authorization(headers.value("authorization"));
  if (authorization.size() > kBearer.size() &&
      net::same_token(std::string_view(authorization).substr(0, kBearer.size()), kBearer)) {
    headers.remove("authorization");
    return std::string(net::trim(std::string_view(authorization).substr(kBearer.size())));
  }
  return {};
}

// Speak of the connection to this server (RFC 9110, section 7.6.1). An upgrade is asked for anew.
void drop_connection_fields(net::Headers& headers) {
  const std::string upgrade(headers.value("upgrade"));
  std::vector<std::string> dropped{"connection", "keep-alive", "proxy-connection",  "te",
                                   "trailer",    "upgrade",    "transfer-encoding", "expect"};
  for (const auto& [name, value] : headers) {
    if (headers.has_token("connection", name)) dropped.push_back(name);
  }
  for (const std::string& name : dropped) headers.remove(name);
  if (upgrade.empty()) return;
  headers.add("connection", "upgrade");
  headers.add("upgrade", upgrade);
}

}  // namespace

void Ports::read_host(net::Request& request) {
  if (request.headers.get(kSandboxHeader)) return;
  const std::string_view host = request.headers.value("host");
  const auto dash = host.find('-');
  const auto dot = host.find('.');
  if (dash == host.npos || dot == host.npos || dot < dash || !is_number(host.substr(0, dash))) return;
  const std::string_view id = host.substr(dash + 1, dot - dash - 1);
  if (!id.starts_with("sbx_")) return;
  std::string port(host.substr(0, dash));
  std::string sandbox(id);
  request.headers.set(std::string(kSandboxHeader), std::move(sandbox));
  request.headers.set(std::string(kPortHeader), std::move(port));
}

std::optional<Ports::Asked> Ports::parse(const net::Request& request) {
  if (const auto sandbox = request.headers.get(kSandboxHeader)) {
    const std::string_view port = request.headers.value(kPortHeader);
    if (!is_number(port) || std::ranges::find(kServices, port) != std::end(kServices)) return std::nullopt;
    return Asked{std::string(*sandbox), std::string(port), request.target, ""};
  }
  // /sandboxes/{id}/ports/{port}[/PATH]
  constexpr std::string_view kRoot = "/sandboxes/";
  constexpr std::string_view kPorts = "/ports/";
  std::string_view target = request.target;
  if (!target.starts_with(kRoot)) return std::nullopt;
  const auto id_end = target.find('/', kRoot.size());
  if (id_end == target.npos || !target.substr(id_end).starts_with(kPorts)) return std::nullopt;
  const auto port_begin = id_end + kPorts.size();
  const auto port_end = std::min(target.find_first_of("/?", port_begin), target.size());
  Asked asked{std::string(target.substr(kRoot.size(), id_end - kRoot.size())),
              std::string(target.substr(port_begin, port_end - port_begin)),
              std::string(target.substr(port_end)), std::string(target.substr(0, port_end))};
  if (!asked.target.starts_with('/')) asked.target.insert(0, "/");
  return asked;
}

bool Ports::takes(const net::Request& request) { return parse(request).has_value(); }

Task<net::Response> Ports::handle(net::Request& request) {
  const std::string request_id = "req_" + random_.hex(10);
  const auto asked = parse(request);
  Result<net::Response> response = fail(ErrorCode::not_found, "no port is named");
  if (asked) response = co_await pass(request, *asked, request_id);
  if (!response) {
    net::Response refused = to_response(response.error(), request_id);
    if (response.error().code() == ErrorCode::unavailable) refused.status = 502;
    co_return refused;
  }
  if (asked->prefix.empty()) co_return *std::move(response);
  // At this server's own address: a page of it must not speak for those that the server's own pages are for.
  for (const char* name : {"set-cookie", "service-worker-allowed", "content-security-policy"})
    response->headers.remove(name);
  response->headers.add("content-security-policy", "sandbox allow-scripts allow-forms allow-popups");
  co_return *std::move(response);
}

Task<Result<net::Response>> Ports::pass(net::Request& request, const Asked& asked,
                                        const std::string& request_id) {
  ACLOUD_CO_TRY(const kernel::Caller caller, co_await path_.identify(take_key(request.headers)));
  if (!is_number(asked.port))
    co_return fail(ErrorCode::invalid_argument, "\"{}\" is no number of a port", asked.port.substr(0, 20));
  kernel::Call call{.request_id = request_id, .operation = "sandbox.connect_port"};
  call.arguments = {{"id", asked.sandbox}, {"port", std::stoi(asked.port)}};
  call.wants_bytes = true;
  kernel::Gate gate;
  ACLOUD_CO_TRY(kernel::Reply reply, co_await path_.execute(caller, call, gate));
  ACLOUD_CO_CHECK(co_await gate.wait());
  auto* both = reply.bytes ? dynamic_cast<net::ByteStream*>(reply.bytes->stream()) : nullptr;
  if (both == nullptr) co_return fail(ErrorCode::internal, "sandbox.connect_port gave no connection");
  auto connection = std::make_unique<Connection>(*std::move(reply.bytes), *both);

  net::Headers& headers = request.headers;
  headers.remove(kSandboxHeader);
  headers.remove(kPortHeader);
  drop_connection_fields(headers);
  if (!asked.prefix.empty()) {
    headers.remove("cookie");
    headers.set("x-forwarded-prefix", asked.prefix);
  }
  headers.set("x-forwarded-host", std::string(headers.value("host")));
  headers.set("host", "localhost:" + asked.port);
  request.target = asked.target;
  co_return co_await net::exchange_over(std::move(connection), request, kWait);
}

}  // namespace acloud::surfaces
