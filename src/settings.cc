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

Result<std::map<std::string, ledger::PriceSheet>> configured_prices(
    std::span<const model::ModelConfig> models) {
  const auto money = [](double amount) { return ledger::Money::parse_rounded(fmt::format("{}", amount), 9); };
  std::map<std::string, ledger::PriceSheet> sheets;
  for (const model::ModelConfig& each : models) {
    if (!each.price) continue;
    ledger::Price price;
    ACLOUD_TRY(price.input, money(each.price->input));
    ACLOUD_TRY(price.output, money(each.price->output));
    if (each.price->cache_read) {
      ACLOUD_TRY(price.cache_read, money(*each.price->cache_read));
    }
    if (each.price->cache_write) {
      ACLOUD_TRY(price.cache_write, money(*each.price->cache_write));
    }
    const auto rates = price.rates();
    if (!rates)
      return std::unexpected(Error(rates.error()).within(fmt::format("model {}: price", each.name)));
    sheets[each.name] = {.tiers = {{std::nullopt, *rates}}, .max_output = {}};
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
