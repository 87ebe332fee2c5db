// What tokens, and what is not counted in tokens, cost: a model's price sheet.
//
// A sheet has tiers by the length of a request's input: the tier that the input falls into prices all of the
// request. Within a tier each bucket of tokens has its price. In a batch all input has one price and all
// output another, without cache discounts.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "ledger/money.h"
#include "ledger/usage.h"

namespace acloud::ledger {

// Prices of one token.
struct Rates {
  Money input;
  Money cache_read;           // found in the cache without the caller having asked
  Money cache_read_explicit;  // found in what the caller had marked to be cached
  Money cache_write_5m;
  Money cache_write_1h;
  Money output;
  Money reasoning;
  Money batch_input;
  Money batch_output;

  static constexpr auto schema = fields(
      field("input", &Rates::input, "A token that is read."),
      field("cache_read", &Rates::cache_read, "One from the provider's implicit cache."),
      field("cache_read_explicit", &Rates::cache_read_explicit, "One from a cache that was asked for."),
      field("cache_write_5m", &Rates::cache_write_5m, "One that is read and cached for 5 minutes."),
      field("cache_write_1h", &Rates::cache_write_1h, "One that is read and cached for an hour."),
      field("output", &Rates::output, "A token that is written."),
      field("reasoning", &Rates::reasoning, "One that is written while reasoning."),
      field("batch_input", &Rates::batch_input, "One that is read in a batch, cached or not."),
      field("batch_output", &Rates::batch_output, "One that is written in a batch."));
  friend bool operator==(const Rates&, const Rates&) = default;

  Money cost(const Usage& usage) const;
  // The highest price that a token of input, or of output, can have.
  Money highest_input(bool batch) const;
  Money highest_output(bool batch) const;
};

struct Tier {
  std::optional<std::int64_t> up_to;  // tokens of input; absent: any
  Rates rates;
  static constexpr auto schema =
      fields(field("up_to", &Tier::up_to, "For requests of at most so many tokens of input; absent: any."),
             field("rates", &Tier::rates, "Prices of one token."));
  friend bool operator==(const Tier&, const Tier&) = default;
};

// Prices of what is not counted in tokens.
struct MediaRates {
  std::optional<Money> second;             // of video; where it is absent: as the dearest of second_at
  std::map<std::string, Money> second_at;  // of video of this resolution, "720P"
  Money image;

  static constexpr auto schema =
      fields(field("second", &MediaRates::second, "A second of video of any other resolution."),
             field("second_at", &MediaRates::second_at, "A second of video, by resolution."),
             field("image", &MediaRates::image, "An image."));
  friend bool operator==(const MediaRates&, const MediaRates&) = default;

  // Where the resolution is not known (""), the dearest.
  Money cost(const Media& media, std::string_view resolution) const;

 private:
  Money second_of(std::string_view resolution) const;
};

struct PriceSheet {
  std::vector<Tier> tiers;                 // upwards; the last has no end
  std::optional<std::int64_t> max_output;  // tokens that the model can write in one reply
  std::optional<MediaRates> media = {};
  static constexpr auto schema =
      fields(field("tiers", &PriceSheet::tiers, "Upwards by their length of input."),
             field("max_output", &PriceSheet::max_output, "Tokens that the model writes at most."),
             field("media", &PriceSheet::media, "Prices of video and images that the model makes."));
  friend bool operator==(const PriceSheet&, const PriceSheet&) = default;

  // What that use costs.
  Money cost(const Usage& usage) const;
  Money cost(const Media& media, std::string_view resolution) const {
    return this->media ? this->media->cost(media, resolution) : Money();
  }
  // What no use within the estimate can cost more than.
  Money bound(const Estimate& estimate) const;
};

// Where a sheet says nothing else, a reply is taken to have at most so many tokens.
inline constexpr std::int64_t kMaxOutput = 8192;

// How a provider prices its context cache, where a price says so rather than amounts.
enum class CacheRules {
  none,       // every token of input costs the same
  bailian,    // implicit: hit 20%; explicit: write 125%, hit 10%
  anthropic,  // hit 10%, write 125% for 5 minutes, 200% for an hour
};
constexpr auto enum_names(CacheRules) {
  using enum CacheRules;
  return std::array<std::pair<CacheRules, std::string_view>, 3>{
      {{none, "none"}, {bailian, "bailian"}, {anthropic, "anthropic"}}};
}

// Amounts for a million tokens, as a person writes them.
struct Price {
  Money input;
  Money output;
  std::optional<Money> reasoning;
  std::optional<Money> cache_read;
  std::optional<Money> cache_read_explicit;
  std::optional<Money> cache_write;
  std::optional<Money> cache_write_1h;
  std::optional<Money> batch_input;
  std::optional<Money> batch_output;
  CacheRules cache_rules = CacheRules::none;

  static constexpr auto schema =
      fields(field("input", &Price::input, "For a million tokens of input.", required),
             field("output", &Price::output, "For a million tokens of output.", required),
             field("reasoning", &Price::reasoning, "Of reasoning; absent: as output."),
             field("cache_read", &Price::cache_read, "From the cache; absent: by cache_rules."),
             field("cache_read_explicit", &Price::cache_read_explicit,
                   "From a cache that the caller asked for; absent: by cache_rules, or as cache_read."),
             field("cache_write", &Price::cache_write, "Cached for 5 minutes; absent: by cache_rules."),
             field("cache_write_1h", &Price::cache_write_1h, "Cached for an hour; absent: by cache_rules."),
             field("batch_input", &Price::batch_input, "Of input in a batch; absent: half of input."),
             field("batch_output", &Price::batch_output, "Of output in a batch; absent: half of output."),
             field("cache_rules", &Price::cache_rules,
                   "Whose rules for the prices of a cache: none, bailian, anthropic."));

  // Errors: invalid_argument: below zero, more than 9 decimals, more than kPriceMost.
  Result<Rates> rates() const;
};

// A million units for a million tokens: beyond is a mistake.
inline constexpr std::int64_t kPriceMost = 1'000'000;

// Prices of one token, from what is known of them: what is missing follows from the rules.
struct TokenPrices {
  Money input;
  Money output;
  std::optional<Money> reasoning, cache_read, cache_read_explicit, cache_write_5m, cache_write_1h,
      batch_input, batch_output;
  CacheRules rules = CacheRules::none;
  // REQUIRES: amounts with at most 15 decimals.
  Rates rates() const;
};

// The sheets of all models, changed while calls run. Thread-safe.
class PriceBook {
 public:
  using Sheets = std::map<std::string, std::shared_ptr<const PriceSheet>, std::less<>>;

  // The configuration's own sheets, which go before imported ones of the same name.
  void set_configured(const std::map<std::string, PriceSheet>& sheets);
  void set_imported(const std::map<std::string, PriceSheet>& sheets);
  // Null where the model has no price: its use costs nothing. Shared: a call keeps the price it began with.
  std::shared_ptr<const PriceSheet> find(std::string_view model) const;
  Sheets all() const;

 private:
  mutable std::mutex mutex_;
  Sheets configured_;
  Sheets imported_;
};

}  // namespace acloud::ledger
