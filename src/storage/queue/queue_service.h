// The work of product `queue`: messages that are given to one receiver at a time until one has acked them.
//
// A message is a row. `visible` is when it may next be given: what is sent with a delay, or was received,
// lies in the future. A receive moves it on and writes a new receipt in one transaction, so that nobody else
// is given it meanwhile, and an old receipt means nothing.
#pragma once

#include <atomic>
#include <mutex>

#include "kernel/call.h"
#include "storage/queue/queue_types.h"
#include "storage/queue/waiters.h"

namespace acloud::storage {

class QueueService {
 public:
  static constexpr std::int64_t kMessagesMost = 1'000'000;  // in one queue
  static constexpr std::int64_t kQueuesMost = 10'000;       // in one workspace
  static constexpr std::size_t kReceiveBytes = 4 << 20;     // of bodies in one reply

  explicit QueueService(store::Database& database);

  static std::vector<store::Migration> migrations();
  static Result<> forget_workspace(store::Transaction& transaction, const std::string& workspace);

  Task<Result<Queue>> create(kernel::Context& context, CreateQueue request);
  Task<Result<QueueList>> list(kernel::Context& context, ListQueues request);
  Task<Result<QueueState>> get(kernel::Context& context, QueueName request);
  Task<Result<QueueName>> remove(kernel::Context& context, QueueName request);
  Task<Result<Purged>> purge(kernel::Context& context, QueueName request);
  Task<Result<SentMessage>> send(kernel::Context& context, SendMessage request);
  Task<Result<ReceivedMessages>> receive(kernel::Context& context, ReceiveMessages request);
  Task<Result<QueueDone>> ack(kernel::Context& context, AckMessage request);
  Task<Result<QueueDone>> nack(kernel::Context& context, NackMessage request);
  Task<Result<QueueDone>> change_visibility(kernel::Context& context, ChangeVisibility request);

  // To be called about once a second: removes messages of deleted and purged queues, a few at a time.
  Task<Result<>> maintain();
  // Now and then: removes messages that are too old.
  Task<Result<>> drop_old(Time now);
  std::size_t waiting() const { return waiters_.size(); }

 private:
  struct Miss;
  struct Take;

  Result<ReceivedMessages> take(store::Transaction& tx, const Take& wanted, Miss& miss) const;
  Task<Result<>> bury(kernel::Context& context, std::string name);
  Task<Result<QueueDone>> set_visible(kernel::Context& context, AckMessage message,
                                      std::chrono::seconds from_now, bool keep_receipt);
  std::int64_t next_position(Time now);
  bool must_count(const std::string& queue);

  store::Database& database_;
  const std::string lock_rows_;  // what makes servers that share a database step around each other's rows
  Waiters waiters_;
  std::atomic<std::int64_t> position_{0};
  std::mutex mutex_;
  std::map<std::string, std::uint32_t> sends_;  // by a queue's id, since the start
};

}  // namespace acloud::storage
