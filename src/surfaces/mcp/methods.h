// What each method of the protocol answers, whatever it came by.
#pragma once

#include "surfaces/mcp/offer.h"
#include "surfaces/mcp/seal.h"
#include "surfaces/mcp/tasks.h"

namespace acloud::surfaces::mcp {

class Methods {
 public:
  Methods(Offer& offer, Tasks& tasks, const Seal& seal) : offer_(offer), tasks_(tasks), seal_(seal) {}

  // What a request that is answered in one round, or in several, asks for: the purpose of its state.
  static std::string purpose(const std::string& method, const Json& params, const kernel::Caller& caller);
  // The state that a request brings back. Errors: invalid_params.
  Rpc<Json> state(const std::string& method, const Json& params, const kernel::Caller& caller,
                  const Client& client) const;

  // All but what is a matter of the connection: initialize, subscriptions/listen and the like.
  // Errors: method_not_found, and the methods' own.
  Task<Rpc<Answer>> run(std::string method, Json params, Exchange& exchange);

  // Members of the results of server/discover and initialize that say what is here.
  OrderedJson capabilities(Revision revision) const;

  Offer& offer() { return offer_; }

 private:
  Task<Rpc<Answer>> dispatch(const std::string& method, Json& params, Exchange& exchange);
  Rpc<Answer> list(const std::string& method, const Json& params, const Exchange& exchange);
  Rpc<Answer> discover() const;
  Task<Rpc<Answer>> task(const std::string& method, const Json& params, Exchange& exchange);
  Task<Rpc<Answer>> complete(const Json& params, Exchange& exchange);
  Task<Rpc<Answer>> call(Json& params, Exchange& exchange);
  Task<Rpc<Answer>> prompt(Json& params, Exchange& exchange);
  Task<Rpc<Answer>> read(const Json& params, Exchange& exchange);

  Offer& offer_;
  Tasks& tasks_;
  const Seal& seal_;
};

// Text that must be there. Errors: invalid_params.
Rpc<std::string> text_param(const Json& params, const char* name);
// The page of `items` that `params.cursor` says, as members: `"<name>":[...],"nextCursor":...`.
// Errors: invalid_params.
Rpc<std::string> page(std::string_view name, const std::vector<std::string>& items, const Json& params,
                      std::size_t size = 100);

}  // namespace acloud::surfaces::mcp
