// acloud.toml from anybody: never a crash; an error is `invalid_argument` and names file and line.
#include "base/encoding.h"
#include "config.h"
#include "fuzz.h"

using namespace acloud;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto config = parse_config(fuzz::text(data, size), "acloud.toml");
  if (config) {
    const auto& server = config->server;
    fuzz::require(server.threads >= 1 && server.threads <= 256, "threads within its bounds");
    return 0;
  }
  fuzz::require(config.error().code() == ErrorCode::invalid_argument, "code of an error");
  fuzz::require(config.error().message().starts_with("acloud.toml:"), "an error names the line");
  fuzz::require(is_utf8(config.error().message()), "messages are UTF-8");
  return 0;
}
