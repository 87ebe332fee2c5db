#include "mcp/session.h"

#include <set>

namespace acloud::mcp {
namespace {

constexpr std::chrono::seconds kProbe{10};  // for a server that does not answer what it does not know
constexpr std::size_t kPages = 200;
constexpr std::size_t kCursorBytes = 4096;
constexpr std::size_t kTextBytes = 4096;  // of what a server says in an error

constexpr std::array<std::string_view, 4> kOlder{kSessions, kSessionsBefore, "2025-03-26", "2024-11-05"};

std::string text_of(const Json& object, const char* name, std::size_t bytes) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_string()) return "";
  return plain_text(found->get_ref<const std::string&>(), bytes);
}

std::string server_name(const Json& info) {
  if (!info.is_object()) return "";
  std::string name = text_of(info, "name", 100);
  if (const std::string version = text_of(info, "version", 50); !version.empty()) name += " " + version;
  return name;
}

bool lists_change(const Json& result) {
  const auto capabilities = result.find("capabilities");
  if (capabilities == result.end() || !capabilities->is_object()) return false;
  const auto tools = capabilities->find("tools");
  return tools != capabilities->end() && tools->is_object() &&
         tools->value("listChanged", Json()) == Json(true);
}

// An error of the protocol, as the house says it.
Error error_of(const Json& error) {
  const Json code = error.value("code", Json());
  const std::string text = text_of(error, "message", kTextBytes);
  if (code == static_cast<int>(Code::invalid_params)) return Error(ErrorCode::invalid_argument, text);
  if (code == static_cast<int>(Code::method_not_found)) return Error(ErrorCode::not_found, text);
  return Error(ErrorCode::unavailable,
               fmt::format("it answers error {}: {}", to_text(code).substr(0, 20), text));
}

// The texts of a content list, one a line.
std::string texts_of(const Json& content) {
  std::string text;
  for (const Json& block : content) {
    if (!block.is_object() || block.value("type", Json()) != "text") continue;
    if (!text.empty()) text += '\n';
    text += text_of(block, "text", kTextBytes);
    if (text.size() >= kTextBytes) break;
  }
  return plain_text(text, kTextBytes);
}

// Errors: as Session::call.
Result<std::string> reply_of(const Tool& tool, const Json& result) {
  const auto kind = result.find("resultType");
  if (kind != result.end() && *kind != "complete") {
    return fail(ErrorCode::unavailable,
                "it answers with resultType {}, which this client has no use for: it "
                "gives a tool neither input nor a task",
                plain_text(to_text(*kind), 40));
  }
  const Json content = result.value("content", Json::array());
  if (!content.is_array()) return fail(ErrorCode::unavailable, "its result's content is no list");
  if (const auto failed = result.find("isError"); failed != result.end() && *failed == true) {
    const std::string text = texts_of(content);
    return fail(ErrorCode::invalid_argument, "{}",
                text.empty() ? "the tool failed and does not say why" : text);
  }
  std::string reply = R"({"content":)" + to_text(content);
  if (const auto structure = result.find("structuredContent"); structure != result.end()) {
    reply += R"(,"structuredContent":)" + to_text(*structure);
  } else if (!tool.reply.is_null()) {
    return fail(ErrorCode::unavailable,
                "its result lacks the structuredContent that its outputSchema promises");
  }
  return reply + "}";
}

}  // namespace

std::string Session::params_with_meta(std::string params) const {
  if (!stateless_) return params;
  params.pop_back();
  if (params.size() > 1) params += ',';
  return params + fmt::format(R"("_meta":{{"io.modelcontextprotocol/protocolVersion":"{}",)"
                              R"("io.modelcontextprotocol/clientInfo":{},)"
                              R"("io.modelcontextprotocol/clientCapabilities":{{}}}}}})",
                              kStateless, client_);
}

Task<Result<Json>> Session::result_of(std::string method, std::string params, const Tool* tool) {
  Request request{.method = std::move(method), .params = params_with_meta(std::move(params))};
  if (tool != nullptr) request.name = tool->name;
  ACLOUD_CO_TRY(Message message, co_await transport_.request(std::move(request)));
  if (!message.error.is_null()) co_return std::unexpected(error_of(message.error));
  co_return std::move(message.result);
}

Task<Result<Session::Hello>> Session::begin(bool older_first) {
  if (!older_first) {
    auto hello = co_await async::with_deadline(async::Deadline::after(kProbe), "server/discover", discover());
    if (hello) co_return hello;
    const int status = hello.error().details().value("status", 0);
    if (hello.error().code() == ErrorCode::cancelled || status == 401 || status == 403) co_return hello;
  }
  co_return co_await initialize();
}

