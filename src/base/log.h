// Structured logs: one JSON object a line on standard error, with the time, the level, a message that is the
// same for every occurrence, and fields. Never a key, a secret or a prompt.
//
//   log::info("request", {{"request_id", id}, {"status", 200}});
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <variant>

namespace acloud::log {

enum class Level { debug, info, warn, error, off };

using FieldValue = std::variant<std::string_view, std::int64_t, double, bool>;
struct Field {
  std::string_view name;
  FieldValue value;

  Field(std::string_view n, const char* v) : name(n), value(std::string_view(v)) {}
  Field(std::string_view n, std::string_view v) : name(n), value(v) {}
  Field(std::string_view n, const std::string& v) : name(n), value(std::string_view(v)) {}
  Field(std::string_view n, bool v) : name(n), value(v) {}
  Field(std::string_view n, double v) : name(n), value(v) {}
  template <std::integral T>
    requires(!std::same_as<T, bool>)
  Field(std::string_view n, T v) : name(n), value(static_cast<std::int64_t>(v)) {}
};

void set_level(Level level);
bool enabled(Level level);
// Thread-safe; a line is written whole.
void write(Level level, std::string_view message, std::initializer_list<Field> fields);

inline void debug(std::string_view message, std::initializer_list<Field> fields = {}) {
  if (enabled(Level::debug)) write(Level::debug, message, fields);
}
inline void info(std::string_view message, std::initializer_list<Field> fields = {}) {
  if (enabled(Level::info)) write(Level::info, message, fields);
}
inline void warn(std::string_view message, std::initializer_list<Field> fields = {}) {
  if (enabled(Level::warn)) write(Level::warn, message, fields);
}
inline void error(std::string_view message, std::initializer_list<Field> fields = {}) {
  if (enabled(Level::error)) write(Level::error, message, fields);
}

}  // namespace acloud::log
