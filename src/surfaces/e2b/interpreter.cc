// The code interpreter's service: code in contexts, its outcome as lines of JSON.
#include "surfaces/e2b/e2b.h"
#include "surfaces/e2b/shapes.h"

namespace acloud::surfaces::e2b {
namespace {

// Media types as the client calls them; others go under their own name.
std::string short_name(const std::string& type) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 10> kNames{
      {{"text/plain", "text"},
       {"text/html", "html"},
       {"text/markdown", "markdown"},
       {"image/svg+xml", "svg"},
       {"image/png", "png"},
       {"image/jpeg", "jpeg"},
       {"application/pdf", "pdf"},
       {"text/latex", "latex"},
       {"application/json", "json"},
       {"application/javascript", "javascript"}}};
  for (const auto& [long_name, name] : kNames) {
    if (long_name == type) return std::string(name);
  }
  return type;
}

Json to_line(std::string_view event, const Json& data) {
  if (event != "display") {
    Json line = data;
    line["type"] = event;
    return line;
  }
  Json line{{"type", "result"}, {"is_main_result", data.value("main", false)}};
  for (const auto& [type, form] : data["data"].items()) {
    const std::string name = short_name(type);
    const auto parsed = name == "json" ? parse_json(form.get<std::string>()) : Result<Json>(form);
    line[name] = parsed.value_or(form);
  }
  return line;
}

class Lines final : public kernel::EventSink {
 public:
  explicit Lines(net::BodyWriter& writer) : writer_(writer) {}
  Task<Result<>> emit(std::string_view event, std::string data) override {
    ACLOUD_CO_TRY(const Json json, parse_json(data));
    co_return co_await tell(to_line(event, json));
  }
  Task<Result<>> tell(const Json& line) {
    const std::string text = to_text(line) + '\n';
    co_return co_await writer_.write(text);
  }

 private:
  net::BodyWriter& writer_;
};

struct Execution {
  kernel::CallPath& path;
  kernel::Caller caller;
  kernel::Call call;
};

Task<Result<>> stream_execution(std::shared_ptr<Execution> execution, net::BodyWriter& writer) {
  Lines lines(writer);
  execution->call.events = &lines;
  kernel::Gate gate;
  auto reply = co_await execution->path.execute(execution->caller, execution->call, gate);
  if (reply) {
    if (const auto durable = co_await gate.wait(); !durable) reply = std::unexpected(durable.error());
  }
  if (!reply) {
    co_return co_await lines.tell({{"type", "error"},
                                   {"name", traits(reply.error().code()).name},
                                   {"value", reply.error().message()},
                                   {"traceback", ""}});
  }
  ACLOUD_CO_TRY(const Json done, parse_json(reply->json));
  co_return co_await lines.tell(
      {{"type", "number_of_executions"}, {"execution_count", done.value("execution_count", 0)}});
}

Json to_context(const Json& context) {
  return {{"id", context.value("context", "")},
          {"language", context.value("language", "")},
          {"cwd", context.value("cwd", "")}};
}

// The client's names for the languages that have two.
std::string language_of(const std::string& name) {
  if (name == "js") return "javascript";
  return name == "sh" ? "bash" : name;
}

}  // namespace

Task<Result<net::Response>> E2b::interpreter(Asked& asked) {
  if (asked.path == "/health") co_return co_await health(asked);
  if (asked.path == "/execute" && asked.request.method == "POST") co_return co_await execute(asked);
  if (asked.path == "/contexts" || asked.path.starts_with("/contexts/")) co_return co_await contexts(asked);
  co_return fail(ErrorCode::not_found, "nothing is at {} {}", asked.request.method, asked.path);
}

Task<Result<net::Response>> E2b::execute(Asked& asked) {
  ACLOUD_CO_TRY(const std::string text, co_await asked.request.body.read_all(kJsonBytes));
  ACLOUD_CO_TRY(const Json body, parse_json(text));
  ACLOUD_CO_TRY(const std::string context, text_member(body, "context_id"));
  ACLOUD_CO_TRY(const std::string language, text_member(body, "language"));
  Json arguments{{"id", asked.sandbox}};
  if (body.contains("code")) arguments["code"] = body["code"];
  if (!context.empty()) arguments["context"] = context;
  if (!language.empty()) arguments["language"] = language_of(language);
  if (body.contains("env_vars") && !body["env_vars"].is_null()) arguments["env"] = body["env_vars"];
  // A stream has no status to say so later.
  ACLOUD_CO_CHECK(co_await call(asked, "sandbox.get", {{"id", asked.sandbox}}));
  auto execution = std::make_shared<Execution>(  // kept by the response
      path_, asked.caller, new_call(asked, "sandbox.run_code", std::move(arguments)));
  net::Response response;
  response.headers.add("content-type", "application/x-ndjson");
  response.produce = [execution](net::BodyWriter& writer) { return stream_execution(execution, writer); };
  co_return response;
}

Task<Result<net::Response>> E2b::contexts(Asked& asked) {
  const std::string& method = asked.request.method;
  std::string_view rest = std::string_view(asked.path).substr(std::string_view("/contexts").size());
  if (rest.empty() && method == "GET") {
    ACLOUD_CO_TRY(const Json list, co_await call(asked, "sandbox.list_contexts", {{"id", asked.sandbox}}));
    Json items = Json::array();
    for (const Json& context : list["items"]) items.push_back(to_context(context));
    co_return json_response(200, items);
  }
  if (rest.empty() && method == "POST") {
    ACLOUD_CO_TRY(const std::string text, co_await asked.request.body.read_all(kJsonBytes));
    ACLOUD_CO_TRY(const Json body, parse_json(text));
    ACLOUD_CO_TRY(const std::string language, text_member(body, "language", "python"));
    ACLOUD_CO_TRY(const std::string cwd, text_member(body, "cwd", "/root"));
    ACLOUD_CO_TRY(const Json made,
                  co_await call(asked, "sandbox.create_context",
                                {{"id", asked.sandbox}, {"language", language_of(language)}, {"cwd", cwd}}));
    co_return json_response(201, to_context(made));
  }
  if (rest.size() > 1) {
    rest.remove_prefix(1);
    const std::size_t slash = rest.find('/');
    const Json named{{"id", asked.sandbox}, {"context", std::string(rest.substr(0, slash))}};
    if (slash == std::string_view::npos && method == "DELETE") {
      ACLOUD_CO_CHECK(co_await call(asked, "sandbox.remove_context", named));
      co_return net::Response{.status = 204};
    }
    if (slash != std::string_view::npos && rest.substr(slash) == "/restart" && method == "POST") {
      ACLOUD_CO_CHECK(co_await call(asked, "sandbox.restart_context", named));
      co_return net::Response{.status = 204};
    }
  }
  co_return fail(ErrorCode::not_found, "nothing is at {} {}", method, asked.path);
}

}  // namespace acloud::surfaces::e2b
