#include "base/json.h"

#include <simdjson.h>

#include <algorithm>

#include "base/encoding.h"

namespace acloud {
namespace {

// Builds the value while watching depth and names. nlohmann's own DOM parser keeps the last of two equal
// names and has no bound on depth.
class Builder final : public nlohmann::json_sax<Json> {
 public:
  bool null() override { return put(nullptr); }
  bool boolean(bool value) override { return put(value); }
  bool number_integer(number_integer_t value) override { return put(value); }
  bool number_unsigned(number_unsigned_t value) override { return put(value); }
  bool number_float(number_float_t value, const string_t&) override { return put(value); }
  bool string(string_t& value) override { return put(std::move(value)); }
  bool binary(binary_t&) override { return false; }
  bool start_object(std::size_t) override { return open(Json::object()); }
  bool end_object() override { return close(); }
  bool start_array(std::size_t) override { return open(Json::array()); }
  bool end_array() override { return close(); }

  bool key(string_t& name) override {
    if (stack_.back()->contains(name)) {
      problem_ = fmt::format("the name \"{}\" stands twice in one object", to_valid_utf8(name.substr(0, 80)));
      return false;
    }
    key_ = std::move(name);
    return true;
  }

  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception& error) override {
    // The library's message begins with its own error number and repeats the place: keep what follows.
    const std::string_view text = error.what();
    const auto colon = text.find(": ");
    problem_ = fmt::format("at byte {}: {}", position,
                           to_valid_utf8(colon == text.npos ? text : text.substr(colon + 2, 200)));
    return false;
  }

  Json take() { return std::move(root_); }
  const std::string& problem() const { return problem_; }

 private:
  Json* add(Json value) {
    if (stack_.empty()) {
      root_ = std::move(value);
      return &root_;
    }
    Json& parent = *stack_.back();
    if (parent.is_array()) {
      parent.push_back(std::move(value));
      return &parent.back();
    }
    return &(parent[std::move(key_)] = std::move(value));
  }

  bool put(Json value) {
    add(std::move(value));
    return true;
  }

  bool open(Json container) {
    if (stack_.size() >= kJsonDepth) {
      problem_ = fmt::format("nested deeper than {}", kJsonDepth);
      return false;
    }
    stack_.push_back(add(std::move(container)));
    return true;
  }

  bool close() {
    stack_.pop_back();
    return true;
  }

  Json root_;
  std::vector<Json*> stack_;  // the containers that are open; none moves while it is
  std::string key_;
  std::string problem_;
};

// The value as nlohmann would have it; nothing where a bound is passed or a name stands twice.
std::optional<Json> to_json(simdjson::dom::element from, std::size_t depth) {
  using simdjson::dom::element_type;
  switch (from.type()) {
    case element_type::NULL_VALUE:
      return Json(nullptr);
    case element_type::BOOL:
      return Json(bool(from));
    case element_type::STRING:
      return Json(std::string_view(from));
    case element_type::DOUBLE:
      return Json(double(from));
    case element_type::UINT64:
      return Json(std::uint64_t(from));
    case element_type::INT64: {
      const std::int64_t number(from);  // what is not negative is unsigned to nlohmann
      return number < 0 ? Json(number) : Json(static_cast<std::uint64_t>(number));
    }
    case element_type::ARRAY: {
      if (depth == kJsonDepth) return std::nullopt;
      Json array = Json::array();
      for (const simdjson::dom::element item : simdjson::dom::array(from)) {
        auto value = to_json(item, depth + 1);
        if (!value) return std::nullopt;
        array.push_back(*std::move(value));
      }
      return array;
    }
    case element_type::OBJECT: {
      if (depth == kJsonDepth) return std::nullopt;
      Json object = Json::object();
      for (const auto& [name, item] : simdjson::dom::object(from)) {
        auto value = to_json(item, depth + 1);
        if (!value || !object.emplace(name, *std::move(value)).second) return std::nullopt;
      }
      return object;
    }
  }
  return std::nullopt;
}

// Nothing where `text` is refused, for whatever reason, or might be read otherwise than by the careful
// parser.
std::optional<Json> parse_fast(std::string_view text) {
  constexpr std::size_t kKept = 1 << 20;  // the memory of a larger text is given back
  thread_local simdjson::dom::parser parser;
  simdjson::dom::element root;
  std::optional<Json> value;
  if (parser.parse(text.data(), text.size()).get(root) == simdjson::SUCCESS) value = to_json(root, 0);
  if (text.size() > kKept) parser = simdjson::dom::parser();
  return value;
}

void append_escaped(std::string& out, char c) {
  switch (c) {
    case '"':
    case '\\':
      out += '\\';
      out += c;
      break;
    case '\n':
      out += "\\n";
      break;
    case '\t':
      out += "\\t";
      break;
    case '\r':
      out += "\\r";
      break;
    default:
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned char>(c));
  }
}

}  // namespace

Result<Json> parse_json(std::string_view text) {
  // simdjson says whether, not where: what it refuses is read again for the message.
  if (auto value = parse_fast(text)) return *std::move(value);
  // The library takes a NUL for the end of the text, and would pass over what follows.
  if (const auto nul = text.find('\0'); nul != text.npos) {
    return fail(ErrorCode::invalid_argument, "malformed JSON: at byte {}: a NUL stands nowhere in JSON", nul);
  }
  Builder builder;
  if (!Json::sax_parse(text.begin(), text.end(), &builder)) {
    return fail(ErrorCode::invalid_argument, "malformed JSON: {}", builder.problem());
  }
  return builder.take();
}

std::string to_text(const Json& value) {
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

void append_json_string(std::string& out, std::string_view text) {
  if (!is_utf8(text)) return append_json_string(out, to_valid_utf8(text));
  const auto stands_as_it_is = [](char c) {
    return static_cast<unsigned char>(c) >= 0x20 && c != '"' && c != '\\';
  };
  out += '"';
  while (true) {
    const auto end = std::ranges::find_if_not(text, stands_as_it_is);
    out.append(text.begin(), end);
    if (end == text.end()) break;
    append_escaped(out, *end);
    text = std::string_view(end + 1, text.end());
  }
  out += '"';
}

}  // namespace acloud
