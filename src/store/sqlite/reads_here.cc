#include "store/sqlite/reads_here.h"

#include "store/guard.h"

namespace acloud::store::sqlite {

void ReadsHere::run(detail::ReadJob& job) {
  Spare spare;
  std::unique_lock lock(mutex_);
  const std::uint64_t renewed = renewed_;
  if (!spare_.empty()) {
    spare = std::move(spare_.back());
    spare_.pop_back();
  }
  lock.unlock();
  if (!spare.connection) {
    auto connection = connect_();
    if (!connection) return job.answer_in_place(std::unexpected(connection.error()));
    spare.connection = *std::move(connection);
  }
  if (const auto outcome = read(spare, job)) {
    job.answer_in_place(std::monostate{});
  } else {
    job.answer_in_place(std::unexpected(outcome.error()));
  }
  lock.lock();
  if (spare.reads && (!keep_ || renewed != renewed_)) {
    lock.unlock();
    spare.connection->rollback();
    spare.reads = false;
    lock.lock();
  }
  spare_.push_back(std::move(spare));
}

Result<> ReadsHere::read(Spare& spare, detail::ReadJob& job) {
  Guard guard(*spare.connection);
  if (!spare.reads) ACLOUD_CHECK(spare.connection->begin(Connection::Mode::read));
  Result<> outcome = guard.outcome(job.run_guarded(guard));
  spare.reads = outcome.has_value();
  if (!outcome) spare.connection->rollback();
  return outcome;
}

void ReadsHere::renew(bool keep) {
  const std::lock_guard lock(mutex_);
  ++renewed_;
  keep_ = keep;
  for (Spare& spare : spare_) {
    if (std::exchange(spare.reads, false)) spare.connection->rollback();
  }
}

}  // namespace acloud::store::sqlite
