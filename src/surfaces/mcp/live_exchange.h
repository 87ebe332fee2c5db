// A request that is answered on the connection it came on.
#pragma once

#include "base/random.h"
#include "surfaces/mcp/exchange.h"
#include "surfaces/mcp/sessions.h"

namespace acloud::surfaces::mcp {

// Where messages go that leave before a request's answer.
class Outlet {
 public:
  virtual ~Outlet() = default;
  // Errors: unavailable (the client is gone), cancelled.
  virtual Task<Result<>> send(std::string message) = 0;
};

class LiveExchange final : public Exchange {
 public:
  // `session` is null for a request that stands alone.
  LiveExchange(const kernel::Caller& caller, const Client& client, Json state, Outlet& outlet,
               Session* session, Random& random)
      : Exchange(caller, client, std::move(state)), outlet_(outlet), session_(session), random_(random) {}

  Task<> progress(double done, std::optional<double> total, std::string message) override;
  Task<> log(LogLevel level, std::string logger, OrderedJson data) override;
  Task<Rpc<Json>> ask(OrderedJson questions, Json state, When when) override;

 private:
  Task<Rpc<Json>> ask_session(OrderedJson questions);
  Task<Rpc<Json>> ask_one(std::string name, OrderedJson question);

  Outlet& outlet_;
  Session* session_;
  Random& random_;
};

}  // namespace acloud::surfaces::mcp
