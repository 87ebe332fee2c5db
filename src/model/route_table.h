// Where each model's calls may go: made from the configuration, never changed afterwards. A reload makes
// another one; calls under way go on with theirs.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>

#include "model/model_config.h"
#include "model/target_state.h"
#include "net/client.h"

namespace acloud::model {

struct Provider {
  ProviderConfig config;
  net::Origin origin;
  std::string base_path;    // "/compatible-mode/v1", without a slash at its end
  Result<std::string> key;  // why there is none is told to those who call it
  bool in_process = false;  // it is this server's own engine
};

struct Target {
  const Provider* provider;
  std::string model;
  double weight;
  double price;  // a million tokens of input and one of output; 0 where its entry has none
  std::uint64_t identity;
  std::shared_ptr<TargetState> state;  // shared with the tables before and after
};

struct Model {
  ModelConfig config;
  std::vector<Target> targets;
  std::shared_ptr<SharedRetryBudget> retries;  // shared with the tables before and after
};

// Where a key is kept: "env:NAME", "file:PATH" or "secret:NAME".
using KeySource = std::function<Result<std::string>(std::string_view reference)>;
// Reads env: and file:. Errors: not_found; invalid_argument for anything else.
Result<std::string> key_of(std::string_view reference);

class RouteTable {
 public:
  // Errors: invalid_argument, naming what is wrong: a name twice, a provider or model that is not there, a
  // URL that is none, a literal key.
  static Result<std::shared_ptr<const RouteTable>> make(std::span<const ProviderConfig> providers,
                                                        std::span<const ModelConfig> models,
                                                        const KeySource& keys, const RouteTable* before);

  const Model* find(std::string_view name) const;
  // In the order of the configuration.
  const std::vector<std::unique_ptr<const Model>>& models() const { return models_; }
  const std::vector<std::unique_ptr<const Provider>>& providers() const { return providers_; }

 private:
  RouteTable() = default;
  Result<> add(const ProviderConfig& config, const KeySource& keys);
  Result<> add(const ModelConfig& config, const RouteTable* before);
  Result<> add_targets(Model& model, const Model* before) const;
  Result<> check_fallbacks() const;
  const Provider* provider(std::string_view name) const;

  // The engine of this server, which speaks OpenAI's dialect. A reply that nobody hears is not computed.
  const Provider engine_{.config = {.name = "acloud", .hang_up_time = std::chrono::milliseconds(0)},
                         .origin = {},
                         .base_path = "",
                         .key = "",
                         .in_process = true};
  std::vector<std::unique_ptr<const Provider>> providers_;
  std::vector<std::unique_ptr<const Model>> models_;
};

}  // namespace acloud::model
