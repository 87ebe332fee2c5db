// All outside servers, on a loop of their own: what they send may be large and malicious, and reading it
// never holds up anything else. Also the work of product `mcp_server`.
#pragma once

#include <memory>

#include "kernel/call.h"
#include "mcp/mcp_types.h"

namespace acloud::mcp {

class Servers {
 public:
  struct Parts {
    Clock& clock;
    Random& random;
    SecretOf secret_of;
    std::string version;  // of this program
  };
  // Errors: invalid_argument, naming the server.
  static Result<std::unique_ptr<Servers>> make(std::vector<ServerConfig> configs, Parts parts);

  // Hears what a server offers, on their loop. To be set before start().
  using OnOffer = std::function<void(Server& server, const std::vector<Tool>& tools)>;
  void on_offer(OnOffer hear) { on_offer_ = std::move(hear); }
  const std::vector<std::unique_ptr<Server>>& all() const { return servers_; }

  void start();
  // Ends processes and connections; blocks. REQUIRES: the calling thread runs no loop; no call comes any
  // more.
  void stop();

  Task<Result<ServerList>> list(kernel::Context& context, ListServers request);
  // For /metrics, as text.
  std::string metrics() const;

 private:
  Servers() = default;
  Task<> stop_all();

  std::unique_ptr<async::LoopThreads> loop_;      // null where there are no servers
  std::vector<std::unique_ptr<Server>> servers_;  // by name
  OnOffer on_offer_;
};

}  // namespace acloud::mcp
