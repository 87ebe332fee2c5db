// Queues themselves: made, listed, looked at, emptied, deleted.
#include "storage/queue/queue_rows.h"
#include "storage/queue/queue_service.h"

namespace acloud::storage {

using kernel::Context;
using store::Rows;

bool is_queue_name(std::string_view text) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  return !text.empty() && text.size() <= 63 && plain(text.front()) &&
         std::ranges::all_of(text, [&](char c) { return plain(c) || c == '_' || c == '.' || c == '-'; });
}

namespace {

template <class T>
store::Value or_null(const std::optional<T>& value) {
  return value ? store::Value(*value) : store::Value();
}

Result<> check_dead_letter(store::Reader& reader, const std::string& workspace, const CreateQueue& request) {
  if (request.dead_letter.has_value() != request.max_receives.has_value()) {
    return fail(ErrorCode::invalid_argument, "max_receives and dead_letter go together: {} is missing",
                request.dead_letter ? "max_receives" : "dead_letter");
  }
  if (!request.dead_letter) return {};
  if (*request.dead_letter == request.name)
    return fail(ErrorCode::invalid_argument, "dead_letter: {} is the queue itself", request.name);
  auto found = find_queue(reader, workspace, *request.dead_letter);
  if (!found) return std::unexpected(std::move(found).error().within("dead_letter"));
  return {};
}

}  // namespace

Task<Result<Queue>> QueueService::create(Context& context, CreateQueue request) {
  const Queue made{.name = request.name,
                   .visibility = request.visibility,
                   .max_receives = request.max_receives,
                   .dead_letter = request.dead_letter,
                   .retention = request.retention,
                   .created = context.clock.now()};
  co_return co_await context.commit([made, request, id = context.random.hex(10),
                                     workspace =
                                         context.workspace()](store::Transaction& tx) -> Result<Queue> {
    ACLOUD_CHECK(check_dead_letter(tx, workspace, request));
    ACLOUD_TRY(const Rows count, tx.query("SELECT COUNT(*) FROM queues WHERE workspace = $1", {workspace}));
    if (count.front().integer(0) >= kQueuesMost) {
      return fail(ErrorCode::too_large, "the workspace has {} queues, the most there can be; delete some",
                  kQueuesMost);
    }
    ACLOUD_TRY(const std::int64_t added,
               tx.execute("INSERT INTO queues (workspace, name, id, visibility, max_receives, dead_letter, "
                          "retention, created) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) "
                          "ON CONFLICT (workspace, name) DO NOTHING",
                          {workspace, made.name, id, std::int64_t{made.visibility.count()},
                           or_null(made.max_receives), or_null(made.dead_letter),
                           std::int64_t{made.retention.count()}, store::to_value(made.created)}));
    if (added == 0) return fail(ErrorCode::conflict, "there is a queue {} already", made.name);
    return made;
  });
}

Task<Result<QueueList>> QueueService::list(Context& context, ListQueues request) {
  ACLOUD_CO_TRY(const std::string after, kernel::from_cursor(request.cursor));
  co_return co_await context.read([after, limit = request.limit, workspace = context.workspace()](
                                      store::Reader& reader) -> Result<QueueList> {
    ACLOUD_TRY(const Rows rows, reader.query("SELECT name FROM queues WHERE workspace = $1 "
                                             "AND name > $2 ORDER BY name LIMIT $3",
                                             {workspace, after, limit + 1}));
    QueueList list;
    for (const store::Row& row : rows) {
      if (std::ssize(list.items) == limit) {
        list.next_cursor = kernel::to_cursor(list.items.back().name);
        break;
      }
      ACLOUD_TRY(QueueRow queue, find_queue(reader, workspace, row.text(0)));
      list.items.push_back(std::move(queue.shown));
    }
    return list;
  });
}

Task<Result<QueueState>> QueueService::get(Context& context, QueueName request) {
  co_return co_await context.read([request, workspace = context.workspace(),
                                   now = context.clock.now()](store::Reader& reader) -> Result<QueueState> {
    ACLOUD_TRY(QueueRow queue, find_queue(reader, workspace, request.name));
    ACLOUD_TRY(
        const Rows rows,
        reader.query("SELECT COUNT(CASE WHEN visible <= $2 THEN 1 END), COUNT(CASE WHEN visible > $2 THEN 1 "
                     "END), MIN(sent) FROM queue_messages WHERE queue = $1 AND expires > $2",
                     {queue.id, store::to_value(now)}));
    const store::Row& row = rows.front();
    QueueState state{
        .queue = std::move(queue.shown), .ready = row.integer(0), .waiting = row.integer(1), .oldest = {}};
    if (!row.is_null(2)) state.oldest = row.time(2);
    return state;
  });
}

// The messages go with maintain(): there may be many.
Task<Result<QueueName>> QueueService::remove(Context& context, QueueName request) {
  auto removed = co_await context.commit(
      [request, workspace = context.workspace()](store::Transaction& tx) -> Result<QueueName> {
        ACLOUD_TRY(const QueueRow queue, find_queue(tx, workspace, request.name));
        ACLOUD_CHECK(
            tx.execute("DELETE FROM queues WHERE workspace = $1 AND name = $2", {workspace, request.name}));
        ACLOUD_CHECK(tx.execute("INSERT INTO queue_trash (id) VALUES ($1)", {queue.id}));
        return request;
      });
  if (removed) waiters_.wake_all(context.workspace() + '/' + request.name);  // they are told that it is gone
  co_return removed;
}

Task<Result<Purged>> QueueService::purge(Context& context, QueueName request) {
  co_return co_await context.commit([request, id = context.random.hex(10), workspace = context.workspace()](
                                        store::Transaction& tx) -> Result<Purged> {
    ACLOUD_TRY(const QueueRow queue, find_queue(tx, workspace, request.name));
    ACLOUD_TRY(const Rows rows, tx.query("SELECT COUNT(*) FROM queue_messages WHERE queue = $1", {queue.id}));
    ACLOUD_CHECK(tx.execute("UPDATE queues SET id = $3 WHERE workspace = $1 AND name = $2",
                            {workspace, request.name, id}));
    ACLOUD_CHECK(tx.execute("INSERT INTO queue_trash (id) VALUES ($1)", {queue.id}));
    return Purged{rows.front().integer(0)};
  });
}

}  // namespace acloud::storage
