// Providers and models that operations have set, as rows of the store; a number counts the changes, by which
// servers on one store see that there was one.
#pragma once

#include "model/stored/routing.h"
#include "store/database.h"

namespace acloud::model::entries {

enum class Kind { provider, model };

std::vector<store::Migration> migrations();

struct Stored {
  Routing set;               // by name
  std::int64_t version = 0;  // 0: there was never any
};
// Errors of all: those of the store.
Result<Stored> load(store::Reader& reader);
Result<std::int64_t> version(store::Reader& reader);
// `json` is the entry, as decode() takes it.
Result<> put(store::Transaction& transaction, Kind kind, const std::string& name, std::string json, Time now);
// False where there was none.
Result<bool> remove(store::Transaction& transaction, Kind kind, const std::string& name);

}  // namespace acloud::model::entries
