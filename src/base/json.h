// JSON that strangers send: parsed with a bound on its depth, read with errors that say where.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/error.h"

namespace acloud {

using Json = nlohmann::json;

inline constexpr std::size_t kJsonDepth = 128;

// RFC 8259, UTF-8. Errors: invalid_argument, naming the byte offset: malformed, nested deeper than
// kJsonDepth, a name twice in one object, malformed UTF-8, or bytes after the value.
Result<Json> parse_json(std::string_view text);

// Compact. Malformed UTF-8 becomes U+FFFD.
std::string to_text(const Json& value);

// `text` as a JSON string with its quotes, appended to `out`. Malformed UTF-8 becomes U+FFFD.
void append_json_string(std::string& out, std::string_view text);

}  // namespace acloud
