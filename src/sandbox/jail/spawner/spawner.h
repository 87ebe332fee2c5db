// Makes and destroys jails on the server's orders, and holds whatever privileges that takes. One thread, one
// epoll loop; whatever could take long (processes that freeze or die, groups that empty) is waited for
// there, never in place, and makers (maker.h) do what the kernel takes long for. Ends with the server's end
// of its socket, when its spare jails are gone.
//
// Spare jails are whole ones of the usual kind, made ahead: their init serves nobody yet.
//
// Its own state can be lost at any moment: a jail's folder (with its record and init's socket) and its
// cgroups are found by name, everything else goes with init.
#pragma once

#include <algorithm>
#include <chrono>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
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

  struct Jail {
    Fd init;         // pidfd
    pid_t pid = -1;  // where init is our child
    std::string group;
    std::optional<std::uint32_t> slot;
    bool making = false;  // a maker is at it, and nothing is known of it yet
    Fd verdict;           // until init has said that it is there
    Fd server;            // to be told if that fails
    std::string failure;
    bool killed = false;    // its end is an event to come, where init is our child
    bool unwanted = false;  // an order to destroy it has come: that it dies is no failure
    Fd control;             // of a spare one, which takes us for its server
    std::optional<Hello> hello;
    Fd root, written;  // of a spare one; later what the server has let go of
  };
  // One that no spare one fits, until a maker is free.
  struct Waiting {
    Spec spec;
    Fd reply;
  };
  // A process of maker.h.
  struct Helper {
    enum class Task { make, bury } task = Task::make;
    pid_t pid = -1;
    Fd socket;                          // empty once it is lost
    std::optional<std::uint32_t> slot;  // of what it has in stock
    std::deque<std::string> making;     // names of jails, in the order of its answers
    std::size_t buried = 0;
  };
  static constexpr std::chrono::seconds kPoolPause{
      1};  // after a failure, and between looks at what is wanted
  static constexpr std::chrono::seconds kPatience{30};  // for what should take a millisecond
  // Something that was begun and is tried until it is done.
  struct Work {
    Order order;
    Fd reply;
    Clock::time_point give_up;
  };

  Spawner(Common common, Disks disks, std::string folder, Fd server, Fd lock);
  Result<> find_slots();

  void serve();
  void hear(int fd);
  bool jails_are_idle() const;
  void create(Received& message);
  void let_go(Received& message);
  void take_order(Received& message);
  void hear_verdict(const std::string& name);
  void greet_spare(const std::string& name);
  void reap_orphans();
  void init_ended(const std::string& id);
  // True when it is done, and answered.
  bool advance(Work& work);
  Result<bool> destroy(const std::string& id);
  Result<bool> set_frozen(const std::string& id, bool frozen);
  Result<bool> remove_traces(const std::string& id);
  Result<Fd> find_init(const std::string& id) const;
  void wind_up();

  // Gives a spare jail away. False where there is none that fits.
  bool hand_over(const Spec& spec, Fd& reply);
  void give_up(const std::string& name);  // a spare one
  // Tells a maker to make a jail. REQUIRES: free_maker() gives one.
  void order(const Spec& spec, std::string name, Fd control, Fd server);
  void order_waiting();
  Helper* free_maker();
  // Has the cgroups and the folder of what has ended removed, and the last of its disk closed. `group` may be
  // empty, the descriptors too.
  void bury(const std::string& group, Fd root, Fd written);
  bool start_helper(Helper::Task task);
  // Those of this kind that are there.
  std::size_t count_helpers(Helper::Task task) const;
  Result<> stock(Helper& helper);
  void hear_helper(Helper& helper);
  void lose_helper(Helper& helper);
  // What a maker says of the jail that it was told to make.
  void hear_made(const std::string& name, Received& message);
  void fail_to_make(const std::string& name, const std::string& failure);
  std::size_t spares_being_made() const;
  // One step towards what pool.h wants.
  void tend_pool();
  bool can_refill() const;
  bool has_idle_maker() const;
  bool order_spare();
  // Milliseconds until there is something to do that no event tells of; -1: nothing.
  int patience() const;
  Result<std::uint32_t> take_slot();
  std::string next_group();
  std::string group_of(const std::string& id) const;
  void watch(int fd, const std::string& jail = {});
  void unwatch(Fd& fd);  // and closes it

  std::string jail_folder(const std::string& name) const { return folder_ + "/jails/" + name; }

  Common common_;
  Disks disks_;
  Report report_;
  std::string folder_;
  Fd server_, lock_, epoll_;
  bool server_gone_ = false;
  bool orphans_ = false;  // there may be children that nobody knows
  PoolBounds pool_;
  Demand demand_;
  std::deque<std::string> spares_;  // those that are ready, the oldest first
  std::vector<Helper> helpers_;
  std::deque<Waiting> waiting_;
  Clock::time_point refill_after_{};  // not before, since something has failed
  std::set<std::uint32_t> slots_;
  std::uint32_t next_slot_ = 0;
  std::uint64_t run_ = 0, next_group_ = 0;        // groups are named by both, so that none is met again
  std::map<std::string, Jail> jails_;             // by the names of their folders
  std::unordered_map<int, std::string> watched_;  // whose descriptors are watched
  std::map<std::string, std::string> failures_;   // of those that were not made, until their traces are gone
  std::vector<Work> work_;
};

// Of two waits as epoll_wait(2) has them.
inline int sooner(int wait, int other) { return wait < 0 ? other : std::min(wait, other); }

// Says in the field's name what is wrong. Errors: invalid_argument.
Result<> check(const Spec& spec);

}  // namespace acloud::sandbox::jail
