#include "base/json_outline.h"

#include <charconv>
#include <cstring>

#include "base/encoding.h"

namespace acloud {
namespace {

constexpr std::size_t kMaxDepth = kJsonDepth;

bool is_blank(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }
bool ends_scalar(char c) { return is_blank(c) || c == ',' || c == '}'; }

std::size_t skip_blank(std::string_view text, std::size_t at) {
  while (at < text.size() && is_blank(text[at])) ++at;
  return at;
}

// One past the value that begins at `at`.
std::size_t end_of_value(std::string_view text, std::size_t at) {
  std::size_t depth = 0;
  bool in_string = false;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (in_string) {
      if (c == '\\') {
        ++at;
      } else if (c == '"') {
        in_string = false;
        if (depth == 0) return at + 1;
      }
      continue;
    }
    if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if (c == '}' || c == ']') {
      if (depth == 0) return at;
      if (--depth == 0) return at + 1;
    } else if (depth == 0 && (c == ',' || is_blank(c))) {
      return at;
    }
  }
  return text.size();
}

}  // namespace

Result<> JsonOutline::feed(std::string_view piece) {
  std::size_t at = 0;
  while (at < piece.size()) {
    const std::size_t before = at;
    const bool was_value = keep_;
    ACLOUD_TRY(at, step(piece, at));
    if (!was_value) continue;
    std::string& text = fields_.back().text;
    text.append(piece.substr(before, at - before));
    if (text.size() > kTextBytes) {
      text = std::string();
      keep_ = false;
    } else if (state_ == State::comma_or_end) {
      keep_ = false;
    }
  }
  passed_ += piece.size();
  return {};
}

Result<> JsonOutline::finish() const {
  if (state_ == State::done) return {};
  return fail(ErrorCode::invalid_argument, "malformed JSON: at byte {}: the object ends too soon", passed_);
}

std::unexpected<Error> JsonOutline::malformed(std::size_t at, std::string_view wanted) const {
  return fail(ErrorCode::invalid_argument, "malformed JSON: at byte {}: expected {}", passed_ + at, wanted);
}

// Goes on from `at`, by a byte at least or to another state; gives where it stopped.
JsonOutline::Step JsonOutline::step(std::string_view piece, std::size_t at) {
  switch (state_) {
    case State::name:
      return in_name(piece, at);
    case State::string:
      at = skip_string(piece, at);
      if (!inside_string_) end_value(at);
      return at;
    case State::nested:
      return in_nested(piece, at);
    case State::scalar:
      while (at < piece.size() && !ends_scalar(piece[at])) ++at;
      if (at < piece.size()) end_value(at);
      return at;
    default:
      break;
  }
  if (is_blank(piece[at])) return skip_blank(piece, at);
  return between(piece[at], at);
}

JsonOutline::Step JsonOutline::between(char c, std::size_t at) {
  switch (state_) {
    case State::start:
      if (c != '{') return malformed(at, "an object, which begins with {");
      state_ = State::name_or_end;
      return at + 1;
    case State::name_or_end:
      if (c == '}' && first_) break;
      if (c != '"') return malformed(at, "a name in quotes");
      first_ = false;
      name_.clear();
      inside_string_ = true;
      state_ = State::name;
      return at + 1;
    case State::colon:
      if (c != ':') return malformed(at, "a colon");
      state_ = State::value;
      return at + 1;
    case State::value:
      return begin_value(c, at);
    case State::comma_or_end:
      if (c == '}') break;
      if (c != ',') return malformed(at, "a comma or }");
      state_ = State::name_or_end;
      return at + 1;
    default:
      return malformed(at, "nothing more after the object");
  }
  state_ = State::done;
  end_ = passed_ + at;
  return at + 1;
}

JsonOutline::Step JsonOutline::begin_value(char c, std::size_t at) {
  fields_.push_back({.name = name_, .begin = passed_ + at, .end = 0, .text = {}});
  keep_ = true;
  if (c == '"') {
    state_ = State::string;
    inside_string_ = true;
    fields_.back().text = c;
    return at + 1;
  }
  if (c == '{' || c == '[') {
    state_ = State::nested;
    open_.clear();
    ACLOUD_CHECK(bracket(c));
    fields_.back().text = c;
    return at + 1;
  }
  if (ends_scalar(c) || c == ']' || c == ':') return malformed(at, "a value");
  state_ = State::scalar;
  fields_.back().text = c;
  return at + 1;
}

JsonOutline::Step JsonOutline::in_name(std::string_view piece, std::size_t at) {
  const std::size_t stop = skip_string(piece, at);
  name_.append(piece.substr(at, stop - at));
  if (name_.size() > kNameBytes) return malformed(at, fmt::format("a name of at most {} bytes", kNameBytes));
  if (!inside_string_) {
    name_.pop_back();  // the quote
    ACLOUD_CHECK(end_name());
  }
  return stop;
}

