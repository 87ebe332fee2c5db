// Providers and models that operators change while the server runs, on every server of one store.
//
// What is set is durable before it is served; calls under way go on as they began. A change of another server
// is seen within a second or two, when follow() next looks.
#pragma once

#include <mutex>

#include "kernel/call.h"
#include "model/route_table.h"
#include "model/stored/entries.h"
#include "model/stored/key_seal.h"
#include "model/stored/route_types.h"

namespace acloud::model {

class RouteService {
 public:
  static constexpr std::size_t kProvidersMost = 1'000;  // that were set
  static constexpr std::size_t kModelsMost = 10'000;

  struct Parts {
    store::Database& database;
    Random& random;
    KeySeal seal;
    // Serves these from now on. Errors: invalid_argument; nothing is changed then.
    std::function<Result<>(const Routing& routing)> serve;
  };
  explicit RouteService(Parts parts) : parts_(std::move(parts)) {}

  // What the configuration file says from now on, with what was set. Thread-safe.
  // Errors: invalid_argument: the file's fault; nothing is changed then.
  Result<> configure(Routing file);
  // Serves what is in the store where that has changed. Errors: those of the store.
  Task<Result<>> follow();
  // Where keys are: as key_of(), and those that were given. Thread-safe.
  Result<std::string> key(std::string_view reference) const;

  Task<Result<ProviderInfo>> set_provider(kernel::Context& context, ProviderConfig request);
  Task<Result<ProviderList>> list_providers(kernel::Context& context, ListRouting request);
  Task<Result<DeletedEntry>> delete_provider(kernel::Context& context, ByName request);
  Task<Result<RouteInfo>> set_route(kernel::Context& context, ModelConfig request);
  Task<Result<RouteList>> list_routes(kernel::Context& context, ListRouting request);
  Task<Result<DeletedEntry>> delete_route(kernel::Context& context, ByName request);

 private:
  // What is served, and where it is from. Never changed, replaced.
  struct View {
    Routing file;
    Routing set;
    std::int64_t version = -1;  // of what was set
    Fitting fit;
  };
  std::shared_ptr<const View> view() const;
  Result<> serve(Routing file, entries::Stored stored);
  Result<std::string> sealed(const ProviderConfig& provider) const;
  static View view_of(const Routing& file, const Routing& set);
  static ProviderInfo info(const View& view, const ProviderConfig& provider);
  static RouteInfo info(const View& view, const ModelConfig& model);
  Task<Result<>> in_force(kernel::Context& context);

  Parts parts_;
  std::mutex serving_;        // held while what is served is replaced
  mutable std::mutex mutex_;  // guards what follows
  std::shared_ptr<const View> view_ = std::make_shared<const View>();  // shared with who looks
  std::map<std::string, Result<std::string>, std::less<>> given_;      // keys, by provider
};

}  // namespace acloud::model
