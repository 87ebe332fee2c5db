// A header that strangers send: what is taken has ids that are not zero, and is the same when it is written
// and read again.
#include "fuzz.h"
#include "telemetry/trace.h"

using namespace acloud;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto context = telemetry::parse_traceparent(fuzz::text(data, size));
  if (!context) return 0;
  fuzz::require(context->valid(), "ids");
  const std::string written = telemetry::to_traceparent(*context);
  fuzz::require(written.size() == 55, "a length");
  fuzz::require(telemetry::parse_traceparent(written) == context, "the same when it is written");
  return 0;
}
