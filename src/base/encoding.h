// Text forms of bytes: hex, base64, percent-encoding; checks of UTF-8; SHA-256.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"

namespace acloud {

std::string to_hex(std::string_view bytes);
// Errors: invalid_argument (odd length, other characters). Takes both cases.
Result<std::string> from_hex(std::string_view text);

// RFC 4648 with padding.
std::string to_base64(std::string_view bytes);
// Errors: invalid_argument, naming the offset. Takes missing padding and the URL-safe alphabet.
Result<std::string> from_base64(std::string_view text);

// Percent-encodes everything but RFC 3986's unreserved characters.
std::string to_percent(std::string_view text);
// Errors: invalid_argument (a % without two hex digits). `plus_is_space`: as in a query string.
Result<std::string> from_percent(std::string_view text, bool plus_is_space = false);

// True where `text` is well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms).
bool is_utf8(std::string_view text);
// The same text with every malformed sequence replaced by U+FFFD.
std::string to_valid_utf8(std::string_view text);

// 32 bytes.
std::string sha256(std::string_view bytes);

// SHA-256 of bytes that come in pieces.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;
  void update(std::string_view bytes);
  // 32 bytes; the object must not be used afterwards.
  std::string finish();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

// Compares in a time that does not depend on where the two differ.
bool equal_secret(std::string_view a, std::string_view b);

}  // namespace acloud
