#include "surfaces/mcp/revision.h"

#include <array>

namespace acloud::surfaces::mcp {
namespace {

constexpr std::string_view kVersionKey = "io.modelcontextprotocol/protocolVersion";
constexpr std::string_view kCapabilitiesKey = "io.modelcontextprotocol/clientCapabilities";
constexpr std::string_view kLogLevelKey = "io.modelcontextprotocol/logLevel";
constexpr std::int64_t kFreshForMs = 60'000;

constexpr std::array<std::string_view, 8> kInBoth{
    "tools/list",     "tools/call",   "resources/list", "resources/templates/list",
    "resources/read", "prompts/list", "prompts/get",    "completion/complete"};
constexpr std::array<std::string_view, 8> kStatelessAlone{
    "server/discover", "subscriptions/listen", "tasks/get",  "tasks/update",
    "tasks/cancel",    "skills/list",          "skills/get", "resources/directory/read"};
constexpr std::array<std::string_view, 5> kSessionsAlone{"initialize", "ping", "logging/setLevel",
                                                         "resources/subscribe", "resources/unsubscribe"};

// As the extension for trace context has it; what can't be read is as if it were not there.
telemetry::TraceContext trace_in(const Json& meta) {
  net::Headers headers;
  for (const char* name : {"traceparent", "tracestate"}) {
    const auto found = meta.find(name);
    if (found != meta.end() && found->is_string()) headers.add(name, found->get<std::string>());
  }
  return telemetry::trace_of(headers);
}

}  // namespace

std::optional<LogLevel> log_level(std::string_view name) {
  for (const auto& [level, known] : enum_names(LogLevel())) {
    if (known == name) return level;
  }
  return std::nullopt;
}

std::string_view name_of(LogLevel level) { return schema::Codec<LogLevel>::name(level); }

bool Client::has_extension(std::string_view name) const {
  const auto extensions = capabilities.find("extensions");
  return extensions != capabilities.end() && extensions->is_object() && extensions->contains(name);
}

Rpc<Client> read_client(const Json& params) {
  Client client;
  const auto meta = params.find("_meta");
  if (meta == params.end() || !meta->is_object())
    return refuse(Code::invalid_params, "params._meta: must be there, with {} and {}", kVersionKey,
                  kCapabilitiesKey);
  const auto version = meta->find(kVersionKey);
  if (version == meta->end() || !version->is_string())
    return refuse(Code::invalid_params, "params._meta.{}: must be there, as text", kVersionKey);
  const auto capabilities = meta->find(kCapabilitiesKey);
  if (capabilities == meta->end() || !capabilities->is_object())
    return refuse(Code::invalid_params, "params._meta.{}: must be there, as an object", kCapabilitiesKey);
  client.capabilities = *capabilities;
  if (const auto level = meta->find(kLogLevelKey); level != meta->end()) {
    client.log_level = level->is_string() ? log_level(level->get_ref<const std::string&>()) : std::nullopt;
    if (!client.log_level)
      return refuse(Code::invalid_params, "params._meta.{}: {} is no log level", kLogLevelKey,
                    to_text(*level));
  }
  return client;
}

Rpc<> read_request(const Json& params, Client& client) {
  if (const auto meta = params.find("_meta"); meta != params.end()) {
    if (!meta->is_object()) return refuse(Code::invalid_params, "params._meta: must be an object");
    client.progress_token = meta->value("progressToken", Json());
    const Json& token = client.progress_token;
    if (!token.is_null() && !token.is_string() && !token.is_number_integer())
      return refuse(Code::invalid_params, "params._meta.progressToken: must be text or an integer");
    client.trace = trace_in(*meta);
  }
  if (client.revision != Revision::stateless) return {};
  if (const auto responses = params.find("inputResponses"); responses != params.end()) {
    if (!responses->is_object()) return refuse(Code::invalid_params, "inputResponses: must be an object");
    client.input_responses = *responses;
  }
  if (const auto state = params.find("requestState"); state != params.end()) {
    if (!state->is_string()) return refuse(Code::invalid_params, "requestState: must be text");
    client.request_state = state->get<std::string>();
  }
  return {};
}

std::string finish(Revision revision, const Answer& answer, std::string_view server) {
  std::string text = "{";
  if (revision == Revision::stateless) {
    text += R"("resultType":")";
    text += answer.kind == Answer::Kind::complete         ? "complete"
            : answer.kind == Answer::Kind::input_required ? "input_required"
                                                          : "task";
    text += "\",";
    if (answer.cacheable) {
      text += fmt::format(R"("ttlMs":{},"cacheScope":"{}",)", answer.passing ? 0 : kFreshForMs,
                          answer.shared ? "public" : "private");
    }
    text += fmt::format(R"("_meta":{{"io.modelcontextprotocol/serverInfo":{}}})", server);
    if (!answer.members.empty()) text += ',';
  }
  text += answer.members;
  return text += '}';
}

bool has_method(Revision revision, std::string_view method) {
  const auto among = [method](const auto& names) { return std::ranges::find(names, method) != names.end(); };
  return among(kInBoth) || (revision == Revision::stateless ? among(kStatelessAlone) : among(kSessionsAlone));
}

Code no_such_resource(Revision revision) {
  return revision == Revision::stateless ? Code::invalid_params : Code::resource_not_found;
}

int http_status(Revision revision, Code code) {
  switch (code) {
    case Code::parse_error:
    case Code::invalid_request:
    case Code::header_mismatch:
    case Code::missing_capability:
    case Code::unsupported_version:
      return 400;
    case Code::method_not_found:
      return revision == Revision::stateless ? 404 : 200;
    default:
      return 200;
  }
}

}  // namespace acloud::surfaces::mcp
