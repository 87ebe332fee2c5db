// One run of a server, as far as its ledger goes.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ledger/ledger.h"

namespace acloud::ledger::testing {

struct Server {
  // `folder`: of its open calls. `sheet`: the prices of model m, if it has any.
  Server(store::Database& db, Clock& clock, const std::string& folder, const std::string& name, bool shared,
         std::optional<PriceSheet> sheet = std::nullopt)
      : database(db),
        calls(*OpenCalls::open(folder, name)),
        ledger({.database = db,
                .clock = clock,
                .calls = *calls,
                .instance = name,
                .shared = shared,
                .witness = [this](store::Transaction&, const StoredCall& call,
                                  std::string_view outcome) -> Result<> {
                  witnessed.push_back(call.request_id + " " + std::string(outcome));
                  return {};
                }}) {
    if (sheet) ledger.prices().set_configured({{"m", *std::move(sheet)}});
  }

  store::Database& database;
  std::vector<std::string> witnessed;  // calls of killed servers: request and outcome
  std::unique_ptr<OpenCalls> calls;
  Ledger ledger;
};

}  // namespace acloud::ledger::testing
