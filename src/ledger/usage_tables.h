// Usage as tables: what every call used, and the sums of it.
//
// `usage_calls` has a row for each use of a model, never changed afterwards: the bill's evidence.
// `usage_totals` has the sums by hour, workspace, key, principal, operation, model and outcome, also of calls
// that used no model; each run of a server counts in rows of its own, so that servers on one database never
// wait for each other's rows. A call's row and its share of the sums are written in one transaction.
#pragma once

#include <string>
#include <vector>

#include "ledger/entry.h"
#include "store/database.h"

namespace acloud::ledger {

class UsageTables {
 public:
  // `instance` names this run of the server.
  explicit UsageTables(std::string instance) : instance_(std::move(instance)) {}
  static std::vector<store::Migration> migrations();

  // Keeps what these calls used; how many uses of models were new. One that is there already, by its request
  // id and its time, is not counted again.
  Result<std::int64_t> keep_in(store::Transaction& transaction, std::span<const Entry> entries) const;

 private:
  std::string instance_;
};

}  // namespace acloud::ledger
