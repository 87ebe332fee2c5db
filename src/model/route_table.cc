#include "model/route_table.h"

#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

#include "model/policy.h"

namespace acloud::model {
namespace {

constexpr std::size_t kKeyBytes = 16 * 1024;

bool is_printable(std::string_view text) {
  return std::ranges::all_of(text, [](unsigned char c) { return c > ' ' && c < 0x7f; });
}

Result<std::string> checked(std::string key, std::string_view reference) {
  while (!key.empty() && (key.back() == '\n' || key.back() == '\r' || key.back() == ' ')) key.pop_back();
  if (key.empty()) return fail(ErrorCode::not_found, "{} is empty", reference);
  if (!is_printable(key)) {
    return fail(ErrorCode::invalid_argument, "{} holds characters that no key has", reference);
  }
  return key;
}

// Where no other target could take its calls, keeping them away from it helps nobody but the provider: it is
// done only when it must be gone altogether, and not for long.
constexpr Breaker::Options kAlone{
    .failures_in_a_row = 50, .failed_share = 2, .open_for = std::chrono::seconds(1)};

// Nobody else could answer calls of this model: neither another target nor another model.
bool is_alone(const ModelConfig& config) { return config.targets.size() <= 1 && config.fallback.empty(); }

// The same target of the same model in the table before, for what is known of it; a new one where its breaker
// is to be of another kind.
std::shared_ptr<TargetState> state_of(const Model* before, const Target& target, const ModelConfig& config) {
  const bool alone = is_alone(config);
  if (before != nullptr && is_alone(before->config) != alone) before = nullptr;
  for (std::size_t i = 0; before != nullptr && i < before->targets.size(); ++i) {
    const Target& old = before->targets[i];
    const bool same = old.model == target.model &&
                      old.provider->config.name == target.provider->config.name &&
                      old.provider->config.base_url == target.provider->config.base_url;
    if (same) return old.state;
  }
  return std::make_shared<TargetState>(alone ? kAlone : Breaker::Options{});
}

std::vector<ledger::RateLimit> limits_of(const ModelConfig& config) {
  std::vector<ledger::RateLimit> limits;
  if (config.limits) limits.push_back(config.limits->all());
  if (config.limits && config.limits->each_key) limits.push_back(*config.limits->each_key);
  return limits;
}

}  // namespace

Result<std::string> key_of(std::string_view reference) {
  const auto colon = reference.find(':');
  const std::string_view kind = reference.substr(0, colon);
  const std::string name(colon == reference.npos ? "" : reference.substr(colon + 1));
  if (kind == "env") {
    const char* value = std::getenv(name.c_str());
    if (value == nullptr) return fail(ErrorCode::not_found, "the environment has no {}", name);
    return checked(value, reference);
  }
  if (kind == "file") {
    std::ifstream file(name, std::ios::binary);
    if (!file) return fail(ErrorCode::not_found, "{} can't be read", name);
    std::string text(kKeyBytes, '\0');
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(file.gcount()));
    return checked(std::move(text), reference);
  }
  if (kind == "secret") return fail(ErrorCode::not_found, "this server keeps no secret {}", name);
  return fail(ErrorCode::invalid_argument,
              "a key is given as env:NAME, file:PATH or secret:NAME, never as itself");
}

const Provider* RouteTable::provider(std::string_view name) const {
  for (const auto& each : providers_) {
    if (each->config.name == name) return each.get();
  }
  return nullptr;
}

const Model* RouteTable::find(std::string_view name) const {
  for (const auto& each : models_) {
    if (each->config.name == name) return each.get();
  }
  return nullptr;
}

