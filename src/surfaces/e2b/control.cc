// The control API: sandboxes as the account's owner sees them.
#include "base/clock.h"
#include "surfaces/e2b/e2b.h"
#include "surfaces/e2b/shapes.h"

namespace acloud::surfaces::e2b {
namespace {

constexpr std::int64_t kTimeoutUsual = 300;  // seconds, where a client says nothing
constexpr std::int64_t kTimeoutCompared =
    31'536'000;  // that is compared: what is longer is refused when it is set
constexpr std::int64_t kIdleMost = 86'400;
constexpr std::int64_t kMebibyte = 1 << 20;

net::Response nothing() { return net::Response{.status = 204}; }

std::string image_of(const std::string& template_id) {
  // What the two clients ask for where their user asks for nothing.
  return template_id.empty() || template_id == "code-interpreter-v1" ? "base" : template_id;
}

// A sandbox that is paused at its end has no deadline: it is idle then.
std::string end_of(const Json& info) {
  if (info.contains("deadline")) return info["deadline"].get<std::string>();
  const auto created = parse_rfc3339(info.value("created", ""));
  const std::chrono::seconds idle(info.value("idle_timeout_s", std::int64_t{0}));
  return created ? to_rfc3339(*created + idle) : "";
}

Json to_sandbox(const Json& info) {
  const Json limits = info.value("limits", Json::object());
  const double cpus = limits.value("cpus", 0.0);
  return {{"sandboxID", info.value("id", "")},
          {"templateID", info.value("image", "")},
          {"clientID", "acloud"},
          {"startedAt", info.value("created", "")},
          {"endAt", end_of(info)},
          {"state", info.value("state", "")},
          {"metadata", info.value("metadata", Json::object())},
          {"cpuCount", std::max(1L, std::lround(cpus))},
          {"memoryMB", limits.value("memory_bytes", std::int64_t{0}) / kMebibyte},
          {"diskSizeMB", limits.value("disk_bytes", std::int64_t{0}) / kMebibyte},
          {"envdVersion", kEnvdVersion}};
}

// The text of the one pair in "NAME=VALUE" once more decoded.
Result<std::string> decoded(const std::string& text) {
  ACLOUD_TRY(const auto pairs, net::parse_query("x=" + text));
  return pairs.empty() ? std::string() : pairs.front().second;
}

// The client encodes names and values, then all of them as a form, then that as a query's value.
Result<Json> metadata_from(const std::string& form) {
  Json metadata = Json::object();
  ACLOUD_TRY(const auto pairs, net::parse_query(form));
  for (const auto& [name, value] : pairs) {
    ACLOUD_TRY(std::string plain_name, decoded(name));
    ACLOUD_TRY(metadata[plain_name], decoded(value));
  }
  return metadata;
}

}  // namespace

Json to_session(const Json& info, const std::string& key, const net::Headers& headers) {
  return {
      {"sandboxID", info.value("id", "")}, {"templateID", info.value("image", "")}, {"clientID", "acloud"},
      {"envdVersion", kEnvdVersion},       {"domain", domain_of(headers)},          {"envdAccessToken", key},
      {"trafficAccessToken", key}};
}

Task<Result<Json>> body_of(net::Request& request) {
  ACLOUD_CO_TRY(const std::string text, co_await request.body.read_all(E2b::kJsonBytes));
  if (text.empty()) co_return Json::object();
  co_return parse_json(text);
}

Task<Result<net::Response>> E2b::control(Asked& asked) {
  std::string_view rest = asked.path;
  constexpr std::string_view kTemplates = "/templates/";
  if (rest == "/snapshots" && asked.request.method == "GET") co_return co_await list_snapshots(asked);
  if (rest.starts_with(kTemplates) && asked.request.method == "DELETE")
    co_return co_await delete_template(asked, std::string(rest.substr(kTemplates.size())));
  if (!rest.starts_with("/sandboxes") && !rest.starts_with("/v2/sandboxes"))
    co_return fail(ErrorCode::not_found, "nothing is at {} {}", asked.request.method, asked.path);
  if (rest.starts_with("/v2")) rest.remove_prefix(3);
  rest.remove_prefix(std::string_view("/sandboxes").size());
  const std::string& method = asked.request.method;
  if (rest.empty() && method == "POST") co_return co_await create(asked);
  if (rest.empty() && method == "GET") co_return co_await list(asked);
  if (rest.size() > 1) {
    const std::size_t slash = rest.find('/', 1);
    const std::string id(rest.substr(1, slash - 1));
    const std::string verb(slash == std::string_view::npos ? "" : rest.substr(slash + 1));
    co_return co_await one(asked, id, method + ' ' + verb);
  }
  co_return fail(ErrorCode::not_found, "nothing is at {} {}", method, asked.path);
}

Task<Result<net::Response>> E2b::one(Asked& asked, std::string id, std::string verb) {
  if (verb == "GET ") {
    ACLOUD_CO_TRY(const Json info, co_await call(asked, "sandbox.get", {{"id", id}}));
    Json all = to_sandbox(info);
    all["envdAccessToken"] = asked.key;
    co_return json_response(200, all);
  }
  if (verb == "DELETE ") {
    ACLOUD_CO_CHECK(co_await call(asked, "sandbox.kill", {{"id", id}}));
    co_return nothing();
  }
  if (verb == "POST timeout") co_return co_await set_timeout(asked, id);
  if (verb == "POST pause") co_return co_await pause(asked, id);
  if (verb == "POST connect" || verb == "POST resume") co_return co_await connect(asked, id);
  if (verb == "POST fork") co_return co_await fork(asked, id);
  if (verb == "POST snapshots") co_return co_await snapshot(asked, id);
  if (verb == "PUT network") co_return co_await set_network(asked, id);
  if (verb == "GET metrics") co_return co_await metrics(asked, id);
  co_return fail(ErrorCode::not_found, "nothing is at {} {}", asked.request.method, asked.path);
}

Task<Result<net::Response>> E2b::create(Asked& asked) {
  ACLOUD_CO_TRY(const Json body, co_await body_of(asked.request));
  ACLOUD_CO_TRY(const std::string template_id, text_member(body, "templateID"));
  ACLOUD_CO_TRY(const std::int64_t timeout, number_member(body, "timeout", kTimeoutUsual));
  for (const char* name : {"mcp", "iam", "volumeMounts"}) {
    if (const auto given = body.find(name); given != body.end() && !given->is_null())
      co_return fail(ErrorCode::invalid_argument, "{}: sandboxes here have none; leave it out", name);
  }
  ACLOUD_CO_TRY(auto egress, egress_from(body));
  Json arguments{{"image", image_of(template_id)}};
  if (egress) arguments["egress"] = *std::move(egress);
  if (body.contains("envVars")) arguments["env"] = body["envVars"];
  if (body.contains("metadata")) arguments["metadata"] = body["metadata"];
  if (body.value("autoPause", Json()) == Json(true)) {
    arguments["idle_timeout_s"] = std::min(timeout, kIdleMost);
  } else {
    arguments["idle_timeout_s"] = kIdleMost;
    arguments["deadline_s"] = timeout;
  }
  ACLOUD_CO_TRY(const Json info, co_await call(asked, "sandbox.create", std::move(arguments)));
  co_return json_response(201, to_session(info, asked.key, asked.request.headers));
}

Task<Result<net::Response>> E2b::list(Asked& asked) {
  ACLOUD_CO_TRY(const auto query, net::parse_query(asked.request.query()));
  Json arguments = Json::object();
  for (const auto& [name, value] : query) {
    if (name == "limit") {
      arguments["limit"] = std::atoll(value.c_str());
    } else if (name == "nextToken") {
      arguments["cursor"] = value;
    } else if (name == "state" && value.find(',') == std::string::npos) {
      arguments["state"] = value;
    } else if (name == "metadata") {
      ACLOUD_CO_TRY(arguments["metadata"], metadata_from(value));
    }
  }
  ACLOUD_CO_TRY(const Json page, co_await call(asked, "sandbox.list", std::move(arguments)));
  Json items = Json::array();
  for (const Json& info : page["items"]) items.push_back(to_sandbox(info));
  net::Response response = json_response(200, items);
  if (page.contains("next_cursor"))
    response.headers.add("x-next-token", page["next_cursor"].get<std::string>());
  co_return response;
}

Task<Result<net::Response>> E2b::set_timeout(Asked& asked, const std::string& id) {
  ACLOUD_CO_TRY(const Json body, co_await body_of(asked.request));
  ACLOUD_CO_TRY(const std::int64_t timeout, number_member(body, "timeout", kTimeoutUsual));
  ACLOUD_CO_TRY(const Json info, co_await call(asked, "sandbox.get", {{"id", id}}));
  Json arguments{{"id", id}};
  if (info.contains("deadline")) {
    arguments["deadline_s"] = timeout;
  } else {
    arguments["idle_timeout_s"] = std::clamp(timeout, std::int64_t{1}, kIdleMost);
  }
  ACLOUD_CO_CHECK(co_await call(asked, "sandbox.set_timeout", std::move(arguments)));
  co_return nothing();
}

Task<Result<net::Response>> E2b::pause(Asked& asked, const std::string& id) {
  ACLOUD_CO_TRY(const Json info, co_await call(asked, "sandbox.get", {{"id", id}}));
  if (info.value("state", "") == "paused")
    co_return fail(ErrorCode::conflict, "sandbox {} is paused already", id);
  ACLOUD_CO_CHECK(co_await call(asked, "sandbox.pause", {{"id", id}}));
  co_return nothing();
}

Task<Result<net::Response>> E2b::connect(Asked& asked, const std::string& id) {
  ACLOUD_CO_TRY(const Json body, co_await body_of(asked.request));
  ACLOUD_CO_TRY(const std::int64_t timeout, number_member(body, "timeout", kTimeoutUsual));
  ACLOUD_CO_TRY(const Json info, co_await call(asked, "sandbox.resume", {{"id", id}}));
  // A connection makes a sandbox's time longer, never shorter.
  if (info.contains("deadline")) {
    const auto until = parse_rfc3339(info["deadline"].get<std::string>());
    const std::chrono::seconds more(std::clamp(timeout, std::int64_t{0}, kTimeoutCompared));
    if (until && *until < SystemClock().now() + more)
      ACLOUD_CO_CHECK(co_await call(asked, "sandbox.set_timeout", {{"id", id}, {"deadline_s", timeout}}));
  }
  co_return json_response(200, to_session(info, asked.key, asked.request.headers));
}

// One sample: what it uses now, and of the processors on average since its start.
Task<Result<net::Response>> E2b::metrics(Asked& asked, const std::string& id) {
  ACLOUD_CO_TRY(const Json info, co_await call(asked, "sandbox.get", {{"id", id}}));
  const Json sandbox = to_sandbox(info);
  const Json usage = info.value("usage", Json::object());
  const Time now = SystemClock().now();
  const auto created = parse_rfc3339(info.value("created", ""));
  const double age = created ? std::chrono::duration<double>(now - *created).count() : 0;
  const double cpus = sandbox["cpuCount"].get<double>();
  const double used = usage.value("cpu_s", 0.0);
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
  co_return json_response(
      200, Json::array({{{"timestamp", to_rfc3339(now)},
                         {"timestampUnix", seconds},
                         {"cpuCount", sandbox["cpuCount"]},
                         {"cpuUsedPct", age > 0 ? 100 * used / age / cpus : 0.0},
                         {"memUsed", usage.value("memory_bytes", std::int64_t{0})},
                         {"memTotal", info["limits"].value("memory_bytes", std::int64_t{0})},
                         {"memCache", 0},
                         {"diskUsed", usage.value("disk_bytes", std::int64_t{0})},
                         {"diskTotal", info["limits"].value("disk_bytes", std::int64_t{0})}}}));
}

}  // namespace acloud::surfaces::e2b
