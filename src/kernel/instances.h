// The servers that work on one store: which of them live, and where each has its data folder.
//
// Each run of a server has a row with a short lease, kept by a beat. What a server holds for as long as it
// lives (a claim of an idempotency key, a task) is free when its lease is over; whoever takes it writes so in
// the same transaction, and the one that was only thought dead finds that out when it writes.
//
// A place is a data folder, which one server at a time has open: what a run left there (sandboxes, above all)
// is found by the next run on it, and by nobody else. So a place is remembered for as long as that may come
// back.
#pragma once

#include <string>

#include "base/clock.h"
#include "store/database.h"

namespace acloud::kernel {

struct Instance {
  std::string id;     // of this run of the server
  std::string place;  // of its data folder, the same in every run
};

class Instances {
 public:
  static constexpr std::chrono::seconds kLease{15};
  static constexpr std::chrono::seconds kBeatEvery{3};
  // After the end of its last server's lease a place counts as gone for good: by then its sandboxes have
  // ended by themselves (jail::Spec::orphan_grace).
  static constexpr std::chrono::minutes kComesBack{10};

  Instances(store::Database& database, Clock& clock, Instance self)
      : database_(database), clock_(clock), self_(std::move(self)) {}
  static std::vector<store::Migration> migrations();

  const Instance& self() const { return self_; }
  // Before anything is claimed. Earlier runs on the same place are dead: the folder is locked.
  Task<Result<>> start();
  // Every kBeatEvery, where other servers may be.
  Task<Result<>> beat();
  // After everything was let go of.
  Task<Result<>> end();

  static Result<bool> is_alive(store::Reader& reader, const std::string& id, Time now);

 private:
  store::Database& database_;
  Clock& clock_;
  const Instance self_;
};

}  // namespace acloud::kernel
