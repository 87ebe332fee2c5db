// Sessions of revision 2025-11-25: what a client said once, the questions that wait for its answer, and its
// requests under way. They live in memory: a client whose server is restarted gets 404 and begins anew, as
// the protocol has it.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <stop_token>
#include <string>

#include "async/wait.h"
#include "base/random.h"
#include "kernel/grant.h"
#include "surfaces/mcp/revision.h"

namespace acloud::surfaces::mcp {

// Thread-safe.
class Session {
 public:
  struct Reply {
    Json result;  // null where the client refused
    Json error;
  };

  Session(std::string id, Json capabilities) : id_(std::move(id)), capabilities_(std::move(capabilities)) {}
  const std::string& id() const { return id_; }
  // A client as each request of the session sees it.
  Client client() const;
  void set_log_level(LogLevel level);

  // Whether `uri` is watched from now on. Errors: invalid_params: too many are.
  Rpc<> subscribe(const std::string& uri);
  void unsubscribe(const std::string& uri);
  bool watches(const std::string& uri) const;
  std::set<std::string> watched() const;

  // A question of the server's is on its way under `id`, JSON text.
  async::OneShot<Reply> expect(const std::string& id);
  void forget(const std::string& id);
  // False where no such question is open.
  bool answer(const std::string& id, Reply reply);

  // A request of the client's is under way. False where one of that id already is.
  bool begin(const std::string& id, std::stop_source stop);
  void end(const std::string& id);
  void cancel(const std::string& id);

 private:
  const std::string id_;
  const Json capabilities_;
  mutable std::mutex mutex_;
  std::optional<LogLevel> log_level_;
  std::set<std::string> watched_;
  std::map<std::string, async::OneShot<Reply>> questions_;
  std::map<std::string, std::stop_source> running_;
};

// Thread-safe.
class Sessions {
 public:
  static constexpr std::size_t kMost = 10'000;
  static constexpr std::size_t kMostOfVisitors = 500;  // so that strangers push out nobody but strangers
  static constexpr std::chrono::minutes kIdle{60};

  Sessions(Clock& clock, Random& random) : clock_(clock), random_(random) {}
  // Where there are too many, the one that was used longest ago goes.
  std::shared_ptr<Session> create(const kernel::Caller& caller, std::string_view address, Json capabilities);
  // Null where there is none, or it is another caller's or of another address.
  std::shared_ptr<Session> find(const kernel::Caller& caller, std::string_view address,
                                const std::string& id);
  void erase(const std::string& id);
  std::size_t size() const;

 private:
  struct Entry {
    std::shared_ptr<Session> session;  // shared with the requests under way, which may outlive the session
    std::string owner;
    Instant used;
    bool is_visitor;
  };
  void sweep();
  void make_room_for_visitor();

  Clock& clock_;
  Random& random_;
  mutable std::mutex mutex_;
  std::map<std::string, Entry> entries_;
};

}  // namespace acloud::surfaces::mcp
