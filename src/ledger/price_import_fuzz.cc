// A price file from a stranger: read or refused with a clear error, and what was read prices a use as it
// must.
#include "base/encoding.h"
#include "fuzz.h"
#include "ledger/price_import.h"

using namespace acloud;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto json = parse_json(fuzz::text(data, size));
  if (!json) return 0;
  const auto imported = ledger::import_prices(*json);
  if (!imported) {
    fuzz::require(is_utf8(imported.error().message()), "messages are UTF-8");
    return 0;
  }
  const ledger::Usage usage{
      .tokens = {.input_uncached = 1'000, .cache_read = 300'000, .output = 40'000, .reasoning = 10'000}};
  for (const auto& [model, sheet] : imported->sheets) {
    const ledger::Money cost = sheet.cost(usage);
    const ledger::Money bound =
        sheet.bound({.model = model, .input = usage.tokens.input(), .max_output = 50'000});
    fuzz::require(cost >= ledger::Money() && cost <= bound, "a use within its estimate is within its bound");
    const auto again = decode<ledger::PriceSheet>(*parse_json(encode(sheet)));
    fuzz::require(again && *again == sheet, "a sheet is read back as it is stored");
  }
  return 0;
}
