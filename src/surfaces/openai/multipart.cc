#include "surfaces/openai/multipart.h"

#include <algorithm>
#include <cctype>

namespace acloud::surfaces {
namespace {

constexpr std::size_t kBoundaryMost = 70;  // RFC 2046

std::unexpected<Error> malformed_form(std::string_view what) {
  return fail(ErrorCode::invalid_argument, "the form (multipart/form-data) is malformed: {}", what);
}

bool same_word(std::string_view a, std::string_view b) {
  return std::ranges::equal(
      a, b, [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// One "; name=value" after another, values in quotes or not.
class Parameters {
 public:
  explicit Parameters(std::string_view text) : text_(text) {}

  // Nothing at the end. Errors: invalid_argument.
  Result<std::optional<std::pair<std::string, std::string>>> next() {
    text_ = trimmed(text_);
    if (text_.empty()) return std::nullopt;
    if (text_.front() != ';') return malformed_form("a parameter without a semicolon before it");
    text_ = trimmed(text_.substr(1));
    if (text_.empty()) return std::nullopt;
    const std::size_t equals = text_.find('=');
    if (equals == text_.npos) return malformed_form("a parameter without a value");
    std::string name(trimmed(text_.substr(0, equals)));
    text_ = trimmed(text_.substr(equals + 1));
    if (text_.starts_with('"')) {
      auto value = quoted();
      if (!value) return std::unexpected(value.error());
      return std::pair(std::move(name), *std::move(value));
    }
    const std::size_t end = std::min(text_.find(';'), text_.size());
    std::string value(trimmed(text_.substr(0, end)));
    text_ = text_.substr(end);
    return std::pair(std::move(name), std::move(value));
  }

 private:
  Result<std::string> quoted() {
    std::string value;
    for (std::size_t i = 1; i < text_.size(); ++i) {
      if (text_[i] == '"') {
        text_ = text_.substr(i + 1);
        return value;
      }
      if (text_[i] == '\\' && i + 1 < text_.size()) ++i;
      value += text_[i];
    }
    return malformed_form("a quotation mark is missing");
  }

  std::string_view text_;
};

std::string_view main_value(std::string_view header) {
  return trimmed(header.substr(0, std::min(header.find(';'), header.size())));
}
std::string_view parameters_of(std::string_view header) {
  return header.substr(std::min(header.find(';'), header.size()));
}

}  // namespace

MultipartCutter::MultipartCutter(std::string_view boundary) : delimiter_(fmt::format("\r\n--{}", boundary)) {}

Result<MultipartCutter> MultipartCutter::make(std::string_view content_type) {
  if (!same_word(main_value(content_type), "multipart/form-data")) {
    return fail(ErrorCode::invalid_argument,
                "a file is uploaded as multipart/form-data, with fields file and purpose");
  }
  Parameters parameters(parameters_of(content_type));
  for (;;) {
    ACLOUD_TRY(const auto each, parameters.next());
    if (!each) return malformed_form("content-type names no boundary");
    if (!same_word(each->first, "boundary")) continue;
    if (each->second.empty() || each->second.size() > kBoundaryMost)
      return malformed_form("a boundary has 1 to 70 characters");
    return MultipartCutter(each->second);
  }
}

void MultipartCutter::drop(std::size_t count) {
  buffer_.erase(0, count);
  given_ = 0;
  bytes_ = {};
}

Result<MultipartCutter::What> MultipartCutter::next() {
  if (given_ > 0) drop(given_);
  for (;;) {
    switch (state_) {
      case State::preamble: {
        const std::size_t at = buffer_.find(delimiter_);
        if (at > kHeadMost && buffer_.size() >= kHeadMost + delimiter_.size())
          return malformed_form("its first boundary is missing");
        if (at == buffer_.npos) return What::more;
        drop(at + delimiter_.size());
        state_ = State::after_boundary;
        break;
      }
      case State::after_boundary: {
        ACLOUD_TRY(const auto what, take_boundary_end());
        if (what) return *what;
        break;
      }
      case State::head:
        return take_head();
      case State::body: {
        const What what = take_body();
        if (what != What::part_end) return what;
        break;
      }
      case State::body_end:
        drop(delimiter_.size());
        state_ = State::after_boundary;
        return What::part_end;
      case State::done:
        return What::end;
    }
  }
}

// "--" for the last, else white space and the end of the line. Nothing where it goes on.
Result<std::optional<MultipartCutter::What>> MultipartCutter::take_boundary_end() {
  if (buffer_.starts_with("--")) {
    state_ = State::done;
    return What::end;
  }
  const std::size_t end = buffer_.find("\r\n");
  if (end > kHeadMost && buffer_.size() >= kHeadMost + 2)
    return malformed_form("a boundary's line does not end");
  if (end == buffer_.npos) return What::more;
  if (!trimmed(std::string_view(buffer_).substr(0, end)).empty())
    return malformed_form("a boundary has something after it");
  if (++parts_ > kPartsMost) return malformed_form(fmt::format("it has more than {} parts", kPartsMost));
  // The end of this line stays: a head without a line is then one that ends at once.
  drop(end);
  state_ = State::head;
  return std::nullopt;
}

Result<MultipartCutter::What> MultipartCutter::take_head() {
  const std::size_t end = buffer_.find("\r\n\r\n");
  if (end > kHeadMost && buffer_.size() >= kHeadMost + 4) return malformed_form("a part's head is too long");
  if (end == buffer_.npos) return What::more;
  name_.clear();
  filename_.reset();
  bool named = false;
  std::string_view lines = std::string_view(buffer_).substr(0, end);
  while (!lines.empty()) {
    lines.remove_prefix(2);
    const std::string_view line = lines.substr(0, std::min(lines.find("\r\n"), lines.size()));
    lines.remove_prefix(line.size());
    const std::size_t colon = line.find(':');
    if (colon == line.npos) return malformed_form("a header has no colon");
    if (!same_word(trimmed(line.substr(0, colon)), "content-disposition")) continue;
    const std::string_view value = trimmed(line.substr(colon + 1));
    if (!same_word(main_value(value), "form-data")) return malformed_form("a part is no form-data");
    Parameters parameters(parameters_of(value));
    for (;;) {
      ACLOUD_TRY(const auto each, parameters.next());
      if (!each) break;
      if (same_word(each->first, "name")) {
        name_ = each->second;
        named = true;
      } else if (same_word(each->first, "filename")) {
        filename_ = each->second;
      }
    }
  }
  if (!named) return malformed_form("a part has no name");
  drop(end + 4);
  state_ = State::body;
  return What::part;
}

// What can't be the beginning of a boundary is given.
MultipartCutter::What MultipartCutter::take_body() {
  const std::size_t at = buffer_.find(delimiter_);
  if (at == 0) {
    state_ = State::body_end;
    return What::part_end;
  }
  const std::size_t safe =
      at != buffer_.npos ? at : buffer_.size() - std::min(buffer_.size(), delimiter_.size() - 1);
  if (safe == 0) return What::more;
  given_ = safe;
  bytes_ = std::string_view(buffer_).substr(0, safe);
  return What::data;
}

}  // namespace acloud::surfaces
