// Addresses that people write into configuration, and the queries that strangers send: what is taken has all
// its parts, can stand in a request as it is, and is read the same when it is written again.
#include "base/encoding.h"
#include "fuzz.h"
#include "net/client.h"
#include "net/dial.h"

using namespace acloud;

namespace {

std::string written(const net::Url& url) {
  const net::Origin& origin = url.origin;
  if (origin.scheme == "unix") return fmt::format("unix:{}:{}", origin.host, url.target);
  const bool v6 = origin.host.contains(':');
  return fmt::format("{}://{}{}{}:{}{}", origin.scheme, v6 ? "[" : "", origin.host, v6 ? "]" : "",
                     origin.port, url.target);
}

void check_url(std::string_view text) {
  const auto url = net::parse_url(text);
  if (!url) {
    fuzz::require(url.error().code() == ErrorCode::invalid_argument, "code of an error");
    return;
  }
  fuzz::require(!url->origin.host.empty() && url->target.starts_with('/'), "a host and a target");
  fuzz::require(std::ranges::all_of(url->target, [](char c) { return c > ' ' && c < 0x7f; }),
                "a target that can be sent");
  const auto again = net::parse_url(written(*url));
  fuzz::require(again && again->origin == url->origin && again->target == url->target,
                "the same when written");
}

void check_query(std::string_view text) {
  const auto query = net::parse_query(text);
  if (!query) return;
  std::string rewritten;
  for (const auto& [name, value] : *query) {
    rewritten += to_percent(name) + '=' + to_percent(value) + '&';
  }
  const auto again = net::parse_query(rewritten);
  fuzz::require(again && *again == *query, "a query is read back as written");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text(data, size);
  check_url(text);
  check_query(text);
  if (const auto address = net::parse_host_port(text)) fuzz::require(!address->host.empty(), "a host");
  return 0;
}
