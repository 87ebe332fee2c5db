#include "batch/runner.h"

#include "base/log.h"

namespace acloud::batch {
namespace {

constexpr std::int64_t kOfEach = 2;     // batches of one workspace at once
constexpr std::int64_t kRunsMost = 64;  // batches at once
constexpr std::chrono::seconds kTakeEvery{5};
constexpr std::int64_t kPrunedAtOnce = 100;
// After a batch's last moment its server may still wait for lines under way and write its files.
constexpr std::chrono::hours kAbandoned{2};

}  // namespace

Runner::~Runner() = default;

void Runner::start() {
  parts_.loop.post([this] {
    scope_ = std::make_unique<async::TaskScope>();
    scope_->spawn(work());
  });
}

void Runner::stop() { async::run_on(parts_.loop, end()); }

Task<> Runner::end() {
  if (!scope_) co_return;
  stopping_ = true;
  for (const auto& [id, run] : runs_) run->stop();
  wake();
  const auto cut_off = parts_.loop.call_at(parts_.loop.now() + parts_.drain, [this] {
    for (const auto& [id, run] : runs_) run->cut_off();
  });
  co_await scope_->join();
  scope_.reset();
}

Task<> Runner::work() {
  while (!stopping_) {
    if (const auto taken = co_await take(); !taken)
      log::error("batches could not be taken up", {{"error", taken.error().message()}});
    if (const auto pruned = co_await prune(); !pruned)
      log::error("files and batches could not be pruned", {{"error", pruned.error().message()}});
    (void)co_await async::with_deadline(async::Deadline::after(kTakeEvery), "a batch", bell_.receive());
  }
}

Task<Result<>> Runner::take() {
  ACLOUD_CO_TRY(auto open, co_await parts_.run.database.read(
                               [place = parts_.run.place,
                                abandoned = parts_.run.clock.now() - kAbandoned](store::Reader& reader) {
                                 return rows::open_batches(reader, place, abandoned, kOfEach, kRunsMost);
                               }));
  for (StoredBatch& batch : open) {
    if (stopping_ || std::ssize(runs_) >= kRunsMost) break;
    const auto [at, is_new] = runs_.try_emplace(batch.shown.id);
    if (!is_new) continue;
    at->second = std::make_unique<Run>(parts_.run, batch);
    scope_->spawn(go_on(std::move(batch), *at->second));
  }
  co_return Result<>();
}

// A few at a time: there is always a next one.
Task<Result<>> Runner::prune() {
  const Time now = parts_.run.clock.now();
  const Time ended = parts_.keep_ended.count() > 0 ? now - parts_.keep_ended : Time{};
  store::Database& database = parts_.run.database;
  ACLOUD_CO_TRY(const bool any, co_await database.read([now, ended](store::Reader& reader) {
    return rows::has_to_prune(reader, now, ended);
  }));
  if (!any) co_return Result<>();
  co_return co_await database.write_durably([now, ended](store::Transaction& tx) -> Result<> {
    ACLOUD_CHECK(rows::remove_expired_files(tx, now, kPrunedAtOnce));
    ACLOUD_CHECK(rows::remove_ended(tx, ended, kPrunedAtOnce));
    return {};
  });
}

Task<> Runner::go_on(StoredBatch batch, Run& run) {
  const Result<> done = co_await run.go();
  const bool expected =
      done || done.error().code() == ErrorCode::cancelled || done.error().code() == ErrorCode::not_found;
  if (!expected)
    log::error("a batch was left, to be gone on with",
               {{"batch", batch.shown.id}, {"error", done.error().message()}});
  runs_.erase(batch.shown.id);
  if (done) wake();
}

}  // namespace acloud::batch
