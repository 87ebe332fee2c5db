// What of the network a sandbox may reach, as this dialect says it.
//
// There "allowed entries always take precedence over denied entries", and what is neither is allowed, unless
// all is denied by 0.0.0.0/0. In the catalog what is denied stays denied, and what is not allowed is, too.
// So: with everything denied the allowed entries are the list; otherwise all of the public internet is
// allowed but for the denied ones. Where both lists matter at once there is no such list, and that is said.
#include "surfaces/e2b/e2b.h"
#include "surfaces/e2b/shapes.h"

namespace acloud::surfaces::e2b {
namespace {

Result<Json> list_of(const Json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || found->is_null()) return Json::array();
  if (found->is_array()) return *found;
  return fail(ErrorCode::invalid_argument, "{}: must be a list", name);
}

bool is_all(const Json& entry) { return entry == Json("0.0.0.0/0") || entry == Json("::/0"); }

}  // namespace

Result<std::optional<Json>> egress_from(const Json& body) {
  const Json network = body.contains("network") && body["network"].is_object() ? body["network"] : body;
  for (const char* name : {"rules", "egressProxy", "httpsPorts", "maskRequestHost"}) {
    const auto given = network.find(name);
    if (given != network.end() && !given->is_null() && !given->empty())
      return fail(ErrorCode::invalid_argument, "{}: there is no such thing here; leave it out", name);
  }
  if (network.value("allowPublicTraffic", Json()) == Json(true)) {
    return fail(ErrorCode::invalid_argument,
                "allowPublicTraffic: ports of sandboxes are had with a key alone; leave it out or say false");
  }
  const Json internet = body.value("allow_internet_access", Json());
  ACLOUD_TRY(const Json allow, list_of(network, "allowOut"));
  ACLOUD_TRY(Json deny, list_of(network, "denyOut"));
  if (internet.is_null() && allow.empty() && deny.empty()) return std::nullopt;
  const bool none = internet == Json(false) || std::ranges::any_of(deny, is_all);
  if (none) return Json{{"allow", allow}, {"deny", Json::array()}};
  if (!allow.empty() && !deny.empty()) {
    return fail(
        ErrorCode::invalid_argument,
        "network: allowOut beside a denyOut of less than 0.0.0.0/0 can't be had: what is denied stays "
        "denied here. Deny all, or allow all but some");
  }
  Json all = allow;
  all.push_back("*");
  return Json{{"allow", all}, {"deny", deny}};
}

Task<Result<net::Response>> E2b::set_network(Asked& asked, const std::string& id) {
  ACLOUD_CO_TRY(const std::string text, co_await asked.request.body.read_all(kJsonBytes));
  ACLOUD_CO_TRY(const Json body, text.empty() ? Result<Json>(Json::object()) : parse_json(text));
  if (!body.is_object()) co_return fail(ErrorCode::invalid_argument, "the body must be an object");
  ACLOUD_CO_TRY(auto wanted, egress_from(body));
  ACLOUD_CO_TRY(const Json info, co_await call(asked, "sandbox.get", {{"id", id}}));
  Json egress = std::move(wanted).value_or(Json::object());
  egress["cloud"] = info.value("egress", Json::object()).value("cloud", false);
  ACLOUD_CO_CHECK(co_await call(asked, "sandbox.set_egress", {{"id", id}, {"egress", egress}}));
  co_return net::Response{.status = 204};
}

std::string domain_of(const net::Headers& headers) {
  const std::string host(headers.value("host"));
  const auto colon = host.rfind(':');
  const std::string port = colon == std::string::npos || host.ends_with(']') ? "" : host.substr(colon);
  const std::string_view name = std::string_view(host).substr(0, host.size() - port.size());
  // An address has no names below it; localhost has, wherever there is loopback.
  const bool is_address = name.starts_with('[') || name.find_first_not_of("0123456789.") == name.npos;
  return is_address ? "localhost" + port : host;
}

}  // namespace acloud::surfaces::e2b
