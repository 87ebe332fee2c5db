// JSON from strangers: never a crash, always `invalid_argument`, and what is taken is written back the same.
#include "base/encoding.h"
#include "base/json.h"
#include "fuzz.h"

using namespace acloud;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text(data, size);
  const auto value = parse_json(text);
  if (!value) {
    fuzz::require(value.error().code() == ErrorCode::invalid_argument, "code of an error");
    fuzz::require(is_utf8(value.error().message()), "messages are UTF-8");
    return 0;
  }
  const auto other = Json::parse(text, nullptr, false);
  fuzz::require(other == *value, "two parsers read the same");
  const auto again = parse_json(to_text(*value));
  fuzz::require(again && *again == *value, "a value is read back as written");

  std::string quoted;
  append_json_string(quoted, text);
  const auto string = parse_json(quoted);
  fuzz::require(string && *string == std::string(text), "a string is read back as written");
  return 0;
}
