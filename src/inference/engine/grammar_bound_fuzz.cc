// Any text is judged, in a time that grows with its length alone.
#include "fuzz.h"
#include "inference/engine/grammar_bound.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto checked = acloud::inference::check_ambiguity(acloud::fuzz::text(data, size));
  acloud::fuzz::require(checked || !checked.error().message().empty(), "refused without a reason");
  return 0;
}
