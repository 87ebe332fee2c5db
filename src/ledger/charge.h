// A use of a model with its price: what stands on a bill.
#pragma once

#include <memory>

#include "ledger/prices.h"

namespace acloud::ledger {

struct Charge {
  Time at{};  // when it was held, which decides whose period it is
  std::string model;
  std::string provider;
  Tokens tokens;
  Money cost;
  bool priced = false;  // false: the model has no price
  bool estimated = false;
  bool explicit_cache = false;
  bool batch = false;
  std::optional<Media> media = {};
  std::optional<std::string> resolution = {};

  static constexpr auto schema = fields(
      field("at", &Charge::at, "When the call was let through."),
      field("model", &Charge::model, "As the caller named it."),
      field("provider", &Charge::provider, "Who did the work."),
      field("tokens", &Charge::tokens, "What was used."), field("cost", &Charge::cost, "What it costs."),
      field("priced", &Charge::priced, "False where the model has no price."),
      field("estimated", &Charge::estimated, "Counted here, since the provider gave no figures."),
      field("explicit_cache", &Charge::explicit_cache, "The caller marked what to cache."),
      field("batch", &Charge::batch, "Done in a batch."),
      field("media", &Charge::media, "What was made that is not counted in tokens."),
      field("resolution", &Charge::resolution, "Of that, where it is known."));
  friend bool operator==(const Charge&, const Charge&) = default;
};

// `sheet` is null where the model has no price. Counts below zero, which are damage, are taken as zero, and
// those above kTokensMost as that; media likewise.
Charge charge(Usage usage, const PriceSheet* sheet, Time at);

}  // namespace acloud::ledger
