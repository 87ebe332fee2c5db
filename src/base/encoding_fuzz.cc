// Text forms of bytes: what was encoded decodes to itself, and what decodes is encoded to the same meaning.
#include "base/clock.h"
#include "base/encoding.h"
#include "fuzz.h"

using namespace acloud;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text(data, size);
  fuzz::require(from_hex(to_hex(text)) == text, "hex");
  fuzz::require(from_base64(to_base64(text)) == text, "base64");
  fuzz::require(from_percent(to_percent(text)) == text, "percent-encoding");
  if (const auto bytes = from_hex(text)) fuzz::require(bytes->size() * 2 == size, "length of hex");
  if (const auto bytes = from_base64(text)) fuzz::require(from_base64(to_base64(*bytes)) == *bytes, "base64");
  for (const bool plus_is_space : {false, true}) {
    if (const auto bytes = from_percent(text, plus_is_space)) fuzz::require(bytes->size() <= size, "percent");
  }

  const std::string repaired = to_valid_utf8(text);
  fuzz::require(is_utf8(repaired), "repaired UTF-8 is UTF-8");
  fuzz::require((repaired == text) == is_utf8(text), "only malformed UTF-8 is changed");

  if (const auto time = parse_rfc3339(text)) {
    fuzz::require(parse_rfc3339(to_rfc3339(*time)) == *time, "a time is read back as written");
  }
  return 0;
}
