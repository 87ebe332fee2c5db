#include "batch/batch_rows.h"

namespace acloud::batch {
namespace {

using schema::Codec;
using store::Bytes;
using store::Rows;

// Whose rights the lines have, as a column of text.
struct Owner {
  std::string principal;
  std::string key;
  std::vector<kernel::Grant> grants;
  static constexpr auto schema = fields(field("principal", &Owner::principal, ""),
                                        field("key", &Owner::key, ""), field("grants", &Owner::grants, ""));
};

struct Notes {
  Metadata metadata;
  std::vector<Fault> errors;
  std::optional<State> ends_as;
  std::optional<std::chrono::seconds> output_expires_after;
  static constexpr auto schema =
      fields(field("metadata", &Notes::metadata, ""), field("errors", &Notes::errors, ""),
             field("ends_as", &Notes::ends_as, ""),
             field("output_expires_after_s", &Notes::output_expires_after, ""));
};

constexpr std::string_view kBatchColumns =
    "workspace, id, place, owner, state, endpoint, input_file, output_file, error_file, total, completed, "
    "failed, notes, created, started, finalizing, cancelling, ended, expires";

std::optional<std::string> text_or_none(const store::Row& row, std::size_t i) {
  return row.is_null(i) ? std::nullopt : std::optional(row.text(i));
}
std::optional<Time> time_or_none(const store::Row& row, std::size_t i) {
  return row.is_null(i) ? std::nullopt : std::optional(row.time(i));
}
store::Value value_of(const std::optional<Time>& time) {
  return time ? store::to_value(*time) : store::Value();
}
store::Value value_of(const std::optional<std::string>& text) {
  return text ? store::Value(*text) : store::Value();
}
template <class E>
std::string name_of(E value) {
  return std::string(Codec<E>::name(value));
}

template <class T>
Result<T> from_column(const std::string& text) {
  ACLOUD_TRY(const Json json, parse_json(text));
  return decode<T>(json);
}

Result<StoredBatch> to_batch(const store::Row& row) {
  StoredBatch stored;
  ACLOUD_TRY(Owner owner, from_column<Owner>(row.bytes(3)));
  stored.owner = {.workspace = row.text(0),
                  .principal = std::move(owner.principal),
                  .key = std::move(owner.key),
                  .grants = std::move(owner.grants),
                  .is_operator = false};
  stored.place = row.text(2);
  Batch& shown = stored.shown;
  shown.id = row.text(1);
  ACLOUD_TRY(shown.state, decode<State>(Json(row.text(4))));
  ACLOUD_TRY(shown.endpoint, decode<Endpoint>(Json(row.text(5))));
  shown.input_file = row.text(6);
  shown.output_file = text_or_none(row, 7);
  shown.error_file = text_or_none(row, 8);
  shown.counts = {row.integer(9), row.integer(10), row.integer(11)};
  ACLOUD_TRY(Notes notes, from_column<Notes>(row.bytes(12)));
  shown.metadata = std::move(notes.metadata);
  shown.errors = std::move(notes.errors);
  stored.ends_as = notes.ends_as;
  stored.output_expires_after = notes.output_expires_after;
  shown.created = row.time(13);
  shown.started = time_or_none(row, 14);
  shown.finalizing = time_or_none(row, 15);
  shown.cancelling = time_or_none(row, 16);
  shown.ended = time_or_none(row, 17);
  shown.expires = row.time(18);
  return stored;
}

Result<std::vector<StoredBatch>> to_batches(const Rows& found) {
  std::vector<StoredBatch> all;
  for (const store::Row& row : found) {
    ACLOUD_TRY(StoredBatch stored, to_batch(row));
    all.push_back(std::move(stored));
  }
  return all;
}

Bytes notes_of(const StoredBatch& batch) {
  return Bytes{
      encode(Notes{batch.shown.metadata, batch.shown.errors, batch.ends_as, batch.output_expires_after})};
}

std::unexpected<Error> no_batch(const std::string& id) {
  return fail(ErrorCode::not_found, "no batch {}; batch.list (GET /v1/batches) lists them", id);
}

}  // namespace

std::vector<store::Migration> migrations() {
  return {{"batch-1",
           "CREATE TABLE batch_files ("
           "  workspace TEXT NOT NULL, id TEXT NOT NULL, filename TEXT NOT NULL, purpose TEXT NOT NULL,"
           "  size BIGINT NOT NULL, created BIGINT NOT NULL, place TEXT NOT NULL, blob TEXT NOT NULL,"
           "  PRIMARY KEY (workspace, id));"
           "CREATE INDEX batch_files_blob ON batch_files (blob);"
           "CREATE TABLE batches ("
           "  workspace TEXT NOT NULL, id TEXT NOT NULL, place TEXT NOT NULL, owner BYTEA NOT NULL,"
           "  state TEXT NOT NULL, endpoint TEXT NOT NULL, input_file TEXT NOT NULL, output_file TEXT,"
           "  error_file TEXT, total BIGINT NOT NULL, completed BIGINT NOT NULL, failed BIGINT NOT NULL,"
           "  notes BYTEA NOT NULL, created BIGINT NOT NULL, started BIGINT, finalizing BIGINT,"
           "  cancelling BIGINT, ended BIGINT, expires BIGINT NOT NULL, closed BIGINT,"
           "  PRIMARY KEY (workspace, id));"
           "CREATE UNIQUE INDEX batches_id ON batches (id);"
           "CREATE INDEX batches_closed ON batches (closed, place);"
           "CREATE TABLE batch_lines ("
           "  batch TEXT NOT NULL, line BIGINT NOT NULL, ok BIGINT NOT NULL, result BYTEA NOT NULL,"
           "  PRIMARY KEY (batch, line));"},
          {"batch-2",
           "ALTER TABLE batch_files ADD COLUMN expires BIGINT;"
           "CREATE INDEX batch_files_expires ON batch_files (expires);"}};
}

Result<> forget_workspace(store::Transaction& transaction, const std::string& workspace) {
  ACLOUD_CHECK(transaction.execute(
      "DELETE FROM batch_lines WHERE batch IN (SELECT id FROM batches WHERE workspace = $1)", {workspace}));
  ACLOUD_CHECK(transaction.execute("DELETE FROM batches WHERE workspace = $1", {workspace}));
  ACLOUD_CHECK(transaction.execute("DELETE FROM batch_files WHERE workspace = $1", {workspace}));
  return {};
}

namespace rows {

Result<StoredBatch> find_batch(store::Reader& reader, const std::string& workspace, const std::string& id) {
  ACLOUD_TRY(
      const Rows found,
      reader.query(fmt::format("SELECT {} FROM batches WHERE workspace = $1 AND id = $2", kBatchColumns),
                   {workspace, id}));
  if (found.empty()) return no_batch(id);
  return to_batch(found.front());
}

Result<std::vector<Batch>> list_batches(store::Reader& reader, const std::string& workspace,
                                        const std::string& after, std::int64_t limit) {
  ACLOUD_TRY(const Rows found,
             reader.query(fmt::format("SELECT {} FROM batches WHERE workspace = $1 AND ($2 = '' OR id < $2) "
                                      "ORDER BY id DESC LIMIT $3",
                                      kBatchColumns),
                          {workspace, after, limit}));
  ACLOUD_TRY(auto stored, to_batches(found));
  std::vector<Batch> all;
  all.reserve(stored.size());
  for (StoredBatch& each : stored) all.push_back(std::move(each.shown));
  return all;
}

Result<std::vector<StoredBatch>> open_batches(store::Reader& reader, const std::string& place, Time abandoned,
                                              std::int64_t of_each, std::int64_t limit) {
  ACLOUD_TRY(
      const Rows found,
      reader.query(
          fmt::format("SELECT {} FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY workspace ORDER BY id) "
                      "AS turn FROM batches WHERE closed IS NULL AND (place = $1 OR expires < $2)) "
                      "AS waiting WHERE turn <= $3 ORDER BY id LIMIT $4",
                      kBatchColumns),
          {place, store::to_value(abandoned), of_each, limit}));
  return to_batches(found);
}

Result<std::int64_t> count_open(store::Reader& reader, const std::string& workspace) {
  ACLOUD_TRY(
      const Rows count,
      reader.query("SELECT COUNT(*) FROM batches WHERE workspace = $1 AND closed IS NULL", {workspace}));
  return count.front().integer(0);
}

Result<std::optional<std::string>> open_batch_of(store::Reader& reader, const std::string& workspace,
                                                 const std::string& file) {
  ACLOUD_TRY(const Rows found, reader.query("SELECT id FROM batches WHERE workspace = $1 AND input_file = $2 "
                                            "AND closed IS NULL AND ended IS NULL LIMIT 1",
                                            {workspace, file}));
  return found.empty() ? std::nullopt : std::optional(found.front().text(0));
}

Result<> add_batch(store::Transaction& tx, const StoredBatch& batch) {
  const Batch& shown = batch.shown;
  const Owner owner{batch.owner.principal, batch.owner.key, batch.owner.grants};
  ACLOUD_CHECK(
      tx.execute("INSERT INTO batches (workspace, id, place, owner, state, endpoint, input_file, total, "
                 "completed, failed, "
                 "notes, created, expires) VALUES ($1, $2, $3, $4, $5, $6, $7, 0, 0, 0, $8, $9, $10)",
                 {batch.owner.workspace, shown.id, batch.place, Bytes{encode(owner)}, name_of(shown.state),
                  name_of(shown.endpoint), shown.input_file, notes_of(batch), store::to_value(shown.created),
                  store::to_value(shown.expires)}));
  return {};
}

Result<> update_batch(store::Transaction& tx, const StoredBatch& batch) {
  const Batch& shown = batch.shown;
  ACLOUD_TRY(const StoredBatch there, find_batch(tx, batch.owner.workspace, shown.id));
  const State now = there.shown.state;
  if (is_end(now) || (now == State::cancelling && !is_end(shown.state))) {
    return fail(ErrorCode::conflict, "batch {} is {}", shown.id, Codec<State>::name(now));
  }
  ACLOUD_CHECK(
      tx.execute("UPDATE batches SET state = $3, output_file = $4, error_file = $5, total = $6, notes = $7, "
                 "started = $8, "
                 "finalizing = $9, cancelling = $10, ended = $11 WHERE workspace = $1 AND id = $2",
                 {batch.owner.workspace, shown.id, name_of(shown.state), value_of(shown.output_file),
                  value_of(shown.error_file), shown.counts.total, notes_of(batch), value_of(shown.started),
                  value_of(shown.finalizing), value_of(shown.cancelling), value_of(shown.ended)}));
  return {};
}

Result<> set_cancelling(store::Transaction& tx, const StoredBatch& batch) {
  ACLOUD_CHECK(tx.execute(
      "UPDATE batches SET state = $3, cancelling = $4 WHERE workspace = $1 AND id = $2",
      {batch.owner.workspace, batch.shown.id, name_of(batch.shown.state), value_of(batch.shown.cancelling)}));
  return {};
}

Result<> close_batch(store::Transaction& tx, const std::string& id) {
  ACLOUD_CHECK(tx.execute("UPDATE batches SET closed = ended WHERE id = $1", {id}));
  return {};
}

Result<bool> has_to_prune(store::Reader& reader, Time now, Time ended) {
  ACLOUD_TRY(const Rows files,
             reader.query("SELECT 1 FROM batch_files WHERE expires <= $1 LIMIT 1", {store::to_value(now)}));
  ACLOUD_TRY(const Rows batches,
             reader.query("SELECT 1 FROM batches WHERE closed IS NOT NULL AND closed < $1 LIMIT 1",
                          {store::to_value(ended)}));
  return !files.empty() || !batches.empty();
}

Result<std::int64_t> remove_ended(store::Transaction& tx, Time ended, std::int64_t limit) {
  return tx.execute(
      "DELETE FROM batches WHERE id IN (SELECT id FROM batches WHERE closed IS NOT NULL AND closed < $1 "
      "ORDER BY closed LIMIT $2)",
      {store::to_value(ended), limit});
}

Result<> add_results(store::Transaction& tx, const std::string& batch,
                     const std::vector<LineResult>& results) {
  std::int64_t completed = 0;
  std::int64_t failed = 0;
  for (const LineResult& each : results) {
    ACLOUD_TRY(const std::int64_t added,
               tx.execute("INSERT INTO batch_lines (batch, line, ok, result) VALUES ($1, $2, $3, $4) "
                          "ON CONFLICT (batch, line) DO NOTHING",
                          {batch, each.line, std::int64_t{each.ok}, Bytes{each.json}}));
    (each.ok ? completed : failed) += added;
  }
  ACLOUD_TRY(const std::int64_t there,
             tx.execute("UPDATE batches SET completed = completed + $2, failed = failed + $3 WHERE id = $1",
                        {batch, completed, failed}));
  return there == 0 ? no_batch(batch) : Result<>();
}

Result<std::set<std::int64_t>> lines_done(store::Reader& reader, const std::string& batch) {
  ACLOUD_TRY(const Rows found, reader.query("SELECT line FROM batch_lines WHERE batch = $1", {batch}));
  std::set<std::int64_t> lines;
  for (const store::Row& row : found) lines.insert(row.integer(0));
  return lines;
}

Result<std::vector<LineResult>> results(store::Reader& reader, const std::string& batch, bool ok,
                                        std::int64_t after, std::int64_t limit) {
  ACLOUD_TRY(const Rows found,
             reader.query("SELECT line, result FROM batch_lines WHERE batch = $1 AND line > $2 "
                          "AND ok = $3 ORDER BY line LIMIT $4",
                          {batch, after, std::int64_t{ok}, limit}));
  std::vector<LineResult> all;
  for (const store::Row& row : found) all.push_back({row.integer(0), ok, row.bytes(1)});
  return all;
}

Result<std::int64_t> remove_results(store::Transaction& tx, const std::string& batch, std::int64_t limit) {
  return tx.execute(
      "DELETE FROM batch_lines WHERE batch = $1 AND line IN "
      "(SELECT line FROM batch_lines WHERE batch = $1 LIMIT $2)",
      {batch, limit});
}

}  // namespace rows
}  // namespace acloud::batch
