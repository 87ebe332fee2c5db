// What the cloud does beside calls, for as long as it runs.
#include "async/task_scope.h"
#include "base/log.h"
#include "cloud.h"

namespace acloud {
namespace {

constexpr std::chrono::seconds kSpoolEvery{1};
constexpr std::chrono::seconds kSchedulesEvery{1};
constexpr std::chrono::minutes kSweepEvery{10};
constexpr std::chrono::minutes kBlobGrace{10};

void log_failure(std::string_view what, const Error& error) {
  if (error.code() != ErrorCode::cancelled) log::error(what, {{"error", error.message()}});
}

}  // namespace

Task<Result<>> Cloud::drain_spool() {
  co_return co_await spool_->drain(
      *database_, [this](store::Transaction& tx, std::span<const kernel::CallRecord> records) -> Result<> {
        ACLOUD_CHECK(call_ledger_->settle_in(tx, records));
        return audit_->record_in(tx, records);
      });
}

Task<> Cloud::run_schedules() {
  do {
    if (const auto ran = co_await schedules_->run_due(); !ran) log_failure("schedules wait", ran.error());
  } while (co_await async::sleep_for(kSchedulesEvery));
}

Task<Result<std::set<sandbox::Sandboxes::Name>>> Cloud::tasks_elsewhere(
    std::set<sandbox::Sandboxes::Name> tasks) {
  co_return co_await database_->read(
      [tasks = std::move(tasks), place = instances_->self().place](
          store::Reader& reader) -> Result<std::set<sandbox::Sandboxes::Name>> {
        std::set<task::tables::TaskOf> asked;
        for (const auto& [workspace, id] : tasks) asked.insert({workspace, id});
        ACLOUD_TRY(const auto found, task::tables::abandoned(reader, {.place = place}, asked));
        std::set<sandbox::Sandboxes::Name> elsewhere;
        for (const auto& [workspace, id] : found) elsewhere.emplace(workspace, id);
        return elsewhere;
      });
}

// Beside everything else, since nothing that takes long may hold it up.
Task<> Cloud::keep_lease() {
  while (co_await async::sleep_for(kernel::Instances::kBeatEvery)) {
    if (const auto kept = co_await instances_->beat(); !kept)
      log_failure("the server's lease was not kept", kept.error());
  }
}

Task<> Cloud::run_triggers() {
  do {
    if (const auto ran = co_await triggers_->run_due(); !ran) log_failure("triggers wait", ran.error());
  } while (co_await async::sleep_for(kSchedulesEvery));
}

Task<> Cloud::maintain() {
  async::TaskScope beside;
  if (database_->kind() != "sqlite") beside.spawn(keep_lease());
  beside.spawn(run_schedules());
  beside.spawn(run_triggers());
  beside.spawn(
      sandboxes_->run([this](std::set<std::string> names) { return keys_->missing(std::move(names)); },
                      [this](auto tasks) { return tasks_elsewhere(std::move(tasks)); }));
  Instant next_sweep = clock_.instant();
  for (;;) {
    if (const auto drained = co_await drain_spool(); !drained)
      log_failure("records of reads wait", drained.error());
    if (const auto followed = co_await routes_->follow(); !followed)
      log_failure("what other servers set is not served", followed.error());
    if (const auto kept = co_await ledger_->maintain(); !kept)
      log_failure("the ledger's upkeep failed", kept.error());
    if (const auto kept = co_await databases_->maintain(clock_.now()); !kept)
      log_failure("what a deleted database left stays", kept.error());
    if (const auto kept = co_await mcp_->maintain(); !kept)
      log_failure("other servers do not hear of MCP's tasks", kept.error());
    if (const auto kept = co_await queues_->maintain(); !kept)
      log_failure("messages of deleted queues stay", kept.error());
    if (clock_.instant() >= next_sweep) {
      next_sweep = clock_.instant() + kSweepEvery;
      if (const auto swept = co_await objects_->sweep(
              kBlobGrace, [this](const std::string& digest) { return batch_files_->is_named(digest); });
          !swept)
        log_failure("blobs were not swept", swept.error());
      if (const auto swept = co_await databases_->sweep(); !swept)
        log_failure("databases were not swept", swept.error());
      if (const auto swept = co_await queues_->drop_old(clock_.now()); !swept)
        log_failure("old messages stay", swept.error());
      if (const auto swept = co_await idempotency_->sweep(); !swept)
        log_failure("old idempotency keys stay", swept.error());
    }
    if (!co_await async::sleep_for(kSpoolEvery)) break;
  }
  beside.cancel();
  co_await beside.join();
}

}  // namespace acloud
