// Makes and destroys jails on the server's orders, and holds whatever privileges that takes. One thread, one
// epoll loop; whatever could take long (processes that freeze or die, groups that empty) is waited for
// there, never in place. Ends with the server's end of its socket.
//
// Its own state can be lost at any moment: a jail's folder (with its record and init's socket) and its
// cgroups are found by name, everything else goes with init.
#pragma once

#include <chrono>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/error.h"
#include "sandbox/jail/fd.h"
#include "sandbox/jail/kernel/disk.h"
#include "sandbox/jail/protocol.h"
#include "sandbox/jail/report.h"
#include "sandbox/jail/spawner/build.h"
#include "sandbox/jail/spawner/pool.h"

namespace acloud::sandbox::jail {

class Spawner {
 public:
  // Errors: conflict (another spawner has the folder); unavailable.
  static Result<Spawner> start(const Start& start, Fd server);
  const Report& report() const { return report_; }
  // Serves until the server is gone.
  void run();

 private:
  using Clock = std::chrono::steady_clock;

  struct Prepared {
    std::uint32_t slot = 0;
    Users users;
    Fd user_namespace, network_namespace, disk;
  };
  struct Jail {
    Fd init;         // pidfd
    pid_t pid = -1;  // where init is our child
    std::uint32_t slot = 0;
    Fd verdict;  // while it is being made
    Fd server;   // to be told if that fails
    std::string failure;
    bool unwanted = false;  // an order to destroy it has come: that it dies is no failure
  };
  // Something that was begun and is tried until it is done.
  struct Work {
    Order order;
    Fd reply;
    Clock::time_point give_up;
  };

  Spawner(Common common, Disks disks, std::string folder, Fd server, Fd lock);
  Result<> find_slots();

  void serve();
  void create(Received& message);
  Result<> begin(const Spec& spec, Fd& reply);
  Result<> launch(const Spec& spec, Parts parts, Jail& jail);
  void take_order(Received& message);
  void hear_verdict(const std::string& id);
  void reap_orphans();
  void init_ended(const std::string& id);
  // True when it is done, and answered.
  bool advance(Work& work);
  Result<bool> destroy(const std::string& id);
  Result<bool> set_frozen(const std::string& id, bool frozen);
  Result<bool> remove_traces(const std::string& id);
  Result<Fd> find_init(const std::string& id) const;

  Result<Prepared> prepare(std::uint64_t disk_bytes, std::uint64_t disk_inodes);
  Result<Prepared> take_prepared(const Limits& limits);
  // One step towards what pool.h wants.
  void tend_pool();
  // Milliseconds until there is something to do that no event tells of; -1: nothing.
  int patience() const;
  Result<std::uint32_t> take_slot();
  void watch(int fd);
  void unwatch(Fd& fd);  // and closes it

  std::string jail_folder(const std::string& id) const { return folder_ + "/jails/" + id; }

  Common common_;
  Disks disks_;
  Report report_;
  std::string folder_;
  Fd server_, lock_, epoll_;
  bool server_gone_ = false;
  PoolBounds pool_;
  Demand demand_;
  std::deque<Prepared> prepared_;
  Clock::time_point refill_after_{};
  std::set<std::uint32_t> slots_;
  std::uint32_t next_slot_ = 0;
  std::map<std::string, Jail> jails_;
  std::map<std::string, std::string> failures_;  // of jails that were not made, until their traces are gone
  std::vector<Work> work_;
};

// Says in the field's name what is wrong. Errors: invalid_argument.
Result<> check(const Spec& spec);

}  // namespace acloud::sandbox::jail
