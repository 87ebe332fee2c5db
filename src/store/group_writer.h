// The one writer: a thread that runs waiting closures, each in a savepoint, in one transaction, and commits
// once for all. While the disk syncs, the next group gathers; a write that comes alone is committed alone, at
// once.
//
// A group takes what comes while it runs, so that a task's second write can share the commit of its first,
// but no longer than kLongestGroup. Where a race makes the database refuse a transaction (PostgreSQL), its
// closures run again in groups of half the size, down to one each; every success doubles the size again.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>
#include <vector>

#include "store/connection.h"
#include "store/database.h"
#include "store/job_queue.h"

namespace acloud::store {

class GroupWriter {
 public:
  static constexpr std::chrono::milliseconds kLongestGroup{5};
  static constexpr int kMaxAttempts = 100;
  static constexpr int kRacesBeforeTurns = 2;  // from there on servers that raced take turns

  // When a closure's value is handed out: as soon as it has run, where nothing but a failing disk can undo it
  // from there; or with the commit, where the database may refuse the transaction and want it run again.
  enum class HandOut { when_run, when_committed };

  GroupWriter(std::unique_ptr<Connection> connection, HandOut hand_out, std::size_t group_limit);
  ~GroupWriter();  // writes what is queued first
  GroupWriter(const GroupWriter&) = delete;
  GroupWriter& operator=(const GroupWriter&) = delete;

  void submit(detail::WriteJob& job) { queue_.push(job); }
  bool withdraw(detail::WriteJob& job) { return queue_.withdraw(job); }
  Database::Stats stats() const;

 private:
  struct Group;
  void run();
  void run_group(detail::WriteJob& first);
  // False where the transaction is gone.
  bool run_one(Group& group, detail::WriteJob& job);
  detail::WriteJob* next_for(const Group& group);
  void finish(Group& group);
  void give_up(Group& group, const Error& why);
  void run_again(Group& group, const Error& why);
  void refuse_all(detail::WriteJob& first, const Error& why);

  const std::unique_ptr<Connection> connection_;
  const HandOut hand_out_;
  const std::size_t group_limit_;
  std::size_t group_size_;  // at most group_limit_; smaller after races
  JobQueue<detail::WriteJob> queue_;
  std::atomic<std::uint64_t> writes_{0};
  std::atomic<std::uint64_t> commits_{0};
  std::atomic<std::uint64_t> reruns_{0};
  std::jthread thread_;
};

}  // namespace acloud::store