Task<Result<Session::Hello>> Session::discover() {
  stateless_ = true;
  transport_.speak(kStateless);
  const auto result = co_await result_of("server/discover", "{}", nullptr);
  if (!result) co_return std::unexpected(result.error());
  const Json versions = result->value("supportedVersions", Json::array());
  if (!versions.is_array() || std::ranges::find(versions, Json(kStateless)) == versions.end())
    co_return fail(ErrorCode::unavailable, "it does not speak {}", kStateless);
  const Json meta = result->value("_meta", Json::object());
  Json info = result->value("serverInfo", Json());
  if (info.is_null() && meta.is_object()) info = meta.value("io.modelcontextprotocol/serverInfo", Json());
  co_return Hello{
      .version = std::string(kStateless), .server = server_name(info), .lists_change = lists_change(*result)};
}

Task<Result<Session::Hello>> Session::initialize() {
  stateless_ = false;
  transport_.speak("");
  auto result = co_await result_of(
      "initialize",
      fmt::format(R"({{"protocolVersion":"{}","capabilities":{{}},"clientInfo":{}}})", kSessions, client_),
      nullptr);
  if (!result) co_return std::unexpected(std::move(result).error().within("initialize"));
  const std::string version = text_of(*result, "protocolVersion", 40);
  if (std::ranges::find(kOlder, version) == kOlder.end()) {
    co_return fail(ErrorCode::unavailable, "it speaks revision \"{}\", which is none of {}, {}", version,
                   kStateless, fmt::join(kOlder, ", "));
  }
  // Over HTTP the header is of 2025-06-18 and later.
  if (version >= kSessionsBefore) transport_.speak(version);
  ACLOUD_CO_CHECK(co_await transport_.notify("notifications/initialized", "{}"));
  co_return Hello{.version = version,
                  .server = server_name(result->value("serverInfo", Json())),
                  .lists_change = lists_change(*result)};
}

Task<Result<>> Session::list(ToolList& tools) {
  std::set<std::string> cursors;
  std::string params = "{}";
  for (std::size_t page = 0; page < kPages; ++page) {
    auto result = co_await result_of("tools/list", params, nullptr);
    if (!result) co_return std::unexpected(std::move(result).error().within("tools/list"));
    ACLOUD_CO_CHECK(tools.add(*result));
    const auto cursor = result->find("nextCursor");
    if (cursor == result->end() || cursor->is_null()) co_return Result<>();
    if (!cursor->is_string() || cursor->get_ref<const std::string&>().size() > kCursorBytes ||
        !cursors.insert(cursor->get<std::string>()).second) {
      co_return fail(ErrorCode::unavailable, "tools/list: its nextCursor is malformed or comes again");
    }
    params = Json{{"cursor", *cursor}}.dump();
  }
  co_return fail(ErrorCode::unavailable, "tools/list: it has more than {} pages", kPages);
}

Task<Result<std::string>> Session::call(const Tool& tool, Json arguments) {
  Request request{.method = "tools/call", .params = "{}", .name = tool.name};
  for (const auto& [header, argument] : tool.headers) {
    const auto given = arguments.find(argument);
    if (given == arguments.end() || given->is_null()) continue;
    request.arguments.emplace_back(header, given->is_string() ? given->get<std::string>() : to_text(*given));
  }
  std::string params = R"({"name":)";
  append_json_string(params, tool.name);
  params += R"(,"arguments":)" + to_text(arguments) + "}";
  request.params = params_with_meta(std::move(params));
  ACLOUD_CO_TRY(const Message message, co_await transport_.request(std::move(request)));
  if (!message.error.is_null()) co_return std::unexpected(error_of(message.error));
  co_return reply_of(tool, message.result);
}

Task<Result<>> Session::ping() {
  const auto result = co_await result_of(stateless_ ? "server/discover" : "ping", "{}", nullptr);
  // An error is a sign of life too.
  if (!result && result.error().code() == ErrorCode::unavailable) co_return std::unexpected(result.error());
  if (!result && result.error().code() == ErrorCode::cancelled) co_return std::unexpected(result.error());
  co_return Result<>();
}

Request Session::listening() const {
  if (!stateless_) return {};
  return {.method = "subscriptions/listen",
          .params = params_with_meta(R"({"notifications":{"toolsListChanged":true}})")};
}

}  // namespace acloud::mcp
