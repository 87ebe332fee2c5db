#include "store/reader_pool.h"

#include <pthread.h>

#include "store/guard.h"

namespace acloud::store {
namespace {

Result<std::monostate> done(Result<> outcome) {
  if (!outcome) return std::unexpected(std::move(outcome).error());
  return std::monostate{};
}

}  // namespace

Result<std::unique_ptr<ReaderPool>> ReaderPool::start(std::size_t threads, const Connect& connect) {
  std::unique_ptr<ReaderPool> pool(new ReaderPool());
  for (std::size_t i = 0; i < std::max<std::size_t>(threads, 1); ++i) {
    ACLOUD_TRY(auto connection, connect());
    auto& thread = pool->threads_.emplace_back([&queue = pool->queue_, connection = std::move(connection)] {
      while (detail::ReadJob* job = queue.take()) job->answer(done(read(*connection, *job)));
    });
    pthread_setname_np(thread.native_handle(), fmt::format("acloud-reader-{}", i).c_str());
  }
  return pool;
}

ReaderPool::~ReaderPool() {
  queue_.close();
  threads_.clear();
}

Result<> ReaderPool::read(Connection& connection, detail::ReadJob& job) {
  Guard guard(connection);
  ACLOUD_CHECK(connection.begin(job.one_statement ? Connection::Mode::statement : Connection::Mode::read));
  const Result<> outcome = guard.outcome(job.run_guarded(guard));
  connection.rollback();
  return outcome;
}

}  // namespace acloud::store
