// Cuts a stream of bytes into pieces of text: a character that arrived in part waits for its rest.
#pragma once

#include <string>

#include "base/encoding.h"

namespace acloud::sandbox {

// How many bytes of `text` come before a character at its end that is not whole yet: all of them, or up to
// three fewer. What is malformed rather than unfinished counts as whole.
inline std::size_t whole_utf8(std::string_view text) {
  const std::size_t most = std::min<std::size_t>(text.size(), 3);
  for (std::size_t back = 1; back <= most; ++back) {
    const auto byte = static_cast<std::uint8_t>(text[text.size() - back]);
    if (byte < 0x80) break;     // ASCII: what follows it is malformed
    if (byte < 0xc0) continue;  // inside a character
    const std::size_t length = byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : byte < 0xf8 ? 4 : 1;
    return length > back ? text.size() - back : text.size();
  }
  return text.size();
}

class Utf8Pieces {
 public:
  // What can be shown of all that came so far and was not given yet; "" for nothing.
  std::string add(std::string_view bytes) {
    rest_ += bytes;
    const std::size_t whole = whole_utf8(rest_);
    std::string text = to_valid_utf8(std::string_view(rest_).substr(0, whole));
    rest_.erase(0, whole);
    return text;
  }
  // At the end: what never became whole.
  std::string finish() { return to_valid_utf8(std::exchange(rest_, {})); }

 private:
  std::string rest_;
};

}  // namespace acloud::sandbox
