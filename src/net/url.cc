// Takes apart the URLs that people put into configuration (RFC 3986), refusing what could be read two ways.
#include <charconv>

#include "net/client.h"

namespace acloud::net {
namespace {

constexpr std::string_view kShapes =
    "write http://HOST[:PORT]/PATH, https://HOST[:PORT]/PATH or unix:/SOCKET[:/PATH]";

bool is_alphanumeric(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z'); }

// What may stand in a target as it goes on the wire: printable ASCII without spaces.
bool is_target(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7f; });
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return result;
}

bool is_host_name(std::string_view host) {
  return !host.empty() && host.size() <= 253 && std::ranges::all_of(host, [](char c) {
    return is_alphanumeric(c) || c == '-' || c == '.' || c == '_';
  });
}

bool is_ipv6(std::string_view host) {
  return host.find(':') != host.npos && host.size() <= 45 && std::ranges::all_of(host, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || c == ':' || c == '.';
         });
}

Result<std::uint16_t> parse_port(std::string_view text, std::string_view url) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port == 0) {
    return fail(ErrorCode::invalid_argument, "url \"{}\": port \"{}\" is not a number from 1 to 65535", url,
                text);
  }
  return port;
}

Result<Origin> parse_authority(std::string scheme, std::string_view authority, std::string_view url) {
  if (authority.find('@') != authority.npos) {
    return fail(ErrorCode::invalid_argument,
                "a url must not carry a user or password; send them in a header");
  }
  Origin origin{std::move(scheme), "", 0};
  origin.port = origin.scheme == "https" ? 443 : 80;
  std::string_view rest;
  if (authority.starts_with('[')) {
    const auto close = authority.find(']');
    if (close == authority.npos)
      return fail(ErrorCode::invalid_argument, "url \"{}\": \"[\" without \"]\"", url);
    origin.host = lower(authority.substr(1, close - 1));
    rest = authority.substr(close + 1);
    if (!is_ipv6(origin.host)) {
      return fail(ErrorCode::invalid_argument, "url \"{}\": \"{}\" is no IPv6 address", url, origin.host);
    }
  } else {
    const auto colon = authority.find(':');
    origin.host = lower(authority.substr(0, colon));
    rest = colon == authority.npos ? std::string_view() : authority.substr(colon);
    if (!is_host_name(origin.host)) {
      return fail(ErrorCode::invalid_argument, "url \"{}\": \"{}\" is no host name; {}", url, origin.host,
                  kShapes);
    }
  }
  if (rest.empty()) return origin;
  if (!rest.starts_with(':')) {
    return fail(ErrorCode::invalid_argument, "url \"{}\": \"{}\" after the host; {}", url, rest, kShapes);
  }
  ACLOUD_TRY(origin.port, parse_port(rest.substr(1), url));
  return origin;
}

Result<Url> parse_unix(std::string_view rest, std::string_view url) {
  const auto colon = rest.find(":/");
  const std::string_view path = rest.substr(0, colon);
  // sockaddr_un holds 108 bytes, the last of them NUL.
  if (!path.starts_with('/') || path.size() > 107) {
    return fail(ErrorCode::invalid_argument,
                "url \"{}\": a socket's path starts with / and has at most 107 bytes", url);
  }
  return Url{{"unix", std::string(path), 0}, colon == rest.npos ? "/" : std::string(rest.substr(colon + 1))};
}

}  // namespace

Result<Url> parse_url(std::string_view text) {
  if (!is_target(text)) {
    return fail(ErrorCode::invalid_argument,
                "a url must be printable ASCII without spaces; percent-encode the rest");
  }
  const std::string_view url = text.substr(0, text.find('#'));
  if (url.starts_with("unix:")) return parse_unix(url.substr(5), url);

  const auto separator = url.find("://");
  std::string scheme = separator == url.npos ? "" : lower(url.substr(0, separator));
  if (scheme == "ws") scheme = "http";
  if (scheme == "wss") scheme = "https";
  if (scheme != "http" && scheme != "https") {
    return fail(ErrorCode::invalid_argument, "url \"{}\": {}", url, kShapes);
  }
  const std::string_view rest = url.substr(separator + 3);
  const auto path = rest.find_first_of("/?");
  ACLOUD_TRY(Origin origin, parse_authority(std::move(scheme), rest.substr(0, path), url));
  std::string target(path == rest.npos ? std::string_view("/") : rest.substr(path));
  if (target.starts_with('?')) target.insert(0, "/");
  return Url{std::move(origin), std::move(target)};
}

}  // namespace acloud::net
