// What the E2B dialect parses itself: multipart forms, and frames of the Connect protocol.
#include "fuzz.h"
#include "surfaces/e2b/shapes.h"

using namespace acloud;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text(data, size);
  const std::size_t line = std::min(text.find('\n'), text.size());
  const auto files =
      surfaces::e2b::parse_form(text.substr(0, line), text.substr(std::min(line + 1, text.size())));
  std::size_t bytes = 0;
  if (files) {
    for (const auto& file : *files) bytes += file.name.size() + file.content.size();
  }
  fuzz::require(bytes <= size, "files are parts of the form");
  const auto message = surfaces::e2b::unframe(text);
  if (message) {
    const auto again = surfaces::e2b::unframe(surfaces::e2b::frame(*message));
    fuzz::require(again && *again == *message, "a frame is read as it is written");
  }
  return 0;
}
