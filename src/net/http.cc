#include "net/http.h"

#include <algorithm>
#include <array>

#include "base/encoding.h"
#include "net/text.h"

namespace acloud::net {

std::optional<std::string_view> Headers::get(std::string_view name) const {
  for (const auto& [field, value] : fields_) {
    if (same_token(field, name)) return value;
  }
  return std::nullopt;
}

bool Headers::has_token(std::string_view name, std::string_view token) const {
  for (const auto& [field, value] : fields_) {
    if (!same_token(field, name)) continue;
    std::string_view rest = value;
    while (!rest.empty()) {
      const std::size_t comma = std::min(rest.find(','), rest.size());
      if (same_token(trim(rest.substr(0, comma)), token)) return true;
      rest.remove_prefix(std::min(comma + 1, rest.size()));
    }
  }
  return false;
}

void Headers::add(std::string name, std::string value) {
  constexpr std::size_t kUsual = 8;  // so that the fields of most messages are never moved
  if (fields_.empty()) fields_.reserve(kUsual);
  fields_.emplace_back(std::move(name), std::move(value));
}

void Headers::set(std::string name, std::string value) {
  remove(name);
  add(std::move(name), std::move(value));
}

void Headers::remove(std::string_view name) {
  std::erase_if(fields_, [name](const Field& field) { return same_token(field.first, name); });
}

std::optional<std::uint64_t> Body::length() const {
  return stream_ ? length_ : std::optional<std::uint64_t>(bytes_.size());
}

Task<Result<std::string>> Body::read() {
  if (stream_) co_return co_await stream_->read();
  co_return std::exchange(bytes_, std::string());
}

Task<Result<std::string>> Body::read_all(std::size_t limit) {
  const auto too_large = [limit] {
    return fail(ErrorCode::too_large, "the body is larger than {} bytes; send less", limit);
  };
  if (length().value_or(0) > limit) co_return too_large();
  if (!stream_) co_return std::exchange(bytes_, std::string());
  std::string all;
  while (true) {
    ACLOUD_CO_TRY(std::string bytes, co_await read());
    if (bytes.empty()) co_return all;
    if (bytes.size() > limit - all.size()) co_return too_large();
    if (all.empty()) {
      all = std::move(bytes);
    } else {
      all += bytes;
    }
  }
}

std::string_view Request::path() const { return std::string_view(target).substr(0, target.find('?')); }

std::string_view Request::query() const {
  const std::size_t mark = target.find('?');
  return mark == std::string::npos ? std::string_view() : std::string_view(target).substr(mark + 1);
}

Result<std::vector<std::pair<std::string, std::string>>> parse_query(std::string_view query) {
  std::vector<std::pair<std::string, std::string>> pairs;
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(pair.size() + 1, query.size()));
    if (pair.empty()) continue;
    const std::size_t equals = std::min(pair.find('='), pair.size());
    ACLOUD_TRY(std::string name, from_percent(pair.substr(0, equals), true));
    ACLOUD_TRY(std::string value, from_percent(pair.substr(std::min(equals + 1, pair.size())), true));
    pairs.emplace_back(std::move(name), std::move(value));
  }
  return pairs;
}

// RFC 9110, section 15, and RFC 6585.
std::string_view reason(int status) {
  struct Phrase {
    int status;
    std::string_view text;
  };
  static constexpr auto kPhrases = std::to_array<Phrase>({
      {100, "Continue"},
      {101, "Switching Protocols"},
      {200, "OK"},
      {201, "Created"},
      {202, "Accepted"},
      {203, "Non-Authoritative Information"},
      {204, "No Content"},
      {205, "Reset Content"},
      {206, "Partial Content"},
      {207, "Multi-Status"},
      {300, "Multiple Choices"},
      {301, "Moved Permanently"},
      {302, "Found"},
      {303, "See Other"},
      {304, "Not Modified"},
      {307, "Temporary Redirect"},
      {308, "Permanent Redirect"},
      {400, "Bad Request"},
      {401, "Unauthorized"},
      {402, "Payment Required"},
      {403, "Forbidden"},
      {404, "Not Found"},
      {405, "Method Not Allowed"},
      {406, "Not Acceptable"},
      {407, "Proxy Authentication Required"},
      {408, "Request Timeout"},
      {409, "Conflict"},
      {410, "Gone"},
      {411, "Length Required"},
      {412, "Precondition Failed"},
      {413, "Content Too Large"},
      {414, "URI Too Long"},
      {415, "Unsupported Media Type"},
      {416, "Range Not Satisfiable"},
      {417, "Expectation Failed"},
      {421, "Misdirected Request"},
      {422, "Unprocessable Content"},
      {423, "Locked"},
      {425, "Too Early"},
      {426, "Upgrade Required"},
      {428, "Precondition Required"},
      {429, "Too Many Requests"},
      {431, "Request Header Fields Too Large"},
      {500, "Internal Server Error"},
      {501, "Not Implemented"},
      {502, "Bad Gateway"},
      {503, "Service Unavailable"},
      {504, "Gateway Timeout"},
      {505, "HTTP Version Not Supported"},
      {507, "Insufficient Storage"},
      {529, "Overloaded"},
  });
  const auto* found = std::ranges::lower_bound(kPhrases, status, {}, &Phrase::status);
  return found != kPhrases.end() && found->status == status ? found->text : std::string_view("Unknown");
}

}  // namespace acloud::net
