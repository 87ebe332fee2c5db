#include "config.h"

#include <toml++/toml.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "base/encoding.h"
#include "model/guard/guard.h"

namespace acloud {
namespace {

Json to_json(const toml::node& node) {
  if (const auto* table = node.as_table()) {
    Json object = Json::object();
    for (const auto& [key, value] : *table) object[std::string(key.str())] = to_json(value);
    return object;
  }
  if (const auto* array = node.as_array()) {
    Json list = Json::array();
    for (const toml::node& item : *array) list.push_back(to_json(item));
    return list;
  }
  if (const auto text = node.value_exact<std::string>()) return *text;
  if (const auto integer = node.value_exact<std::int64_t>()) return *integer;
  if (const auto number = node.value_exact<double>()) return *number;
  if (const auto boolean = node.value_exact<bool>()) return *boolean;
  std::ostringstream text;  // dates and times: as they are written
  node.visit([&text](const auto& value) {
    if constexpr (toml::is_chronological<decltype(value)>) text << value.get();
  });
  return text.str();
}

// The line of the deepest node on the way to `field` ("server.limits.connections", "provider[2].name").
std::uint32_t line_of(const toml::table& table, std::string_view field) {
  const toml::node_view<const toml::node> found = table.at_path(field);
  if (found) return found.node()->source().begin.line;
  const auto cut = field.find_last_of(".[");
  return cut == field.npos ? 1 : line_of(table, field.substr(0, cut));
}

// Unknown keys are reported at their table: look for the key's own line.
std::uint32_t line_of_error(const toml::table& table, const Error& error) {
  const std::string field = error.details().value("field", "");
  const toml::node_view<const toml::node> found =
      field.empty() ? toml::node_view<const toml::node>(table) : table.at_path(field);
  const std::string& message = error.message();
  constexpr std::string_view kUnknown = "unknown field \"";
  const auto at = message.find(kUnknown);
  const toml::table* inside = found ? found.as_table() : nullptr;
  if (at != message.npos && inside != nullptr) {
    const auto from = at + kUnknown.size();
    const std::string key = message.substr(from, message.find('"', from) - from);
    for (const auto& [name, value] : *inside) {
      if (name.str() == key) return name.source().begin.line;
    }
  }
  return field.empty() ? 1 : line_of(table, field);
}

// Debian's build of the library reports by exception.
Result<toml::table> parse_toml(std::string_view text, std::string_view name) {
  try {
    return toml::parse(text);
  } catch (const toml::parse_error& error) {
    return fail(ErrorCode::invalid_argument, "{}:{}: {}", name, error.source().begin.line,
                to_valid_utf8(error.description()));
  }
}

}  // namespace

bool is_currency(std::string_view text) {
  return text.size() == 3 && std::ranges::all_of(text, [](char c) { return c >= 'A' && c <= 'Z'; });
}

bool is_isolation(std::string_view text) {
  if (text == "jail") return true;
  if (!text.starts_with("oci:")) return false;
  const std::string_view name = text.substr(4);
  return !name.empty() && name.size() <= 64 && name[0] != '.' && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
  });
}

Result<Config> parse_config(std::string_view text, std::string_view name) {
  ACLOUD_TRY(const toml::table table, parse_toml(text, name));
  auto config = decode<Config>(to_json(table));
  if (config) {
    const auto checked = identity::check(config->signup);
    if (!checked) {
      return fail(ErrorCode::invalid_argument, "{}:{}: {}", name, line_of(table, "signup.budget"),
                  checked.error().message());
    }
    const auto guarded = model::guard::check(config->guardrail);
    if (guarded) return config;
    return fail(ErrorCode::invalid_argument, "{}:{}: {}", name, line_of_error(table, guarded.error()),
                guarded.error().message());
  }
  return fail(ErrorCode::invalid_argument, "{}:{}: {}", name, line_of_error(table, config.error()),
              config.error().message());
}

Result<Config> load_config(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail(ErrorCode::not_found, "{}: can't be read", path);
  std::ostringstream text;
  text << file.rdbuf();
  return parse_config(text.str(), path);
}

}  // namespace acloud
