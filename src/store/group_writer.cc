#include "store/group_writer.h"

#include <pthread.h>

#include "store/commit_state.h"
#include "store/guard.h"

namespace acloud::store {

using detail::WriteJob;

struct GroupWriter::Group {
  explicit Group(std::chrono::steady_clock::time_point by) : deadline(by) {}

  const std::chrono::steady_clock::time_point deadline;
  std::shared_ptr<Commit::State> commit = std::make_shared<Commit::State>();
  std::size_t size = 0;              // closures that have run
  std::uint64_t kept = 0;            // those of them that succeeded
  std::vector<WriteJob*> waiting;    // succeeded, to be answered with the commit
  std::vector<WriteJob*> unsettled;  // to be run again if the database refuses: all, or none (HandOut)
  std::vector<Result<>> outcomes;    // of the unsettled
};

GroupWriter::GroupWriter(std::unique_ptr<Connection> connection, HandOut hand_out, std::size_t group_limit)
    : connection_(std::move(connection)),
      hand_out_(hand_out),
      group_limit_(std::max<std::size_t>(group_limit, 1)),
      group_size_(group_limit_),
      thread_([this] { run(); }) {
  pthread_setname_np(thread_.native_handle(), "acloud-writer");
}

GroupWriter::~GroupWriter() {
  queue_.close();
  thread_.join();
}

Database::Stats GroupWriter::stats() const {
  return {.writes = writes_, .commits = commits_, .reruns = reruns_, .write_queue = queue_.size()};
}

void GroupWriter::run() {
  while (WriteJob* first = queue_.take()) run_group(*first);
}

void GroupWriter::run_group(WriteJob& first) {
  const auto mode = first.attempts > kRacesBeforeTurns ? Connection::Mode::alone : Connection::Mode::write;
  if (auto begun = connection_->begin(mode); !begun) return refuse_all(first, begun.error());
  Group group(std::chrono::steady_clock::now() + kLongestGroup);
  for (WriteJob* job = &first; job != nullptr; job = next_for(group)) {
    if (!run_one(group, *job)) return;
  }
  finish(group);
}

WriteJob* GroupWriter::next_for(const Group& group) {
  if (group.size >= group_size_ || std::chrono::steady_clock::now() >= group.deadline) return nullptr;
  return queue_.try_take();
}

bool GroupWriter::run_one(Group& group, WriteJob& job) {
  ++group.size;
  Result<> outcome = connection_->savepoint();
  if (outcome) {
    Guard guard(*connection_);
    outcome = guard.outcome(job.run_guarded(guard));
    const Result<> ended = outcome ? connection_->keep() : connection_->undo();
    if (!ended) outcome = ended;
  }
  const bool sound = connection_->state() == Connection::State::sound;
  if (hand_out_ == HandOut::when_committed) {
    group.unsettled.push_back(&job);
    group.outcomes.push_back(outcome);
    if (!sound)
      run_again(group, outcome ? Error(ErrorCode::unavailable, "the transaction was lost") : outcome.error());
    return sound;
  }
  if (!outcome) {
    job.answer(std::unexpected(outcome.error()));
  } else if (++group.kept; job.when_durable) {
    group.waiting.push_back(&job);
  } else {
    job.answer(Commit(group.commit));
  }
  if (!sound)
    give_up(group, outcome ? Error(ErrorCode::unavailable, "the transaction was lost") : outcome.error());
  return sound;
}

void GroupWriter::finish(Group& group) {
  const Result<> committed = connection_->commit();
  if (!committed && connection_->state() == Connection::State::raced)
    return run_again(group, committed.error());
  if (!committed) return give_up(group, committed.error());
  for (std::size_t i = 0; i < group.unsettled.size(); ++i) {
    if (group.outcomes[i]) {
      ++group.kept;
      group.waiting.push_back(group.unsettled[i]);
    } else {
      group.unsettled[i]->answer(std::unexpected(group.outcomes[i].error()));
    }
  }
  writes_ += group.kept;
  ++commits_;
  group_size_ = std::min(group_size_ * 2, group_limit_);
  group.commit->resolve({});
  for (WriteJob* job : group.waiting) job->answer(Commit());
}

// The transaction is gone for good: whoever holds a value of it, or waits for its commit, learns that.
void GroupWriter::give_up(Group& group, const Error& why) {
  connection_->rollback();
  const auto failed = std::unexpected(Error(why).within("the commit failed"));
  group.commit->resolve(failed);
  for (WriteJob* job : group.waiting) job->answer(failed);
  for (std::size_t i = 0; i < group.unsettled.size(); ++i) {
    group.unsettled[i]->answer(group.outcomes[i] ? failed : std::unexpected(group.outcomes[i].error()));
  }
}

void GroupWriter::run_again(Group& group, const Error& why) {
  connection_->rollback();
  ++reruns_;
  group_size_ = std::max<std::size_t>(group.unsettled.size() / 2, 1);
  std::span<WriteJob* const> again = group.unsettled;
  if (++again.front()->attempts >= kMaxAttempts) {
    again.front()->answer(
        std::unexpected(Error(why).within(fmt::format("gave up after {} tries", kMaxAttempts))));
    again = again.subspan(1);
  }
  queue_.put_back(again);
}

// No transaction can be had, so nobody who waits now can be served; each would only wait in vain by itself.
void GroupWriter::refuse_all(WriteJob& first, const Error& why) {
  for (WriteJob* job = &first; job != nullptr; job = queue_.try_take()) job->answer(std::unexpected(why));
}

}  // namespace acloud::store
