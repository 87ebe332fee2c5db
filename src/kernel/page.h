// Pages of a list: `limit` items from `cursor` on, in the order of a text key. A cursor is opaque to callers:
// the key of the last item that was given.
#pragma once

#include <string>

#include "base/encoding.h"
#include "base/schema.h"

namespace acloud::kernel {

inline constexpr std::int64_t kPageDefault = 100;
inline constexpr std::int64_t kPageMost = 1000;

inline std::string to_cursor(std::string_view last_key) { return to_hex(last_key); }

// The key after which the page begins; "" for the first page. Errors: invalid_argument.
inline Result<std::string> from_cursor(const std::optional<std::string>& cursor) {
  if (!cursor) return std::string();
  auto key = from_hex(*cursor);
  if (!key)
    return fail(ErrorCode::invalid_argument, "cursor: use the next_cursor of the page before, unchanged");
  return key;
}

}  // namespace acloud::kernel
