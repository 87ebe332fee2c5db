// What acloud.toml says of models: [[provider]], where they are reached, and [[model]], what callers name.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/schema.h"
#include "ledger/rate_limit.h"

namespace acloud::model {

// openai and anthropic are spoken by models that answer; dashscope and vidu by those that make video and
// images, for which they take minutes.
enum class Dialect { openai, anthropic, dashscope, vidu };
constexpr auto enum_names(Dialect) {
  using enum Dialect;
  return std::array<std::pair<Dialect, std::string_view>, 4>{
      {{openai, "openai"}, {anthropic, "anthropic"}, {dashscope, "dashscope"}, {vidu, "vidu"}}};
}

// What a model makes that model.generate is called for.
enum class Makes { video, image };
constexpr auto enum_names(Makes) {
  return std::array<std::pair<Makes, std::string_view>, 2>{
      {{Makes::video, "video"}, {Makes::image, "image"}}};
}

// How one of several targets is chosen.
enum class Strategy { weighted, least_outstanding, latency, price };
constexpr auto enum_names(Strategy) {
  using enum Strategy;
  return std::array<std::pair<Strategy, std::string_view>, 4>{{{weighted, "weighted"},
                                                               {least_outstanding, "least_outstanding"},
                                                               {latency, "latency"},
                                                               {price, "price"}}};
}

// What keeps the calls of one conversation on one target, where the upstream has its prompt cached.
enum class Affinity { none, session, prefix };
constexpr auto enum_names(Affinity) {
  using enum Affinity;
  return std::array<std::pair<Affinity, std::string_view>, 3>{
      {{none, "none"}, {session, "session"}, {prefix, "prefix"}}};
}

struct ProviderConfig {
  std::string name;
  Dialect dialect = Dialect::openai;
  std::string base_url;
  std::string api_key;
  std::map<std::string, std::string> headers;
  bool responses = false;
  std::string ca_file;
  std::chrono::milliseconds connect_time{5'000};
  std::chrono::milliseconds first_token_time{300'000};
  std::chrono::milliseconds between_tokens_time{120'000};
  std::chrono::milliseconds total_time{3'600'000};
  std::chrono::milliseconds hang_up_time{5'000};
  std::chrono::milliseconds poll_time{2'000};
  ByteCount result = gibibytes(1);

  static constexpr auto schema = fields(
      field("name", &ProviderConfig::name, "What targets call it.", required, length(1, 100)),
      field("dialect", &ProviderConfig::dialect, "What it speaks.", required),
      field("base_url", &ProviderConfig::base_url,
            "Where it is: for openai with /v1 or what stands for it, for dashscope with /api/v1, for "
            "anthropic and "
            "vidu without.",
            required, length(1, 2000)),
      field("api_key", &ProviderConfig::api_key,
            "In acloud.toml env:NAME or file:PATH; in a call env:NAME or the key itself, which is kept "
            "sealed and "
            "never shown. Empty: none is sent.",
            length(0, 2000)),
      field("headers", &ProviderConfig::headers, "Sent with every request."),
      field("responses", &ProviderConfig::responses,
            "It speaks OpenAI's Responses too, so that these pass through."),
      field("ca_file", &ProviderConfig::ca_file, "PEM with the authorities to trust instead of the system's.",
            length(0, 2000)),
      field("connect_time_s", &ProviderConfig::connect_time, "For a connection.",
            between(std::chrono::milliseconds(1), std::chrono::hours(1))),
      field("first_token_time_s", &ProviderConfig::first_token_time, "From the request to the first token.",
            between(std::chrono::milliseconds(1), std::chrono::hours(24))),
      field("between_tokens_time_s", &ProviderConfig::between_tokens_time, "Without a byte after it.",
            between(std::chrono::milliseconds(1), std::chrono::hours(24))),
      field("total_time_s", &ProviderConfig::total_time, "For the whole reply.",
            between(std::chrono::milliseconds(1), std::chrono::hours(24))),
      field("hang_up_time_s", &ProviderConfig::hang_up_time,
            "How long a reply is still read when its client has gone, to learn what it cost. 0: not at all.",
            between(std::chrono::milliseconds(0), std::chrono::hours(1))),
      field("poll_time_s", &ProviderConfig::poll_time,
            "For dashscope and vidu: when a generation is first looked at; later less often.",
            between(std::chrono::milliseconds(10), std::chrono::minutes(5))),
      field("result_bytes", &ProviderConfig::result, "For dashscope and vidu: one file of a result at most.",
            between(kibibytes(1), gibibytes(16))));
};

// Currency units per million tokens; per second of video and per image.
struct PriceConfig {
  double input = 0;
  double output = 0;
  std::optional<double> cache_read;
  std::optional<double> cache_write;
  std::optional<double> second;
  std::map<std::string, double> second_at;
  std::optional<double> image;

  static constexpr auto schema = fields(
      field("input", &PriceConfig::input, "A million tokens of input.", between(0.0, 1e9)),
      field("output", &PriceConfig::output, "A million tokens of output.", between(0.0, 1e9)),
      field("cache_read", &PriceConfig::cache_read, "A million tokens read from the prompt cache.",
            between(0.0, 1e9)),
      field("cache_write", &PriceConfig::cache_write, "A million tokens written to it.", between(0.0, 1e9)),
      field("second", &PriceConfig::second, "A second of video that it makes.", between(0.0, 1e6)),
      field("second_at", &PriceConfig::second_at,
            "The same, where it goes by the resolution: { \"720P\" = 0.6, \"1080P\" = 1.0 }."),
      field("image", &PriceConfig::image, "An image that it makes.", between(0.0, 1e6)));
};

struct TargetConfig {
  std::string provider;
  std::string model;
  double weight = 1;
  std::optional<PriceConfig> price;

  static constexpr auto schema = fields(
      field("provider", &TargetConfig::provider, "Name of a [[provider]].", required, length(1, 100)),
      field("model", &TargetConfig::model, "What the provider calls the model.", required, length(1, 500)),
      field("weight", &TargetConfig::weight, "Its share of the calls, beside the others'.",
            between(0.0, 1e6)),
      field("price", &TargetConfig::price,
            "What the provider asks for tokens there: what strategy price compares."));
};

// What runs a model in this server.
enum class EngineKind { llama };
constexpr auto enum_names(EngineKind) {
  return std::array<std::pair<EngineKind, std::string_view>, 1>{{{EngineKind::llama, "llama"}}};
}

struct ModelConfig {
  std::string name;
  std::vector<TargetConfig> targets;
  std::optional<EngineKind> engine;
  std::string file;
  std::int64_t context = 0;
  std::int64_t parallel = 8;
  std::optional<std::int64_t> threads;
  std::optional<bool> exact;
  std::vector<std::string> fallback;
  std::optional<PriceConfig> price;
  std::optional<ledger::ModelLimits> limits;
  Strategy strategy = Strategy::weighted;
  Affinity affinity = Affinity::session;
  Makes makes = Makes::video;
  std::int64_t retries = 2;
  std::chrono::milliseconds hedge_after{0};
  std::chrono::seconds cache{0};

  static constexpr auto schema = fields(
      field("name", &ModelConfig::name, "What callers name.", required, length(1, 200)),
      field("targets", &ModelConfig::targets, "Where its calls go, unless it has an engine.", length(0, 100)),
      field("engine", &ModelConfig::engine, "What runs it in this server, instead of targets."),
      field("file", &ModelConfig::file, "For an engine: the model, a GGUF file.", length(0, 4000)),
      field("context", &ModelConfig::context,
            "For an engine: tokens kept at once, of all calls together. 0: what the model's own context asks "
            "for.",
            between(0, 1 << 24)),
      field("parallel", &ModelConfig::parallel, "For an engine: calls that are computed at once.",
            between(1, 256)),
      field("threads", &ModelConfig::threads, "For an engine: of the processor. Small models have one.",
            between(1, 512)),
      field("exact", &ModelConfig::exact,
            "For an engine: keep what is computed in 32 bits, so that an answer at temperature 0 does not "
            "depend on "
            "what else is computed. So it is for small models."),
      field("fallback", &ModelConfig::fallback, "Models to try, in this order, where none of these answers.",
            length(0, 20)),
      field("price", &ModelConfig::price, "What its tokens cost."),
      field("limits", &ModelConfig::limits,
            "How much of it may be used in a minute, by all and by each key."),
      field("strategy", &ModelConfig::strategy, "How a target is chosen."),
      field("affinity", &ModelConfig::affinity,
            "Which calls stay on one target: those of a session that the client names, those with the same "
            "beginning, or none."),
      field("makes", &ModelConfig::makes, "For targets that speak dashscope or vidu: what it makes."),
      field("retries", &ModelConfig::retries, "How often a failed call is sent again at most.",
            between(0, 10)),
      field("hedge_after_s", &ModelConfig::hedge_after,
            "After how long without an answer another target is asked too; the first answer is taken. 0: "
            "never.",
            between(std::chrono::milliseconds(0), std::chrono::hours(1))),
      field("cache_s", &ModelConfig::cache,
            "How long an answer is given again to the same request in the same workspace. 0: not at all.",
            between(std::chrono::seconds(0), std::chrono::hours(24 * 7))));
};

}  // namespace acloud::model
