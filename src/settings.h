// What the configuration means to the parts that the cloud is made of.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "config.h"
#include "inference/endpoint/local_models.h"
#include "inference/files/model_files.h"
#include "ledger/prices.h"
#include "net/server.h"

namespace acloud {

net::ServerOptions server_options(const ServerConfig& config);
// The OCI runtime that [sandbox] isolation names: "crun" for "oci:crun", "" for "jail".
std::string runtime_of(const std::string& isolation);
// The models that are a part of the program are there without being named.
void add_builtin_models(Config& config);
// The names of those that this server runs.
std::vector<std::string> engine_models(const Config& config);
std::vector<inference::LocalModel> local_models(const Config& config, const inference::ModelFiles& files);
// What models cost. Errors: invalid_argument, naming the model.
Result<std::map<std::string, ledger::PriceSheet>> configured_prices(
    std::span<const model::ModelConfig> models);
// How much of them may be used in a minute.
std::map<std::string, ledger::ModelLimits> configured_limits(std::span<const model::ModelConfig> models);

}  // namespace acloud
