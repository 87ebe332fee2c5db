// Providers and models from two places as one: the configuration file, and what operations have set since.
// Pure.
//
// The rule: an entry that was set takes the place of the file's entry of the same name, whole; when it is
// deleted, the file's is there again. Entries stand in the order of the file, then those that were set, by
// name.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "model/model_config.h"

namespace acloud::model {

struct Routing {
  std::vector<ProviderConfig> providers;
  std::vector<ModelConfig> models;
};

// Puts `entry` in the place of the one of its name, or last.
template <class Entry>
void put_entry(std::vector<Entry>& entries, Entry entry) {
  const auto found = std::ranges::find(entries, entry.name, &Entry::name);
  if (found == entries.end()) {
    entries.push_back(std::move(entry));
  } else {
    *found = std::move(entry);
  }
}

Routing merged(const Routing& file, const Routing& set);

// Whether these can serve: every provider and fallback that is named is there, and so on. Keys are not looked
// for. Errors: invalid_argument.
Result<> check(const Routing& routing);

// What was set and can be served with this file. An entry that can't, such as a model whose provider the file
// had and has no more, is left out, so that it takes nothing else with it.
struct Fitting {
  Routing routing;                              // merged
  std::map<std::string, std::string> left_out;  // "provider NAME" or "model NAME": why
};
Fitting fitting(const Routing& file, const Routing& set);

inline std::string provider_entry(const std::string& name) { return "provider " + name; }
inline std::string model_entry(const std::string& name) { return "model " + name; }

}  // namespace acloud::model
