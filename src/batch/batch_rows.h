// Batches on the store, and what came of their lines until that is in a file.
//
// A batch is open until its runner has done all that it has to do for it: its state may have come to its end
// before, while what its lines gave is still to be removed.
#pragma once

#include <set>

#include "batch/batch_types.h"
#include "batch/file_rows.h"
#include "kernel/grant.h"

namespace acloud::batch {

struct StoredBatch {
  Batch shown;
  kernel::Caller owner;
  std::string place;             // of its input file: the server there runs it
  std::optional<State> ends_as;  // while it is finalizing
  std::optional<std::chrono::seconds> output_expires_after;
};

// What came of a line.
struct LineResult {
  std::int64_t line = 0;  // from 1 on
  bool ok = false;
  std::string json;  // its line of the output or of the error file, without the end of it
};

std::vector<store::Migration> migrations();
Result<> forget_workspace(store::Transaction& transaction, const std::string& workspace);

namespace rows {

// Errors: not_found.
Result<StoredBatch> find_batch(store::Reader& reader, const std::string& workspace, const std::string& id);
// The newest first, from `after` on.
Result<std::vector<Batch>> list_batches(store::Reader& reader, const std::string& workspace,
                                        const std::string& after, std::int64_t limit);
// The open batches at `place`, and those elsewhere that expired before `abandoned`, whose server did not end
// them; `of_each` of a workspace and `limit` in all, the oldest first.
Result<std::vector<StoredBatch>> open_batches(store::Reader& reader, const std::string& place, Time abandoned,
                                              std::int64_t of_each, std::int64_t limit);
Result<std::int64_t> count_open(store::Reader& reader, const std::string& workspace);
// The id of an open batch that reads this file; nothing where there is none.
Result<std::optional<std::string>> open_batch_of(store::Reader& reader, const std::string& workspace,
                                                 const std::string& file);
Result<> add_batch(store::Transaction& tx, const StoredBatch& batch);
// Writes what can change: state, times, files, counts and errors. A state that is at its end, or cancelling,
// stays what it is but for the end of a cancelling one. Errors: not_found; conflict where it stays.
Result<> update_batch(store::Transaction& tx, const StoredBatch& batch);
// Writes the state and its time. REQUIRES: in the transaction that saw that it may be cancelled.
Result<> set_cancelling(store::Transaction& tx, const StoredBatch& batch);
// Nothing more is to be done for it.
Result<> close_batch(store::Transaction& tx, const std::string& id);

// Whether remove_expired_files() or remove_ended() would find any.
Result<bool> has_to_prune(store::Reader& reader, Time now, Time ended);
// Removes some that have ended before `ended`, and of which nothing is left to be done. Their files stay. How
// many went.
Result<std::int64_t> remove_ended(store::Transaction& tx, Time ended, std::int64_t limit);

// Keeps what came of lines, and counts it. Errors: not_found: the batch is gone.
Result<> add_results(store::Transaction& tx, const std::string& batch,
                     const std::vector<LineResult>& results);
Result<std::set<std::int64_t>> lines_done(store::Reader& reader, const std::string& batch);
// The next ones after line `after`, at most `limit`.
Result<std::vector<LineResult>> results(store::Reader& reader, const std::string& batch, bool ok,
                                        std::int64_t after, std::int64_t limit);
// Removes some. How many went.
Result<std::int64_t> remove_results(store::Transaction& tx, const std::string& batch, std::int64_t limit);

}  // namespace rows
}  // namespace acloud::batch
