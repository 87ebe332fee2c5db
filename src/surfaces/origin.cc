#include "surfaces/origin.h"

#include <algorithm>

namespace acloud::surfaces {
namespace {

constexpr std::size_t kHostMost = 255;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_name_character(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '-';
}
bool is_address_character(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == ':' || c == '.';
}

bool is_port(std::string_view text) {
  return !text.empty() && text.size() <= 5 && std::ranges::all_of(text, is_digit);
}

}  // namespace

bool is_host(std::string_view text) {
  if (text.empty() || text.size() > kHostMost) return false;
  std::string_view rest;
  if (text.front() == '[') {
    const auto end = text.find(']');
    if (end == text.npos || end < 3 || !std::ranges::all_of(text.substr(1, end - 1), is_address_character))
      return false;
    rest = text.substr(end + 1);
  } else {
    const auto end = std::min(text.find(':'), text.size());
    const std::string_view name = text.substr(0, end);
    // A leading '-' would make a flag of it where it is pasted.
    if (name.empty() || name.front() == '-' || name.front() == '.' ||
        !std::ranges::all_of(name, is_name_character))
      return false;
    rest = text.substr(end);
  }
  return rest.empty() || (rest.front() == ':' && is_port(rest.substr(1)));
}

std::string origin_of(const net::Headers& headers, bool tls, const std::string& otherwise) {
  const std::string_view host = headers.value("host");
  if (!is_host(host)) return otherwise;
  const bool https = tls || headers.value("x-forwarded-proto") == "https";
  return std::string(https ? "https://" : "http://") + std::string(host);
}

}  // namespace acloud::surfaces
