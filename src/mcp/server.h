// One outside server, kept connected: started or reached, asked for its tools, listened to, and begun anew
// with growing pauses where it fails.
//
// It lives on one loop; status() and call() are for every thread. Its tools stay known while it is away, so
// that a call says why it can't be made.
#pragma once

#include <functional>
#include <mutex>
#include <set>

#include "async/task_scope.h"
#include "base/clock.h"
#include "mcp/server_config.h"
#include "mcp/session.h"

namespace acloud::mcp {

enum class State { starting, connected, failing };
constexpr auto enum_names(State) {
  using enum State;
  return std::array<std::pair<State, std::string_view>, 3>{
      {{starting, "starting"}, {connected, "connected"}, {failing, "failing"}}};
}

struct Status {
  State state = State::starting;
  std::string reason;  // of failing
  Time since;
  std::string version;  // the revision that is spoken, while it is connected
  std::string server;   // what it calls itself
  std::size_t tools = 0;
  std::vector<RefusedTool> refused;
  std::uint64_t connects = 0;  // that succeeded
  std::uint64_t failures = 0;  // of connecting and of connections
  std::size_t calls = 0;       // under way
};

class Server {
 public:
  static constexpr std::size_t kCalls = 256;  // under way at once

  struct Parts {
    async::EventLoop& loop;
    Clock& clock;
    Random& random;
    SecretOf secret_of;
    std::string version;  // of this program
    // What the server offers from now on. Called on its loop, also where nothing is new.
    std::function<void(const std::vector<Tool>& tools)> offer;
  };
  Server(ServerConfig config, Parts parts);

  const ServerConfig& config() const { return config_; }
  void start();   // thread-safe
  Task<> stop();  // on its loop; nothing runs afterwards
  Status status() const;

  // The reply as JSON text; see Session::call. A caller that is stopped gives the call up.
  // Errors: those of Session::call; unavailable (not connected, lost meanwhile, too many calls),
  // deadline_exceeded (the configured time).
  Task<Result<std::string>> call(Tool tool, Json arguments);

 private:
  class Connection;
  struct Pending;

  Task<> run();
  Task<Error> live(bool& older_first);
  Result<std::unique_ptr<Transport>> connect(Connection& connection);
  Task<Result<>> prepare(Connection& connection, bool older_first);
  Task<Result<>> relist(Connection& connection);
  Task<Error> watch(Connection& connection);
  Task<Result<>> check(Connection& connection);
  static Task<> listen(Connection& connection);
  void begin(const std::shared_ptr<Pending>& pending);
  static Task<> serve(Server& server, Connection& connection, std::shared_ptr<Pending> pending);
  Error named(const Error& error, std::string_view tool) const;
  void set_state(State state, std::string reason);

  const ServerConfig config_;
  Parts parts_;
  async::TaskScope scope_;
  Connection* connection_ = nullptr;  // while there is one that is ready
  mutable std::mutex mutex_;
  Status status_;
};

}  // namespace acloud::mcp
