// `acloud doctor`: why a command might not work from here.
#pragma once

#include <string>
#include <vector>

#include "cli/catalog_cache.h"
#include "cli/server.h"

namespace acloud::cli {

struct Check {
  enum class Status { ok, warning, failed, skipped };
  std::string name;
  Status status = Status::ok;
  std::string detail;  // what was found
  std::string advice;  // what to do, where something is to be done
};

struct Diagnosis {
  std::vector<Check> checks;
  int exit_code = 0;  // that of the worst: 3 not reachable, 4 not authenticated, 1 otherwise
};

// Runs all checks; those that need a server are skipped where none is reachable.
Task<Diagnosis> diagnose(Server& server, CatalogCache& cache, const World& world);

// {"ok": true, "checks": [...]}
OrderedJson to_json(const Diagnosis& diagnosis);

}  // namespace acloud::cli
