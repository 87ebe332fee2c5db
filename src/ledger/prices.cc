#include "ledger/prices.h"

namespace acloud::ledger {
namespace {

constexpr int kBatchPercent = 50;

// Percent of the price of input.
struct CacheShares {
  int read;
  int read_explicit;
  int write_5m;
  int write_1h;
};

constexpr CacheShares shares_of(CacheRules rules) {
  switch (rules) {
    // Bailian keeps an explicit cache 5 minutes; it has none for an hour.
    case CacheRules::bailian:
      return {.read = 20, .read_explicit = 10, .write_5m = 125, .write_1h = 125};
    case CacheRules::anthropic:
      return {.read = 10, .read_explicit = 10, .write_5m = 125, .write_1h = 200};
    case CacheRules::none:
      break;
  }
  return {.read = 100, .read_explicit = 100, .write_5m = 100, .write_1h = 100};
}

Result<Money> for_one_token(std::string_view name, Money million) {
  constexpr int kDecimals = 9;
  if (million < Money() || million > Money::units(kPriceMost) || !Money::parse(million.text(), kDecimals)) {
    return fail(ErrorCode::invalid_argument, "{}: {} is not from 0 to {} with at most {} decimals", name,
                million.text(), kPriceMost, kDecimals);
  }
  return million.millionth();
}

Result<std::optional<Money>> for_one_token(std::string_view name, std::optional<Money> million) {
  if (!million) return std::optional<Money>();
  ACLOUD_TRY(const Money one, for_one_token(name, *million));
  return std::optional(one);
}

PriceBook::Sheets shared(const std::map<std::string, PriceSheet>& sheets) {
  PriceBook::Sheets shared;
  for (const auto& [model, sheet] : sheets) shared.emplace(model, std::make_shared<const PriceSheet>(sheet));
  return shared;
}

}  // namespace

Money Rates::cost(const Usage& usage) const {
  const Tokens& tokens = usage.tokens;
  if (usage.batch) return batch_input * tokens.input() + batch_output * (tokens.output + tokens.reasoning);
  return input * tokens.input_uncached +
         (usage.explicit_cache ? cache_read_explicit : cache_read) * tokens.cache_read +
         cache_write_5m * tokens.cache_write_5m + cache_write_1h * tokens.cache_write_1h +
         output * tokens.output + reasoning * tokens.reasoning;
}

Money Rates::highest_input(bool batch) const {
  if (batch) return batch_input;
  return std::max({input, cache_read, cache_read_explicit, cache_write_5m, cache_write_1h});
}

Money Rates::highest_output(bool batch) const { return batch ? batch_output : std::max(output, reasoning); }

Money MediaRates::second_of(std::string_view resolution) const {
  const auto listed = second_at.find(std::string(resolution));
  if (listed != second_at.end()) return listed->second;
  if (second && !resolution.empty()) return *second;
  Money dearest = second.value_or(Money());
  for (const auto& [name, price] : second_at) dearest = std::max(dearest, price);
  return dearest;
}

Money MediaRates::cost(const Media& media, std::string_view resolution) const {
  return second_of(resolution).thousandth() * media.video.count() + image * media.images;
}

Money PriceSheet::cost(const Usage& usage) const {
  const Money made = usage.media ? cost(*usage.media, usage.resolution) : Money();
  const std::int64_t input = usage.tokens.input();
  for (const Tier& tier : tiers) {
    if (!tier.up_to || input <= *tier.up_to) return tier.rates.cost(usage) + made;
  }
  return (tiers.empty() ? Money() : tiers.back().rates.cost(usage)) + made;
}

Money PriceSheet::bound(const Estimate& estimate) const {
  const std::int64_t output = estimate.max_output.value_or(max_output.value_or(kMaxOutput));
  Money highest;
  std::int64_t from = -1;  // the tier is for inputs above
  for (const Tier& tier : tiers) {
    if (estimate.input <= from) break;
    const std::int64_t input = std::min(estimate.input, tier.up_to.value_or(estimate.input));
    highest = std::max(highest, tier.rates.highest_input(estimate.batch) * input +
                                    tier.rates.highest_output(estimate.batch) * output);
    from = tier.up_to.value_or(estimate.input);
  }
  return highest;
}

Rates TokenPrices::rates() const {
  const CacheShares shares = shares_of(rules);
  const Money read = cache_read.value_or(input.percent(shares.read));
  const Money write = cache_write_5m.value_or(input.percent(shares.write_5m));
  // Under rules each has its own share; otherwise what is not said is as the nearest that is.
  const bool ruled = rules != CacheRules::none;
  return {
      .input = input,
      .cache_read = read,
      .cache_read_explicit = cache_read_explicit.value_or(ruled ? input.percent(shares.read_explicit) : read),
      .cache_write_5m = write,
      .cache_write_1h = cache_write_1h.value_or(ruled ? input.percent(shares.write_1h) : write),
      .output = output,
      .reasoning = reasoning.value_or(output),
      .batch_input = batch_input.value_or(input.percent(kBatchPercent)),
      .batch_output = batch_output.value_or(output.percent(kBatchPercent))};
}

Result<Rates> Price::rates() const {
  TokenPrices prices{.rules = cache_rules};
  ACLOUD_TRY(prices.input, for_one_token("input", input));
  ACLOUD_TRY(prices.output, for_one_token("output", output));
  ACLOUD_TRY(prices.reasoning, for_one_token("reasoning", reasoning));
  ACLOUD_TRY(prices.cache_read, for_one_token("cache_read", cache_read));
  ACLOUD_TRY(prices.cache_read_explicit, for_one_token("cache_read_explicit", cache_read_explicit));
  ACLOUD_TRY(prices.cache_write_5m, for_one_token("cache_write", cache_write));
  ACLOUD_TRY(prices.cache_write_1h, for_one_token("cache_write_1h", cache_write_1h));
  ACLOUD_TRY(prices.batch_input, for_one_token("batch_input", batch_input));
  ACLOUD_TRY(prices.batch_output, for_one_token("batch_output", batch_output));
  return prices.rates();
}

void PriceBook::set_configured(const std::map<std::string, PriceSheet>& sheets) {
  Sheets next = shared(sheets);
  const std::lock_guard lock(mutex_);
  configured_.swap(next);
}

void PriceBook::set_imported(const std::map<std::string, PriceSheet>& sheets) {
  Sheets next = shared(sheets);
  const std::lock_guard lock(mutex_);
  imported_.swap(next);
}

std::shared_ptr<const PriceSheet> PriceBook::find(std::string_view model) const {
  const std::lock_guard lock(mutex_);
  for (const Sheets* sheets : {&configured_, &imported_}) {
    if (const auto found = sheets->find(model); found != sheets->end()) return found->second;
  }
  return nullptr;
}

PriceBook::Sheets PriceBook::all() const {
  const std::lock_guard lock(mutex_);
  Sheets all = configured_;
  all.insert(imported_.begin(), imported_.end());
  return all;
}

}  // namespace acloud::ledger