Result<> JsonOutline::end_name() {
  if (name_.find('\\') != std::string::npos) {
    ACLOUD_TRY(const Json name, parse_json('"' + name_ + '"'));
    name_ = name.get<std::string>();
  }
  if (find(name_) != nullptr) {
    return fail(ErrorCode::invalid_argument, "malformed JSON: the name \"{}\" stands twice",
                to_valid_utf8(name_.substr(0, 80)));
  }
  if (fields_.size() == kFields) {
    return fail(ErrorCode::invalid_argument, "the object has more than {} fields", kFields);
  }
  state_ = State::colon;
  return {};
}

JsonOutline::Step JsonOutline::in_nested(std::string_view piece, std::size_t at) {
  while (at < piece.size()) {
    if (inside_string_) {
      at = skip_string(piece, at);
      continue;
    }
    const char c = piece[at++];
    if (c == '"') {
      inside_string_ = true;
    } else if (c == '{' || c == '[' || c == '}' || c == ']') {
      ACLOUD_CHECK(bracket(c));
      if (open_.empty()) {
        end_value(at);
        return at;
      }
    }
  }
  return at;
}

Result<> JsonOutline::bracket(char c) {
  if (c == '{' || c == '[') {
    if (open_.size() + 1 >= kMaxDepth) {
      return fail(ErrorCode::invalid_argument, "malformed JSON: nested deeper than {}", kMaxDepth);
    }
    open_.push_back(c == '{');
    return {};
  }
  if (open_.back() != (c == '}')) {
    return fail(ErrorCode::invalid_argument, "malformed JSON: in field \"{}\" a {} closes the other kind",
                to_valid_utf8(name_.substr(0, 80)), c);
  }
  open_.pop_back();
  return {};
}

void JsonOutline::end_value(std::size_t at) {
  fields_.back().end = passed_ + at;
  state_ = State::comma_or_end;
}

// One past the string's closing quote, or the end of the piece while inside_string_ stays true.
std::size_t JsonOutline::skip_string(std::string_view piece, std::size_t at) {
  const auto find_from = [&](char c, std::size_t from, std::size_t to) {
    const void* found = from < to ? std::memchr(piece.data() + from, c, to - from) : nullptr;
    return found == nullptr ? to : static_cast<std::size_t>(static_cast<const char*>(found) - piece.data());
  };
  if (escaped_) {
    escaped_ = false;
    ++at;
  }
  std::size_t quote = find_from('"', at, piece.size());
  for (;;) {
    if (quote < at) quote = find_from('"', at, piece.size());
    const std::size_t backslash = find_from('\\', at, quote);
    if (backslash == quote) break;
    at = backslash + 2;
    if (at > piece.size()) {
      escaped_ = true;
      return piece.size();
    }
  }
  if (quote == piece.size()) return quote;
  inside_string_ = false;
  return quote + 1;
}

const JsonOutline::Field* JsonOutline::find(std::string_view name) const {
  for (const Field& field : fields_) {
    if (field.name == name) return &field;
  }
  return nullptr;
}

std::optional<Json> JsonOutline::value(std::string_view name) const {
  const Field* field = find(name);
  if (field == nullptr || field->text.empty()) return std::nullopt;
  auto parsed = parse_json(field->text);
  if (!parsed) return std::nullopt;
  return *std::move(parsed);
}

std::optional<std::string> JsonOutline::string(std::string_view name) const {
  const Field* field = find(name);
  if (field == nullptr || field->text.size() < 2 || field->text.front() != '"') return std::nullopt;
  if (field->text.find('\\') == std::string::npos && is_utf8(field->text)) {
    return field->text.substr(1, field->text.size() - 2);
  }
  const auto parsed = value(name);
  return parsed && parsed->is_string() ? std::optional(parsed->get<std::string>()) : std::nullopt;
}

std::optional<std::int64_t> JsonOutline::integer(std::string_view name) const {
  const Field* field = find(name);
  if (field == nullptr) return std::nullopt;
  std::int64_t number = 0;
  const char* end = field->text.data() + field->text.size();
  const auto [stop, error] = std::from_chars(field->text.data(), end, number);
  return error == std::errc() && stop == end ? std::optional(number) : std::nullopt;
}

bool JsonOutline::is_true(std::string_view name) const {
  const Field* field = find(name);
  return field != nullptr && field->text == "true";
}

std::string_view find_json_value(std::string_view text, std::string_view name) {
  std::size_t at = 0;
  while ((at = text.find(name, at)) != std::string_view::npos) {
    const std::size_t after = at + name.size();
    const bool quoted = at > 0 && text[at - 1] == '"' && after < text.size() && text[after] == '"';
    at = after;
    if (!quoted) continue;
    const std::size_t colon = skip_blank(text, after + 1);
    if (colon >= text.size() || text[colon] != ':') continue;
    const std::size_t begin = skip_blank(text, colon + 1);
    return text.substr(begin, end_of_value(text, begin) - begin);
  }
  return {};
}

}  // namespace acloud
