#include "model/stored/routing.h"

#include "model/route_table.h"

namespace acloud::model {
namespace {

// Takes of `entries` into `taken` those with which all still fits. True where there was one.
template <class Entry>
bool take_what_fits(const Routing& file, const std::vector<Entry>& entries,
                    std::vector<Entry> Routing::* kind, Routing& taken,
                    std::map<std::string, std::string>& left_out,
                    std::string (*name_of)(const std::string&)) {
  bool any = false;
  for (const Entry& entry : entries) {
    if (std::ranges::find(taken.*kind, entry.name, &Entry::name) != (taken.*kind).end()) continue;
    Routing with = taken;
    (with.*kind).push_back(entry);
    if (const auto fits = check(merged(file, with)); fits) {
      taken = std::move(with);
      left_out.erase(name_of(entry.name));
      any = true;
    } else {
      left_out[name_of(entry.name)] = fits.error().message();
    }
  }
  return any;
}

}  // namespace

Routing merged(const Routing& file, const Routing& set) {
  Routing all = file;
  for (const ProviderConfig& each : set.providers) put_entry(all.providers, each);
  for (const ModelConfig& each : set.models) put_entry(all.models, each);
  return all;
}

Result<> check(const Routing& routing) {
  const KeySource unread = [](std::string_view) -> Result<std::string> { return std::string(); };
  const auto table = RouteTable::make(routing.providers, routing.models, unread, nullptr);
  return table ? Result<>() : std::unexpected(table.error());
}

Fitting fitting(const Routing& file, const Routing& set) {
  Fitting fit;
  fit.routing = merged(file, set);
  if (check(fit.routing)) return fit;
  Routing taken;
  take_what_fits(file, set.providers, &Routing::providers, taken, fit.left_out, provider_entry);
  // A model may fit once its fallback has been taken.
  while (take_what_fits(file, set.models, &Routing::models, taken, fit.left_out, model_entry)) continue;
  fit.routing = merged(file, taken);
  return fit;
}

}  // namespace acloud::model
