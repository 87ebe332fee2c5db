// The journal of a task on the store. Every entry is written in a transaction that first sees the task's
// lease still held (tables.h).
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "task/tables.h"

namespace acloud::task {

// Part of the transaction that ends a child or an errand; `parent` is "" for none.
using WhenEnded = std::function<Result<>(store::Transaction&, const std::string& workspace,
                                         const std::string& task, const std::string& parent, Time now)>;

class StoreJournal final : public Journal {
 public:
  // `changed` is called after each entry. All outlive the journal.
  StoreJournal(store::Database& database, Clock& clock, const Holder& holder, const Claimed& task,
               std::function<void()> changed, WhenEnded when_ended = {})
      : database_(database),
        clock_(clock),
        holder_(holder),
        task_(task),
        changed_(std::move(changed)),
        when_ended_(std::move(when_ended)) {}

  Task<Result<std::vector<Entry>>> read() override;
  Task<Result<>> keep(Entry entry) override;
  Task<Result<std::optional<Outcome>>> take_signal(Entry entry) override;
  Task<Result<>> park(Time due, std::vector<std::string> signals) override;
  Task<Result<>> end(Ending ending) override;
  // The tasks below it that its end has cancelled.
  const std::vector<std::string>& orphans() const { return orphans_; }
  // How the task has ended; nothing while it has not.
  std::optional<State> ended() const { return ended_; }

 private:
  store::Database& database_;
  Clock& clock_;
  const Holder& holder_;
  const Claimed& task_;
  std::function<void()> changed_;
  WhenEnded when_ended_;
  std::vector<std::string> orphans_;
  std::optional<State> ended_;
};

}  // namespace acloud::task
