// Queues as rows of the store.
#pragma once

#include "storage/queue/queue_types.h"
#include "store/database.h"

namespace acloud::storage {

std::vector<store::Migration> queue_migrations();

struct QueueRow {
  std::string id;  // another after a purge: what it held before belongs to an id that is swept
  Queue shown;
  std::optional<std::string> dead_letter_id;  // nothing where that queue is gone

  // Is a message that was received so often to be given no more?
  bool buries(std::int64_t receives) const {
    return dead_letter_id && shown.max_receives && receives >= *shown.max_receives;
  }
};

// Errors: not_found.
Result<QueueRow> find_queue(store::Reader& reader, const std::string& workspace, const std::string& name);
// Errors: too_large where the queue has `most` messages.
Result<> check_messages(store::Reader& reader, const QueueRow& queue, std::int64_t most);

}  // namespace acloud::storage
