// What a call of a model may use (Estimate) and has used (Usage): the ledger's own words, in which every
// dialect's figures are told.
//
// Dialects count differently: OpenAI's prompt_tokens include what came from the cache, Anthropic's
// input_tokens do not. Whoever reads a provider's reply sorts its figures into buckets that do not overlap,
// so that no token is paid for twice.
#pragma once

#include <string>

#include "base/schema.h"

namespace acloud::ledger {

// Tokens in disjoint buckets: each token is in one of them.
struct Tokens {
  std::int64_t input_uncached = 0;
  std::int64_t cache_read = 0;
  std::int64_t cache_write_5m = 0;
  std::int64_t cache_write_1h = 0;
  std::int64_t output = 0;
  std::int64_t reasoning = 0;

  static constexpr auto schema = fields(
      field("input_uncached", &Tokens::input_uncached, "Read by the model, neither from nor into a cache."),
      field("cache_read", &Tokens::cache_read, "Taken from the provider's context cache."),
      field("cache_write_5m", &Tokens::cache_write_5m, "Read, and written to a cache for 5 minutes."),
      field("cache_write_1h", &Tokens::cache_write_1h, "Read, and written to a cache for an hour."),
      field("output", &Tokens::output, "Written by the model, without reasoning."),
      field("reasoning", &Tokens::reasoning, "Written by the model while it reasoned."));

  std::int64_t input() const { return input_uncached + cache_read + cache_write_5m + cache_write_1h; }
  std::int64_t total() const { return input() + output + reasoning; }

  Tokens& operator+=(const Tokens& other) {
    input_uncached += other.input_uncached;
    cache_read += other.cache_read;
    cache_write_5m += other.cache_write_5m;
    cache_write_1h += other.cache_write_1h;
    output += other.output;
    reasoning += other.reasoning;
    return *this;
  }
  friend bool operator==(const Tokens&, const Tokens&) = default;
};

// What was made that is not counted in tokens.
struct Media {
  std::chrono::milliseconds video{0};  // the length of all videos together
  std::int64_t images = 0;

  static constexpr auto schema = fields(field("video_s", &Media::video, "Seconds of video that were made."),
                                        field("images", &Media::images, "Images that were made."));

  Media& operator+=(const Media& other) {
    video += other.video;
    images += other.images;
    return *this;
  }
  friend bool operator==(const Media&, const Media&) = default;
};

// No provider makes more in one generation: as kTokensMost.
inline constexpr std::chrono::hours kVideoMost{24};
inline constexpr std::int64_t kImagesMost = 10'000;

// No provider counts more in one call; what claims to is damage, and is cut to this.
inline constexpr std::int64_t kTokensMost = 1'000'000'000;

// What a call may use at most: money and rate limits are set aside for it before the provider is called.
// A budget holds to the cent where neither figure is too low, so `input` is counted too high where it is not
// known: a token is at least one byte of text.
struct Estimate {
  std::string model;  // as the caller names it
  std::int64_t input = 0;
  std::optional<std::int64_t> max_output;  // absent: what the model's price sheet says it can write at most
  bool batch = false;
  // Nothing is used while the call runs: what it starts has a Reservation of its own, and is counted then.
  bool deferred = false;
};

// What one attempt of a call has used, by the provider's own figures.
struct Usage {
  std::string model;     // as the caller names it: what it is priced by
  std::string provider;  // who did the work; "" for the cloud's own engines
  Tokens tokens;
  bool estimated = false;       // counted here, since the provider gave no figures
  bool explicit_cache = false;  // the caller marked what to cache (cache_control); such hits have their price
  bool batch = false;           // done in a batch, at its discount
  std::optional<Media> media = {};
  std::string resolution = {};  // of the media, as prices name it: "720P"; "" where it is not known
};

}  // namespace acloud::ledger
