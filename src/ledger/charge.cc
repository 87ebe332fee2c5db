#include "ledger/charge.h"

namespace acloud::ledger {

Charge charge(Usage usage, const PriceSheet* sheet, Time at) {
  Tokens& tokens = usage.tokens;
  for (std::int64_t* count : {&tokens.input_uncached, &tokens.cache_read, &tokens.cache_write_5m,
                              &tokens.cache_write_1h, &tokens.output, &tokens.reasoning}) {
    *count = std::clamp<std::int64_t>(*count, 0, kTokensMost);
  }
  if (usage.media) {
    usage.media->video = std::clamp<std::chrono::milliseconds>(usage.media->video, {}, kVideoMost);
    usage.media->images = std::clamp<std::int64_t>(usage.media->images, 0, kImagesMost);
  }
  const Money cost = sheet != nullptr ? sheet->cost(usage) : Money();
  return {.at = at,
          .model = std::move(usage.model),
          .provider = std::move(usage.provider),
          .tokens = tokens,
          .cost = cost,
          .priced = sheet != nullptr,
          .estimated = usage.estimated,
          .explicit_cache = usage.explicit_cache,
          .batch = usage.batch,
          .media = usage.media,
          .resolution = usage.resolution.empty() ? std::nullopt : std::optional(std::move(usage.resolution))};
}

}  // namespace acloud::ledger
