// What the E2B dialect parses itself: multipart forms, frames of the Connect protocol, and what `stat` says
// inside of a sandbox, where anything may have taken its place.
#include "fuzz.h"
#include "surfaces/e2b/entries.h"
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
  const auto entry = surfaces::e2b::entry_from_stat("/home/user/a", std::string(text));
  fuzz::require(!entry || entry->is_object(), "an entry is an object");
  const auto listed = parse_json(text);
  if (listed && listed->is_object()) {
    for (const char* name : {"a", "timeout", "envVars"}) {
      (void)surfaces::e2b::text_member(*listed, name);
      (void)surfaces::e2b::number_member(*listed, name, 0);
    }
  }
  return 0;
}
