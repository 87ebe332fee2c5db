// The control API's copies of sandboxes: forks, snapshots, and what is deleted as a template.
#include "surfaces/e2b/e2b.h"
#include "surfaces/e2b/shapes.h"

namespace acloud::surfaces::e2b {
namespace {

Json to_snapshot(const Json& info) {
  return {{"snapshotID", info.value("id", "")}, {"names", Json::array()}};
}

}  // namespace

Task<Result<net::Response>> E2b::fork(Asked& asked, const std::string& id) {
  ACLOUD_CO_TRY(const Json body, co_await body_of(asked.request));
  ACLOUD_CO_TRY(const std::int64_t count, number_member(body, "count", 1));
  Json arguments{{"id", id}, {"count", count}};
  if (body.contains("timeout")) {
    ACLOUD_CO_TRY(arguments["deadline_s"], number_member(body, "timeout", 0));
  }
  ACLOUD_CO_TRY(const Json forked, co_await call(asked, "sandbox.fork", std::move(arguments)));
  Json results = Json::array();
  for (const Json& info : forked["items"])
    results.push_back({{"sandbox", to_session(info, asked.key, asked.request.headers)}});
  while (std::ssize(results) < count)
    results.push_back({{"error", {{"code", 503}, {"message", forked.value("problem", "it was not made")}}}});
  co_return json_response(201, results);
}

Task<Result<net::Response>> E2b::snapshot(Asked& asked, const std::string& id) {
  ACLOUD_CO_TRY(const Json body, co_await body_of(asked.request));
  ACLOUD_CO_TRY(const std::string name, text_member(body, "name"));
  Json arguments{{"id", id}};
  if (!name.empty()) arguments["name"] = name;
  ACLOUD_CO_TRY(const Json info, co_await call(asked, "sandbox.snapshot", std::move(arguments)));
  co_return json_response(201, to_snapshot(info));
}

Task<Result<net::Response>> E2b::list_snapshots(Asked& asked) {
  ACLOUD_CO_TRY(const auto query, net::parse_query(asked.request.query()));
  Json arguments = Json::object();
  std::string name;
  for (const auto& [field, value] : query) {
    if (field == "limit") arguments["limit"] = std::atoll(value.c_str());
    if (field == "nextToken") arguments["cursor"] = value;
    if (field == "sandboxID") arguments["sandbox"] = value;
    if (field == "name") name = value;
  }
  ACLOUD_CO_TRY(const Json page, co_await call(asked, "sandbox.list_snapshots", std::move(arguments)));
  Json items = Json::array();
  for (const Json& info : page["items"]) {
    if (name.empty() || info.value("id", "") == name) items.push_back(to_snapshot(info));
  }
  net::Response response = json_response(200, items);
  if (page.contains("next_cursor"))
    response.headers.add("x-next-token", page["next_cursor"].get<std::string>());
  co_return response;
}

// To these clients a snapshot is a template.
Task<Result<net::Response>> E2b::delete_template(Asked& asked, const std::string& id) {
  auto done = co_await call(asked, "sandbox.delete_snapshot", {{"id", id}});
  if (!done && done.error().code() == ErrorCode::not_found)
    done = co_await call(asked, "sandbox.delete_template", {{"name", id}});
  if (!done) co_return std::unexpected(std::move(done).error());
  co_return net::Response{.status = 204};
}

}  // namespace acloud::surfaces::e2b
