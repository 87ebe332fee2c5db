#include "ledger/price_import.h"

#include <charconv>

#include "base/encoding.h"

namespace acloud::ledger {
namespace {

constexpr int kDecimals = 15;
constexpr std::int64_t kTierMost = 1'000'000'000;

// A field of a model, or nothing. Errors: invalid_argument.
Result<std::optional<Money>> money_at(const Json& object, const std::string& name) {
  const auto found = object.find(name);
  if (found == object.end() || found->is_null()) return std::optional<Money>();
  if (!found->is_number() && !found->is_string())
    return fail(ErrorCode::invalid_argument, "{}: no number", name);
  const std::string text = found->is_string()         ? found->get<std::string>()
                           : found->is_number_float() ? fmt::format("{}", found->get<double>())
                                                      : found->dump();
  auto money = Money::parse_rounded(text, kDecimals);
  if (!money) return std::unexpected(std::move(money).error().within(name));
  if (*money < Money() || *money > Money::units(1))
    return fail(ErrorCode::invalid_argument, "{}: {} is not from 0 to 1", name, text);
  return std::optional(*money);
}

CacheRules rules_of(const Json& model) {
  const auto provider = model.find("litellm_provider");
  const bool bailian = provider != model.end() && *provider == "dashscope";
  return bailian ? CacheRules::bailian : CacheRules::none;
}

// The prices of `object` whose names end in `suffix`; what is missing is taken from `base`.
// `base` is null for the first tier.
Result<TokenPrices> prices_of(const Json& object, const std::string& suffix, const TokenPrices* base,
                              CacheRules rules) {
  TokenPrices prices = base != nullptr ? *base : TokenPrices{.rules = rules};
  const auto take = [&](std::string_view name, std::optional<Money>& to) -> Result<> {
    ACLOUD_TRY(const auto found, money_at(object, std::string(name) + suffix));
    if (found) to = found;
    return {};
  };
  std::optional<Money> input = prices.input;
  std::optional<Money> output = prices.output;
  ACLOUD_CHECK(take("input_cost_per_token", input));
  ACLOUD_CHECK(take("output_cost_per_token", output));
  prices.input = *input;
  prices.output = *output;
  ACLOUD_CHECK(take("output_cost_per_reasoning_token", prices.reasoning));
  ACLOUD_CHECK(take("cache_read_input_token_cost", prices.cache_read));
  ACLOUD_CHECK(take("cache_creation_input_token_cost", prices.cache_write_5m));
  ACLOUD_CHECK(take("cache_creation_input_token_cost_above_1hr", prices.cache_write_1h));
  if (suffix.empty()) {
    ACLOUD_TRY(prices.batch_input, money_at(object, "input_cost_per_token_batches"));
    ACLOUD_TRY(prices.batch_output, money_at(object, "output_cost_per_token_batches"));
  }
  return prices;
}

// Where the tiers of "..._above_<N>k_tokens" begin.
std::vector<std::int64_t> thresholds_of(const Json& model) {
  constexpr std::string_view kAbove = "_above_";
  constexpr std::string_view kEnd = "k_tokens";
  std::vector<std::int64_t> thresholds;
  for (const auto& [name, value] : model.items()) {
    const auto at = name.rfind(kAbove);
    if (at == name.npos || !name.ends_with(kEnd) || !value.is_number()) continue;
    const char* const begin = name.data() + at + kAbove.size();
    const char* const end = name.data() + name.size() - kEnd.size();
    std::int64_t thousands = 0;
    const auto [stopped, error] = std::from_chars(begin, end, thousands);
    if (begin >= end || error != std::errc() || stopped != end) continue;
    if (thousands <= 0 || thousands > kTierMost / 1000) continue;
    thresholds.push_back(thousands * 1000);
  }
  std::ranges::sort(thresholds);
  thresholds.erase(std::unique(thresholds.begin(), thresholds.end()), thresholds.end());
  return thresholds;
}

Result<std::vector<Tier>> tiers_above(const Json& model) {
  const CacheRules rules = rules_of(model);
  const std::vector<std::int64_t> thresholds = thresholds_of(model);
  if (thresholds.size() >= kTiersMost) return fail(ErrorCode::too_large, "more than {} tiers", kTiersMost);
  ACLOUD_TRY(TokenPrices prices, prices_of(model, "", nullptr, rules));
  std::vector<Tier> tiers{{std::nullopt, prices.rates()}};
  for (const std::int64_t threshold : thresholds) {
    tiers.back().up_to = threshold;
    const std::string suffix = fmt::format("_above_{}k_tokens", threshold / 1000);
    ACLOUD_TRY(prices, prices_of(model, suffix, &prices, rules));
    tiers.push_back({std::nullopt, prices.rates()});
  }
  return tiers;
}

Result<std::int64_t> whole(const Json& value) {
  if (!value.is_number() || value.get<double>() < 0 || value.get<double>() > static_cast<double>(kTierMost))
    return fail(ErrorCode::invalid_argument, "range: {} is no number of tokens", value.dump());
  return value.get<std::int64_t>();
}

Result<std::vector<Tier>> tiers_listed(const Json& model, const Json& list) {
  if (!list.is_array() || list.size() > kTiersMost)
    return fail(ErrorCode::invalid_argument, "tiered_pricing: no list of 1 to {} tiers", kTiersMost);
  std::vector<Tier> tiers;
  std::int64_t reached = 0;
  for (const Json& item : list) {
    const auto range = item.is_object() ? item.find("range") : item.end();
    if (!item.is_object() || range == item.end() || !range->is_array() || range->size() != 2)
      return fail(ErrorCode::invalid_argument, "tiered_pricing: a tier has no range of two numbers");
    ACLOUD_TRY(const std::int64_t from, whole((*range)[0]));
    ACLOUD_TRY(const std::int64_t to, whole((*range)[1]));
    if (from != reached || to <= from)
      return fail(ErrorCode::invalid_argument, "tiered_pricing: {} to {} does not follow {}", from, to,
                  reached);
    reached = to;
    ACLOUD_TRY(const TokenPrices prices, prices_of(item, "", nullptr, rules_of(model)));
    tiers.push_back({to, prices.rates()});
  }
  // Longer requests than the model takes have no price of their own; the last is the nearest.
  if (!tiers.empty()) tiers.back().up_to.reset();
  return tiers;
}

Result<std::optional<PriceSheet>> sheet_of(const Json& model) {
  PriceSheet sheet;
  const auto listed = model.find("tiered_pricing");
  if (listed != model.end() && !listed->is_null()) {
    ACLOUD_TRY(sheet.tiers, tiers_listed(model, *listed));
  } else if (model.contains("input_cost_per_token")) {
    ACLOUD_TRY(sheet.tiers, tiers_above(model));
  }
  if (sheet.tiers.empty()) return std::optional<PriceSheet>();
  const auto most = model.find("max_output_tokens");
  if (most != model.end() && most->is_number_integer() && *most > 0 && *most <= kTokensMost)
    sheet.max_output = most->get<std::int64_t>();
  return std::optional(std::move(sheet));
}

}  // namespace

Result<ImportedPrices> import_prices(const Json& file) {
  if (!file.is_object()) return fail(ErrorCode::invalid_argument, "the price file is no object of models");
  if (file.size() > kImportedMost)
    return fail(ErrorCode::too_large, "{} models, more than {}", file.size(), kImportedMost);
  ImportedPrices imported;
  for (const auto& [name, model] : file.items()) {
    if (name == "sample_spec") continue;  // the file's own explanation
    if (name.empty() || name.size() > kModelNameMost || !model.is_object()) {
      return fail(ErrorCode::invalid_argument, "\"{}\" is no model with its prices",
                  to_valid_utf8(std::string_view(name).substr(0, kModelNameMost)));
    }
    auto sheet = sheet_of(model);
    if (!sheet) return std::unexpected(std::move(sheet).error().within(name));
    if (*sheet) {
      imported.sheets.emplace(name, **std::move(sheet));
    } else {
      ++imported.skipped;
    }
  }
  return imported;
}

}  // namespace acloud::ledger