Result<> RouteTable::add(const ProviderConfig& config, const KeySource& keys) {
  if (provider(config.name) != nullptr) {
    return fail(ErrorCode::invalid_argument, "provider {}: named twice", config.name);
  }
  auto url = net::parse_url(config.base_url);
  if (!url) {
    return fail(ErrorCode::invalid_argument, "provider {}: base_url: {}", config.name, url.error().message());
  }
  std::string path = url->target;
  while (path.ends_with('/')) path.pop_back();
  if (path.find('?') != std::string::npos) {
    return fail(ErrorCode::invalid_argument, "provider {}: base_url: has a query", config.name);
  }
  Result<std::string> key = std::string();
  if (!config.api_key.empty()) {
    key = keys(config.api_key);
    if (!key && key.error().code() == ErrorCode::invalid_argument) {
      return fail(ErrorCode::invalid_argument, "provider {}: api_key: {}", config.name,
                  key.error().message());
    }
  }
  providers_.push_back(
      std::make_unique<const Provider>(config, std::move(url->origin), std::move(path), std::move(key)));
  return {};
}

Result<> RouteTable::add(const ModelConfig& config, const RouteTable* before) {
  if (find(config.name) != nullptr) {
    return fail(ErrorCode::invalid_argument, "model {}: named twice", config.name);
  }
  if (config.engine ? !config.targets.empty() || config.file.empty()
                    : config.targets.empty() || !config.file.empty()) {
    return fail(ErrorCode::invalid_argument, "model {}: has either targets, or an engine and a file",
                config.name);
  }
  for (const auto& limit : limits_of(config)) {
    if (auto checked = ledger::check(limit); !checked) {
      return fail(ErrorCode::invalid_argument, "model {}: limits: {}", config.name,
                  checked.error().message());
    }
  }
  auto model = std::make_unique<Model>();
  model->config = config;
  const Model* old = before == nullptr ? nullptr : before->find(config.name);
  model->retries = old == nullptr ? std::make_shared<SharedRetryBudget>() : old->retries;
  ACLOUD_CHECK(add_targets(*model, old));
  models_.push_back(std::move(model));
  return {};
}

Result<> RouteTable::add_targets(Model& model, const Model* before) const {
  const ModelConfig& config = model.config;
  if (config.engine) {
    Target target{&engine_, config.name, 1, 0, hash_of('\n' + config.name), nullptr};
    target.state = state_of(before, target, config);
    model.targets.push_back(std::move(target));
    return {};
  }
  double weights = 0;
  for (const TargetConfig& each : config.targets) {
    const Provider* at = provider(each.provider);
    if (at == nullptr) {
      return fail(ErrorCode::invalid_argument, "model {}: there is no provider {}", config.name,
                  each.provider);
    }
    if (config.strategy == Strategy::price && !each.price) {
      return fail(ErrorCode::invalid_argument, "model {}: strategy price: its target {} at {} has no price",
                  config.name, each.model, each.provider);
    }
    const double price = each.price ? each.price->input + each.price->output : 0;
    Target target{at, each.model, each.weight, price, hash_of(each.provider + '\n' + each.model), nullptr};
    target.state = state_of(before, target, config);
    weights += each.weight;
    model.targets.push_back(std::move(target));
  }
  if (!(weights > 0)) {
    return fail(ErrorCode::invalid_argument, "model {}: all its targets have weight 0", config.name);
  }
  return {};
}

Result<> RouteTable::check_fallbacks() const {
  for (const auto& model : models_) {
    std::set<std::string> seen{model->config.name};
    for (const std::string& name : model->config.fallback) {
      if (find(name) == nullptr) {
        return fail(ErrorCode::invalid_argument, "model {}: fallback: there is no model {}",
                    model->config.name, name);
      }
      if (!seen.insert(name).second) {
        return fail(ErrorCode::invalid_argument, "model {}: fallback: {} stands there twice, or is itself",
                    model->config.name, name);
      }
    }
  }
  return {};
}

Result<std::shared_ptr<const RouteTable>> RouteTable::make(std::span<const ProviderConfig> providers,
                                                           std::span<const ModelConfig> models,
                                                           const KeySource& keys, const RouteTable* before) {
  std::shared_ptr<RouteTable> table(new RouteTable());  // shared by the calls that go by it
  for (const ProviderConfig& config : providers) ACLOUD_CHECK(table->add(config, keys));
  for (const ModelConfig& config : models) ACLOUD_CHECK(table->add(config, before));
  ACLOUD_CHECK(table->check_fallbacks());
  return table;
}

}  // namespace acloud::model
