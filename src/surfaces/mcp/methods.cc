#include "surfaces/mcp/methods.h"

#include <charconv>

#include "base/encoding.h"
#include "surfaces/mcp/skills.h"

namespace acloud::surfaces::mcp {
namespace {

constexpr std::size_t kTextBytes = 4096;

}  // namespace

Rpc<std::string> text_param(const Json& params, const char* name) {
  const auto found = params.find(name);
  if (found == params.end()) return refuse(Code::invalid_params, "{}: is missing", name);
  if (!found->is_string() || found->get_ref<const std::string&>().size() > kTextBytes)
    return refuse(Code::invalid_params, "{}: must be text of at most {} bytes", name, kTextBytes);
  return found->get<std::string>();
}

Rpc<std::string> page(std::string_view name, const std::vector<std::string>& items, const Json& params,
                      std::size_t size) {
  std::size_t from = 0;
  if (params.contains("cursor")) {
    ACLOUD_TRY(const std::string cursor, text_param(params, "cursor"));
    const auto [end, problem] = std::from_chars(cursor.data(), cursor.data() + cursor.size(), from);
    if (problem != std::errc() || end != cursor.data() + cursor.size() || from == 0 || from >= items.size())
      return refuse(Code::invalid_params, "cursor: use the nextCursor of the page before, unchanged");
  }
  const std::size_t to = std::min(items.size(), from + size);
  std::string members = fmt::format("\"{}\":[", name);
  for (std::size_t i = from; i < to; ++i) {
    if (i != from) members += ',';
    members += items[i];
  }
  members += ']';
  if (to < items.size()) members += fmt::format(R"(,"nextCursor":"{}")", to);
  return members;
}

std::string Methods::purpose(const std::string& method, const Json& params, const kernel::Caller& caller) {
  const Json about = Json::array({method, params.value("name", Json()), params.value("uri", Json()),
                                  caller.workspace, caller.principal, params.value("arguments", Json())});
  return sha256(to_text(about));
}

Rpc<Json> Methods::state(const std::string& method, const Json& params, const kernel::Caller& caller,
                         const Client& client) const {
  if (client.request_state.empty()) return Json();
  auto state = seal_.open(client.request_state, purpose(method, params, caller));
  if (!state) return refuse(Code::invalid_params, "{}", state.error().message());
  return *std::move(state);
}

Task<Rpc<Answer>> Methods::run(std::string method, Json params, Exchange& exchange) {
  // The parameters may be moved from; what the state is bound to is needed afterwards.
  const std::string bound = purpose(method, params, exchange.caller());
  auto answer = co_await dispatch(method, params, exchange);
  if (answer || answer.error().code != Code::input_needed) co_return answer;
  OrderedJson& data = answer.error().data;
  if (const auto state = data.find("state"); state != data.end()) {
    data["requestState"] = seal_.close(Json(*state), bound);
    data.erase("state");
  }
  const std::string text = data.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
  co_return Answer{.kind = Answer::Kind::input_required, .members = text.substr(1, text.size() - 2)};
}

Task<Rpc<Answer>> Methods::dispatch(const std::string& method, Json& params, Exchange& exchange) {
  if (method == "tools/call") co_return co_await call(params, exchange);
  if (method == "prompts/get") co_return co_await prompt(params, exchange);
  if (method == "resources/read") co_return co_await read(params, exchange);
  if (method == "server/discover") co_return discover();
  if (method == "completion/complete") co_return co_await complete(params, exchange);
  if (method == "ping") co_return Answer{};
  if (method.starts_with("tasks/")) co_return co_await task(method, params, exchange);
  if (method == "skills/get") co_return get_skill(offer_.skills(), params);
  if (method == "resources/directory/read") co_return read_directory(offer_.skills(), params);
  co_return list(method, params, exchange);
}

Rpc<Answer> Methods::list(const std::string& method, const Json& params, const Exchange& exchange) {
  const kernel::Caller& caller = exchange.caller();
  Answer answer{.cacheable = true};
  Rpc<std::string> members = refuse(Code::method_not_found, "there is no method {}", method);
  if (method == "tools/list") {
    std::vector<std::string> listings;
    for (const auto& tool : offer_.tools(caller)) listings.push_back(tool->listing);
    members = page("tools", listings, params);
  } else if (method == "resources/list") {
    std::vector<std::string> all = offer_.resources(caller);
    for (std::string& skill : skill_resources(offer_.skills())) all.push_back(std::move(skill));
    members = page("resources", all, params);
  } else if (method == "resources/templates/list") {
    members = page("resourceTemplates", offer_.templates(caller), params);
  } else if (method == "prompts/list") {
    members = page("prompts", offer_.prompts(), params);
  } else if (method == "skills/list") {
    members = page("skills", skill_entries(offer_.skills()), params);
  }
  if (!members) return std::unexpected(members.error());
  answer.members = *std::move(members);
  return answer;
}

OrderedJson Methods::capabilities(Revision revision) const {
  const Capabilities has = offer_.capabilities();
  OrderedJson all{{"tools", OrderedJson::object()},
                  {"resources", OrderedJson::object()},
                  {"prompts", OrderedJson::object()},
                  {"completions", OrderedJson::object()}};
  if (has.logs) all["logging"] = OrderedJson::object();
  if (has.lists_change) {
    for (const char* list : {"tools", "resources", "prompts"}) all[list]["listChanged"] = true;
  }
  if (has.resources_change) all["resources"]["subscribe"] = true;
  if (revision == Revision::stateless) {
    all["extensions"] = {{std::string(kTasks), OrderedJson::object()},
                         {std::string(kSkills), {{"directoryRead", true}}}};
  }
  return all;
}

Rpc<Answer> Methods::discover() const {
  const OrderedJson found{{"supportedVersions", {kStateless, kSessions}},
                          {"capabilities", capabilities(Revision::stateless)},
                          {"instructions", offer_.instructions()}};
  const std::string text = found.dump();
  return Answer{.members = text.substr(1, text.size() - 2), .cacheable = true};
}

Task<Rpc<Answer>> Methods::task(const std::string& method, const Json& params, Exchange& exchange) {
  if (!exchange.client().has_extension(kTasks))
    co_return refuse_with(Code::missing_capability,
                          "tasks are for clients that declare the extension " + std::string(kTasks),
                          {{"requiredCapabilities", {{"extensions", {{kTasks, OrderedJson::object()}}}}}});
  ACLOUD_CO_TRY(const std::string id, text_param(params, "taskId"));
  if (method == "tasks/update" && !exchange.client().input_responses.is_object())
    co_return refuse(Code::invalid_params, "inputResponses: is missing");
  if (!Tasks::is_id(id)) co_return co_await offer_.task(exchange, method, id);
  if (method == "tasks/get") co_return co_await tasks_.get(exchange.caller(), id);
  if (method == "tasks/cancel") co_return co_await tasks_.cancel(exchange.caller(), id);
  co_return co_await tasks_.update(exchange.caller(), id, exchange.client().input_responses);
}

Task<Rpc<Answer>> Methods::complete(const Json& params, Exchange& exchange) {
  const auto argument = params.find("argument");
  const auto ref = params.find("ref");
  if (argument == params.end() || !argument->is_object() || ref == params.end() || !ref->is_object())
    co_return refuse(Code::invalid_params, "ref and argument: must be objects");
  Offer::Completing what{.ref = *ref, .argument = {}, .typed = {}};
  ACLOUD_CO_TRY(what.argument, text_param(*argument, "name"));
  ACLOUD_CO_TRY(what.typed, text_param(*argument, "value"));
  if (const auto context = params.find("context"); context != params.end()) {
    if (!context->is_object()) co_return refuse(Code::invalid_params, "context: must be an object");
    what.known = context->value("arguments", Json::object());
    if (!what.known.is_object() ||
        !std::ranges::all_of(what.known, [](const Json& value) { return value.is_string(); }))
      co_return refuse(Code::invalid_params, "context.arguments: must be an object of texts");
  }
  ACLOUD_CO_TRY(const Completion found, co_await offer_.complete(exchange, std::move(what)));
  const OrderedJson completion{
      {"values", found.values}, {"total", found.total}, {"hasMore", found.total > found.values.size()}};
  co_return Answer{.members = R"("completion":)" + completion.dump()};
}

Task<Rpc<Answer>> Methods::call(Json& params, Exchange& exchange) {
  ACLOUD_CO_TRY(const std::string name, text_param(params, "name"));
  Json arguments = Json::object();
  if (const auto given = params.find("arguments"); given != params.end()) arguments = std::move(*given);
  if (!arguments.is_object()) co_return refuse(Code::invalid_params, "arguments: must be an object");
  const std::shared_ptr<const Tool> tool = offer_.find_tool(exchange.caller(), name);
  if (tool == nullptr)
    co_return refuse(Code::invalid_params,
                     "no tool {} here for this key; tools/list names those that there are",
                     to_text(Json(name.substr(0, 200))));
  const bool may_be_task = exchange.client().has_extension(kTasks);
  if (may_be_task && offer_.starts(*tool, arguments))
    co_return co_await offer_.start(exchange, *tool, std::move(arguments));
  if (tool->tasks != TaskSupport::none && may_be_task)
    co_return co_await tasks_.call(offer_, tool, exchange, std::move(arguments));
  if (tool->tasks == TaskSupport::required)
    co_return refuse_with(Code::missing_capability,
                          name + " is for clients that declare the extension " + std::string(kTasks),
                          {{"requiredCapabilities", {{"extensions", {{kTasks, OrderedJson::object()}}}}}});
  ACLOUD_CO_TRY(std::string members, co_await offer_.call(exchange, *tool, std::move(arguments)));
  co_return Answer{.members = std::move(members)};
}

Task<Rpc<Answer>> Methods::prompt(Json& params, Exchange& exchange) {
  ACLOUD_CO_TRY(std::string name, text_param(params, "name"));
  Json arguments = params.value("arguments", Json::object());
  if (!arguments.is_object()) co_return refuse(Code::invalid_params, "arguments: must be an object");
  for (const auto& [argument, value] : arguments.items()) {
    if (!value.is_string())
      co_return refuse(Code::invalid_params, "arguments.{}: must be text", argument.substr(0, 100));
  }
  ACLOUD_CO_TRY(std::string members, co_await offer_.prompt(exchange, std::move(name), std::move(arguments)));
  co_return Answer{.members = std::move(members)};
}

Task<Rpc<Answer>> Methods::read(const Json& params, Exchange& exchange) {
  ACLOUD_CO_TRY(std::string uri, text_param(params, "uri"));
  Rpc<std::string> contents = read_skill(offer_.skills(), uri);
  if (!contents) contents = co_await offer_.read(exchange, uri);
  if (!contents) {
    RpcError error = std::move(contents).error();
    if (error.code == Code::resource_not_found) {
      error.code = no_such_resource(exchange.client().revision);
      error.data = {{"uri", uri}};
    }
    co_return std::unexpected(std::move(error));
  }
  const bool passing = offer_.capabilities().resources_change && offer_.can_follow(exchange.caller(), uri);
  co_return Answer{.members = R"("contents":)" + *contents, .cacheable = true, .passing = passing};
}

}  // namespace acloud::surfaces::mcp
