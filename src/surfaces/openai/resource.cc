#include "surfaces/openai/resource.h"

#include "base/encoding.h"
#include "kernel/page.h"

namespace acloud::surfaces {

Result<Json> list_arguments(const net::Request& request, std::initializer_list<std::string_view> more) {
  ACLOUD_TRY(const auto query, net::parse_query(request.query()));
  Json arguments = {{"limit", kernel::kPageDefault}};
  for (const auto& [name, value] : query) {
    if (name == "limit") {
      std::int64_t limit = 0;
      const auto [end, failed] = std::from_chars(value.data(), value.data() + value.size(), limit);
      if (failed != std::errc() || end != value.data() + value.size() || limit < 1)
        return fail(ErrorCode::invalid_argument, "limit: must be a number from 1 on");
      arguments["limit"] = std::min(limit, kernel::kPageMost);
    } else if (name == "after") {
      if (!value.empty()) arguments["cursor"] = kernel::to_cursor(value);
    } else if (std::ranges::find(more, name) != more.end()) {
      arguments[name] = value;
    } else {
      return fail(ErrorCode::invalid_argument, "{}: there is no such parameter here", to_valid_utf8(name));
    }
  }
  return arguments;
}

Json list_of(const Json& page, Json (*entry)(const Json& item)) {
  Json data = Json::array();
  for (const Json& item : page["items"]) data.push_back(entry(item));
  Json list = {{"object", "list"}, {"has_more", page.contains("next_cursor")}};
  list["first_id"] = data.empty() ? Json() : data.front()["id"];
  list["last_id"] = data.empty() ? Json() : data.back()["id"];
  list["data"] = std::move(data);
  return list;
}

Json seconds_at(const Json& item, std::string_view name) {
  const auto found = item.find(name);
  if (found == item.end()) return {};
  const auto time = parse_rfc3339(found->get<std::string>());
  if (!time) return {};
  return std::chrono::floor<std::chrono::seconds>(*time).time_since_epoch().count();
}

net::Response json_response(const Json& json) {
  net::Response response;
  response.headers.add("content-type", "application/json");
  response.body = to_text(json);
  return response;
}

net::Response stamped(Result<net::Response> response, const DialectCalls& calls, const OpenAiStyle& style,
                      const std::string& request_id, std::string_view operation) {
  if (!response) return calls.refuse(response.error(), style, request_id, operation);
  style.stamp(response->headers, request_id);
  return *std::move(response);
}

std::unexpected<Error> not_offered(const net::Request& request) {
  return fail(ErrorCode::not_found, "{} {} is not offered here; GET /llms.txt and GET /api say what is",
              to_valid_utf8(request.method.substr(0, 32)), to_valid_utf8(request.path().substr(0, 256)));
}

}  // namespace acloud::surfaces
