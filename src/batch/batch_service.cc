#include "batch/batch_service.h"

namespace acloud::batch {
namespace {

using kernel::Context;

constexpr std::size_t kNotesMost = 16;
constexpr std::size_t kNoteName = 64;
constexpr std::size_t kNoteValue = 512;

Result<> check_metadata(const Metadata& metadata) {
  if (metadata.size() > kNotesMost)
    return fail(ErrorCode::invalid_argument, "metadata: has {} entries; {} are the most", metadata.size(),
                kNotesMost);
  for (const auto& [name, value] : metadata) {
    if (name.size() <= kNoteName && value.size() <= kNoteValue) continue;
    return fail(ErrorCode::invalid_argument, "metadata: a name has {} bytes at most, and a value {}",
                kNoteName, kNoteValue);
  }
  return {};
}

}  // namespace

// The runner is told when it can see what has changed.
Task<Result<Batch>> BatchService::told(Context& context, Result<Batch> batch) {
  if (!batch) co_return batch;
  ACLOUD_CO_CHECK(co_await context.durable());
  changed_();
  co_return batch;
}

Task<Result<Batch>> BatchService::create(Context& context, CreateBatch request) {
  ACLOUD_CO_CHECK(check_metadata(request.metadata));
  StoredBatch made;
  made.owner = context.caller;
  const Time now = context.clock.now();
  made.shown.id = rows::new_id("batch", now, context.random.hex(6));
  made.shown.endpoint = request.endpoint;
  made.shown.input_file = std::move(request.input_file);
  made.shown.metadata = std::move(request.metadata);
  made.output_expires_after = request.output_expires_after;
  made.shown.created = now;
  made.shown.expires = now + kWindow;
  auto batch = co_await context.commit([made](store::Transaction& tx) mutable -> Result<Batch> {
    const std::string& workspace = made.owner.workspace;
    ACLOUD_TRY(const StoredFile input, rows::find_file(tx, workspace, made.shown.input_file));
    if (input.shown.purpose != kInputPurpose) {
      return fail(ErrorCode::invalid_argument,
                  "input_file: {} was uploaded for \"{}\"; upload it with purpose \"{}\"", input.shown.id,
                  input.shown.purpose, kInputPurpose);
    }
    ACLOUD_TRY(const std::int64_t open, rows::count_open(tx, workspace));
    if (open >= kOpenMost) {
      return fail(ErrorCode::too_large,
                  "the workspace has {} batches that have not ended, the most there can be", kOpenMost);
    }
    made.place = input.place;
    ACLOUD_CHECK(rows::add_batch(tx, made));
    return made.shown;
  });
  co_return co_await told(context, std::move(batch));
}

Task<Result<Batch>> BatchService::get(Context& context, BatchId request) {
  co_return co_await context.read_here(
      [id = request.id, workspace = context.workspace()](store::Reader& reader) -> Result<Batch> {
        ACLOUD_TRY(StoredBatch found, rows::find_batch(reader, workspace, id));
        return std::move(found.shown);
      });
}

Task<Result<BatchList>> BatchService::list(Context& context, ListBatches request) {
  ACLOUD_CO_TRY(const std::string after, kernel::from_cursor(request.cursor));
  co_return co_await context.read([after, limit = request.limit, workspace = context.workspace()](
                                      store::Reader& reader) -> Result<BatchList> {
    BatchList list;
    ACLOUD_TRY(list.items, rows::list_batches(reader, workspace, after, limit + 1));
    if (std::ssize(list.items) > limit) {
      list.items.pop_back();
      list.next_cursor = kernel::to_cursor(list.items.back().id);
    }
    return list;
  });
}

Task<Result<Batch>> BatchService::cancel(Context& context, BatchId request) {
  auto batch = co_await context.commit([id = request.id, workspace = context.workspace(),
                                        now = context.clock.now()](store::Transaction& tx) -> Result<Batch> {
    ACLOUD_TRY(StoredBatch found, rows::find_batch(tx, workspace, id));
    if (found.shown.state == State::cancelling || found.shown.state == State::cancelled)
      return std::move(found.shown);
    if (is_end(found.shown.state) || found.shown.state == State::finalizing) {
      return fail(ErrorCode::conflict, "batch {} is {}, so there is nothing to cancel", id,
                  schema::Codec<State>::name(found.shown.state));
    }
    found.shown.state = State::cancelling;
    found.shown.cancelling = now;
    ACLOUD_CHECK(rows::set_cancelling(tx, found));
    return std::move(found.shown);
  });
  co_return co_await told(context, std::move(batch));
}

}  // namespace acloud::batch
