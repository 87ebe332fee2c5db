#include "settings.h"

#include "inference/endpoint/builtin_encoder.h"
#include "inference/endpoint/builtin_model.h"

namespace acloud {
namespace {

constexpr std::int64_t kBuiltinContext = 4096;  // tokens that acloud-tiny keeps at once

void add_builtin_model(Config& config, std::string_view name, std::string_view file, std::int64_t context) {
  if (std::ranges::find(config.model, name, &model::ModelConfig::name) != config.model.end()) return;
  model::ModelConfig& added = config.model.emplace_back();
  added.name = name;
  added.engine = model::EngineKind::llama;
  added.file = file;
  added.context = context;
}

}  // namespace

net::ServerOptions server_options(const ServerConfig& config) {
  net::ServerOptions options;
  options.listen = config.listen;
  options.limits.header_bytes = static_cast<std::size_t>(config.limits.header.value);
  options.limits.connections = static_cast<std::size_t>(config.limits.connections);
  options.limits.header_time = config.limits.header_time;
  options.limits.idle_time = config.limits.idle_time;
  options.limits.body_stall = config.limits.stall_time;
  options.limits.total_time = config.limits.total_time;
  if (config.tls) options.tls = net::TlsFiles{config.tls->certificate, config.tls->key};
  return options;
}

std::string runtime_of(const std::string& isolation) {
  constexpr std::string_view kOci = "oci:";
  return isolation.starts_with(kOci) ? isolation.substr(kOci.size()) : std::string();
}

void add_builtin_models(Config& config) {
  add_builtin_model(config, inference::kBuiltinName, inference::kBuiltinFile, kBuiltinContext);
  add_builtin_model(config, inference::kBuiltinEncoderName, inference::kBuiltinEncoderFile, 0);
}

std::vector<std::string> engine_models(const Config& config) {
  std::vector<std::string> names;
  for (const model::ModelConfig& each : config.model) {
    if (each.engine) names.push_back(each.name);
  }
  return names;
}

std::vector<inference::LocalModel> local_models(const Config& config, const inference::ModelFiles& files) {
  std::vector<inference::LocalModel> models;
  for (const model::ModelConfig& each : config.model) {
    if (!each.engine) continue;
    if (each.file == inference::kBuiltinEncoderFile) {
      models.push_back({.name = each.name, .options = {}, .encoder = inference::builtin_encoder()});
      continue;
    }
    const bool builtin = each.file == inference::kBuiltinFile;
    const std::string file = builtin ? each.file : files.path_of(each.file);
    const bool small = builtin || inference::is_small(file);
    const auto cores = static_cast<std::int64_t>(std::max(1U, std::thread::hardware_concurrency()));
    inference::LocalModel& model = models.emplace_back();
    model.name = each.name;
    model.options.engine = {.file = file,
                            .sequences = static_cast<std::int32_t>(each.parallel),
                            .cells = static_cast<std::int32_t>(each.context),
                            .threads = static_cast<std::int32_t>(each.threads.value_or(small ? 1 : cores)),
                            .exact_state = each.exact.value_or(small)};
    if (!builtin) continue;
    model.file_at_first_call = inference::builtin_model_path;
    model.options.check.reset();
  }
  return models;
}

namespace {

Result<ledger::Money> money_of(double amount) {
  return ledger::Money::parse_rounded(fmt::format("{}", amount), 9);
}

// What a second of video and an image cost; nothing where the price speaks of tokens alone.
Result<std::optional<ledger::MediaRates>> media_rates(const model::PriceConfig& price) {
  if (!price.second && price.second_at.empty() && !price.image) return std::optional<ledger::MediaRates>();
  ledger::MediaRates rates;
  if (price.second) {
    ACLOUD_TRY(rates.second, money_of(*price.second));
  }
  if (price.image) {
    ACLOUD_TRY(rates.image, money_of(*price.image));
  }
  for (const auto& [resolution, amount] : price.second_at) {
    if (amount < 0 || amount > 1e6)
      return fail(ErrorCode::invalid_argument, "second_at.{}: {} is not from 0 to 1000000", resolution,
                  amount);
    ACLOUD_TRY(rates.second_at[resolution], money_of(amount));
  }
  return std::optional(std::move(rates));
}

}  // namespace

Result<std::map<std::string, ledger::PriceSheet>> configured_prices(
    std::span<const model::ModelConfig> models) {
  std::map<std::string, ledger::PriceSheet> sheets;
  for (const model::ModelConfig& each : models) {
    if (!each.price) continue;
    ledger::Price price;
    ACLOUD_TRY(price.input, money_of(each.price->input));
    ACLOUD_TRY(price.output, money_of(each.price->output));
    if (each.price->cache_read) {
      ACLOUD_TRY(price.cache_read, money_of(*each.price->cache_read));
    }
    if (each.price->cache_write) {
      ACLOUD_TRY(price.cache_write, money_of(*each.price->cache_write));
    }
    const auto rates = price.rates();
    if (!rates)
      return std::unexpected(Error(rates.error()).within(fmt::format("model {}: price", each.name)));
    auto media = media_rates(*each.price);
    if (!media)
      return std::unexpected(std::move(media).error().within(fmt::format("model {}: price", each.name)));
    sheets[each.name] = {.tiers = {{std::nullopt, *rates}}, .max_output = {}, .media = *std::move(media)};
  }
  return sheets;
}

std::map<std::string, ledger::ModelLimits> configured_limits(std::span<const model::ModelConfig> models) {
  std::map<std::string, ledger::ModelLimits> limits;
  for (const model::ModelConfig& each : models) {
    if (each.limits) limits[each.name] = *each.limits;
  }
  return limits;
}

}  // namespace acloud
