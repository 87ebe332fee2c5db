#include "storage/queue/queue_service.h"

#include "storage/queue/queue_rows.h"

namespace acloud::storage {

using kernel::Context;
using store::Rows;

namespace {

// A receiver looks again at least so often: for what another server of the same database sent, and for what
// became visible meanwhile.
constexpr std::chrono::seconds kLookAgain{1};
constexpr std::uint32_t kSendsBetweenCounts = 1000;
constexpr std::int64_t kRemovedAtOnce = 1000;

std::string line_of(const std::string& workspace, const std::string& name) { return workspace + '/' + name; }

std::unexpected<Error> no_receipt(const std::string& name) {
  return fail(
      ErrorCode::not_found,
      "no message of queue {} has this receipt: it was acked, or its visibility time is over; receive it "
      "again",
      name);
}

}  // namespace

QueueService::QueueService(store::Database& database)
    : database_(database), lock_rows_(database.kind() == "postgres" ? " FOR UPDATE SKIP LOCKED" : "") {}

std::vector<store::Migration> QueueService::migrations() { return queue_migrations(); }

// The messages go with maintain(): there may be many.
Result<> QueueService::forget_workspace(store::Transaction& transaction, const std::string& workspace) {
  ACLOUD_CHECK(transaction.execute("INSERT INTO queue_trash (id) SELECT id FROM queues WHERE workspace = $1",
                                   {workspace}));
  ACLOUD_CHECK(transaction.execute("DELETE FROM queues WHERE workspace = $1", {workspace}));
  return {};
}

// Grows with each message of this server; those of two servers are ordered by their clocks.
std::int64_t QueueService::next_position(Time now) {
  std::int64_t last = position_.load();
  std::int64_t next = 0;
  do {
    next = std::max(now.time_since_epoch().count(), last + 1);
  } while (!position_.compare_exchange_weak(last, next));
  return next;
}

// Counting a long queue takes milliseconds, so not every send does.
bool QueueService::must_count(const std::string& queue) {
  const std::lock_guard lock(mutex_);
  if (sends_.size() > 10'000) sends_.clear();
  return sends_[queue]++ % kSendsBetweenCounts == 0;
}

Task<Result<SentMessage>> QueueService::send(Context& context, SendMessage request) {
  const std::string workspace = context.workspace();
  const std::string name = request.name;
  const bool delayed = request.delay.count() > 0;
  const SentMessage sent{fmt::format("msg_{}", context.random.hex(10))};
  const Time now = context.clock.now();
  auto written = co_await context.commit([this, workspace, now, sent, request = std::move(request)](
                                             store::Transaction& tx) -> Result<SentMessage> {
    ACLOUD_TRY(const QueueRow queue, find_queue(tx, workspace, request.name));
    if (must_count(queue.id)) ACLOUD_CHECK(check_messages(tx, queue, kMessagesMost));
    ACLOUD_CHECK(
        tx.execute("INSERT INTO queue_messages (queue, position, id, body, sent, visible, expires, receives) "
                   "VALUES ($1, $2, $3, $4, $5, $6, $7, 0)",
                   {queue.id, next_position(now), sent.id, store::Bytes{request.body}, store::to_value(now),
                    store::to_value(now + request.delay),
                    store::to_value(now + request.delay + queue.shown.retention)}));
    return sent;
  });
  if (!written) co_return written;
  // One that is delayed changes when each of them must look again.
  const std::string line = line_of(workspace, name);
  if (delayed) {
    waiters_.wake_all(line);
  } else {
    waiters_.wake_one(line);
  }
  co_return written;
}

struct QueueService::Take {
  std::string workspace;
  std::string name;
  Time now{};
  std::vector<std::string> receipts;  // one for each message that is wanted
};

// Why take() gave nothing.
struct QueueService::Miss {
  bool missed = false;
  bool dead = false;         // a message waits to be buried first
  std::optional<Time> next;  // when the next may be given
};

Result<ReceivedMessages> QueueService::take(store::Transaction& tx, const Take& wanted, Miss& miss) const {
  miss = {};
  ACLOUD_TRY(const QueueRow queue, find_queue(tx, wanted.workspace, wanted.name));
  const store::Value now = store::to_value(wanted.now);
  ACLOUD_TRY(const Rows rows, tx.query("SELECT position, id, body, sent, receives FROM queue_messages "
                                       "WHERE queue = $1 AND visible <= $2 AND expires > $2 "
                                       "ORDER BY position LIMIT $3" +
                                           lock_rows_,
                                       {queue.id, now, std::ssize(wanted.receipts)}));
  ReceivedMessages received;
  std::size_t bytes = 0;
  for (const store::Row& row : rows) {
    miss.dead = queue.buries(row.integer(4));
    bytes += row.bytes(2).size();
    if (miss.dead || (bytes > kReceiveBytes && !received.items.empty())) break;
    const std::string& receipt = wanted.receipts[received.items.size()];
    received.items.push_back({row.text(1), row.bytes(2), receipt, row.time(3), row.integer(4) + 1});
    ACLOUD_CHECK(
        tx.execute("UPDATE queue_messages SET visible = $4, receipt = $5, receives = receives + 1 "
                   "WHERE queue = $1 AND position = $2 AND id = $3",
                   {queue.id, row.integer(0), row.text(1),
                    store::to_value(wanted.now + queue.shown.visibility), receipt}));
  }
  if (!received.items.empty()) return received;
  ACLOUD_TRY(
      const Rows next,
      tx.query("SELECT MIN(visible) FROM queue_messages WHERE queue = $1 AND visible > $2", {queue.id, now}));
  if (!next.front().is_null(0)) miss.next = next.front().time(0);
  miss.missed = true;
  return fail(ErrorCode::not_found, "no message");  // undoes nothing, and leaves no record
}

Task<Result<ReceivedMessages>> QueueService::receive(Context& context, ReceiveMessages request) {
  const Instant end = context.clock.instant() + request.wait;
  Take wanted{context.workspace(), request.name, {}, {}};
  for (;;) {
    // Its time in line begins before it looks.
    Waiters::Place place(waiters_, line_of(wanted.workspace, wanted.name));
    wanted.now = context.clock.now();
    wanted.receipts.clear();
    for (std::int64_t i = 0; i < request.limit; ++i)
      wanted.receipts.push_back(fmt::format("rcp_{}", context.random.hex(16)));
    Miss miss;
    auto taken = co_await context.commit(
        [this, &wanted, &miss](store::Transaction& tx) { return take(tx, wanted, miss); });
    if (taken || !miss.missed) co_return taken;
    if (miss.dead) {
      ACLOUD_CO_CHECK(co_await bury(context, wanted.name));
      continue;
    }
    const Instant now = context.clock.instant();
    if (now >= end) co_return ReceivedMessages{};
    Instant until = std::min(end, now + kLookAgain);
    if (miss.next)
      until =
          std::min(until, now + std::max<Duration>(*miss.next - wanted.now, std::chrono::milliseconds(1)));
    ACLOUD_CO_CHECK(co_await place.wait(until));
  }
}

// Moves what was received too often, and may be given again, to the dead letters.
Task<Result<>> QueueService::bury(Context& context, std::string name) {
  const std::string workspace = context.workspace();
  const Time now = context.clock.now();
  ACLOUD_CO_TRY(
      const std::string grave,
      co_await context.write([this, workspace, name, now](store::Transaction& tx) -> Result<std::string> {
        ACLOUD_TRY(const QueueRow queue, find_queue(tx, workspace, name));
        if (!queue.dead_letter_id) return std::string();
        ACLOUD_TRY(const Rows rows, tx.query("SELECT position, id FROM queue_messages WHERE queue = $1 AND "
                                             "visible <= $2 AND receives >= $3 ORDER BY position LIMIT 100" +
                                                 lock_rows_,
                                             {queue.id, store::to_value(now), *queue.shown.max_receives}));
        for (const store::Row& row : rows) {
          ACLOUD_CHECK(
              tx.execute("UPDATE queue_messages SET queue = $4, position = $5, receives = 0, receipt = NULL "
                         "WHERE queue = $1 AND position = $2 AND id = $3",
                         {queue.id, row.integer(0), row.text(1), *queue.dead_letter_id, next_position(now)}));
        }
        return *queue.shown.dead_letter;
      }));
  if (!grave.empty()) waiters_.wake_all(line_of(workspace, grave));
  co_return Result<>();
}

Task<Result<QueueDone>> QueueService::ack(Context& context, AckMessage request) {
  co_return co_await context.commit([request, workspace = context.workspace(),
                                     now = context.clock.now()](store::Transaction& tx) -> Result<QueueDone> {
    ACLOUD_TRY(const QueueRow queue, find_queue(tx, workspace, request.name));
    ACLOUD_TRY(const std::int64_t gone,
               tx.execute("DELETE FROM queue_messages WHERE queue = $1 AND receipt = $2 AND visible > $3",
                          {queue.id, request.receipt, store::to_value(now)}));
    if (gone == 0) return no_receipt(request.name);
    return QueueDone{};
  });
}

Task<Result<QueueDone>> QueueService::set_visible(Context& context, AckMessage message,
                                                  std::chrono::seconds from_now, bool keep_receipt) {
  const std::string workspace = context.workspace();
  const Time now = context.clock.now();
  auto done = co_await context.commit(
      [message, workspace, now, from_now, keep_receipt](store::Transaction& tx) -> Result<QueueDone> {
        ACLOUD_TRY(const QueueRow queue, find_queue(tx, workspace, message.name));
        const std::string receipt = keep_receipt ? "receipt" : "NULL";
        ACLOUD_TRY(
            const std::int64_t changed,
            tx.execute("UPDATE queue_messages SET visible = $4, receipt = " + receipt +
                           " WHERE queue = $1 AND receipt = $2 AND visible > $3",
                       {queue.id, message.receipt, store::to_value(now), store::to_value(now + from_now)}));
        if (changed == 0) return no_receipt(message.name);
        return QueueDone{};
      });
  if (done) waiters_.wake_all(line_of(workspace, message.name));
  co_return done;
}

Task<Result<QueueDone>> QueueService::nack(Context& context, NackMessage request) {
  return set_visible(context, {std::move(request.name), std::move(request.receipt)}, request.delay, false);
}

Task<Result<QueueDone>> QueueService::change_visibility(Context& context, ChangeVisibility request) {
  return set_visible(context, {std::move(request.name), std::move(request.receipt)}, request.visibility,
                     true);
}

Task<Result<>> QueueService::maintain() {
  ACLOUD_CO_TRY(const Rows trash, co_await database_.query("SELECT id FROM queue_trash LIMIT 1"));
  if (trash.empty()) co_return Result<>();
  const std::string id = trash.front().text(0);
  ACLOUD_CO_TRY(
      const bool more, co_await database_.write_durably([id](store::Transaction& tx) -> Result<bool> {
        ACLOUD_TRY(
            const std::int64_t gone,
            tx.execute("DELETE FROM queue_messages WHERE queue = $1 AND position IN (SELECT position FROM "
                       "queue_messages WHERE queue = $1 ORDER BY position LIMIT $2)",
                       {id, kRemovedAtOnce}));
        if (gone > 0) return true;
        ACLOUD_CHECK(tx.execute("DELETE FROM queue_trash WHERE id = $1", {id}));
        return false;
      }));
  std::ignore = more;
  co_return Result<>();
}

Task<Result<>> QueueService::drop_old(Time now) {
  for (;;) {
    auto gone = co_await database_.write_durably([now](store::Transaction& tx) -> Result<std::int64_t> {
      return tx.execute(
          "DELETE FROM queue_messages WHERE id IN (SELECT id FROM queue_messages "
          "WHERE expires <= $1 LIMIT $2) AND expires <= $1",
          {store::to_value(now), kRemovedAtOnce});
    });
    if (!gone) co_return std::unexpected(std::move(gone).error());
    if (*gone < kRemovedAtOnce) co_return Result<>();
  }
}

}  // namespace acloud::storage
