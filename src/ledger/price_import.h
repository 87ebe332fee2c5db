// Reads the price file that the community keeps of hosted models (model_prices_and_context_window.json of
// LiteLLM): one object, in which each model has the price of a token in each of its buckets.
//
// Fields that are read, each a number: input_cost_per_token, output_cost_per_token,
// output_cost_per_reasoning_token, cache_read_input_token_cost, cache_creation_input_token_cost and with
// _above_1hr, all of them also with _above_<N>k_tokens; input_cost_per_token_batches,
// output_cost_per_token_batches; max_output_tokens; tiered_pricing [{range: [from, to], ...}] with the same
// fields. A model of the provider dashscope, which is Bailian, has Bailian's rules for what is not said of
// its cache. Models that are not priced by the token (images, audio by the second) are left out.
#pragma once

#include <map>
#include <string>

#include "ledger/prices.h"

namespace acloud::ledger {

struct ImportedPrices {
  std::map<std::string, PriceSheet> sheets;
  std::int64_t skipped = 0;  // models that are not priced by the token
};

inline constexpr std::size_t kImportedMost = 20'000;  // models
inline constexpr std::size_t kTiersMost = 16;
inline constexpr std::size_t kModelNameMost = 256;  // bytes

// Prices are read as the decimals that are written, and rounded to 15 (a half to the even digit).
// Errors: invalid_argument, naming the model and the field: no number, below zero, more than a unit a token;
// tiers that overlap or leave gaps; too_large.
Result<ImportedPrices> import_prices(const Json& file);

}  // namespace acloud::ledger
