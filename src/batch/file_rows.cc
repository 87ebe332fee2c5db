#include "batch/file_rows.h"

namespace acloud::batch::rows {
namespace {

using store::Rows;

constexpr std::string_view kFileColumns = "id, filename, purpose, size, created, expires";

File to_file(const store::Row& row) {
  return {.id = row.text(0),
          .filename = row.text(1),
          .purpose = row.text(2),
          .size = row.integer(3),
          .created = row.time(4),
          .expires = row.is_null(5) ? std::nullopt : std::optional(row.time(5))};
}

std::unexpected<Error> no_file(const std::string& id) {
  return fail(ErrorCode::not_found, "no file {}; batch.list_files (GET /v1/files) lists them", id);
}

}  // namespace

std::string new_id(std::string_view prefix, Time now, std::string_view random_hex) {
  return fmt::format("{}_{:013x}{:.12}", prefix, now.time_since_epoch().count(), random_hex);
}

Result<StoredFile> find_file(store::Reader& reader, const std::string& workspace, const std::string& id) {
  ACLOUD_TRY(
      const Rows found,
      reader.query(fmt::format("SELECT {}, place, blob FROM batch_files WHERE workspace = $1 AND id = $2",
                               kFileColumns),
                   {workspace, id}));
  if (found.empty()) return no_file(id);
  const store::Row& row = found.front();
  return StoredFile{to_file(row), workspace, row.text(6), row.text(7)};
}

Result<std::vector<File>> list_files(store::Reader& reader, const std::string& workspace,
                                     const ListFiles& request, const std::string& after) {
  const bool up = request.order == Order::asc;
  std::string sql = fmt::format("SELECT {} FROM batch_files WHERE workspace = $1", kFileColumns);
  store::Params params{workspace, request.limit + 1};
  if (!after.empty()) {
    params.emplace_back(after);
    sql += fmt::format(" AND id {} ${}", up ? '>' : '<', params.size());
  }
  if (request.purpose) {
    params.emplace_back(*request.purpose);
    sql += fmt::format(" AND purpose = ${}", params.size());
  }
  ACLOUD_TRY(const Rows found,
             reader.query(sql + (up ? " ORDER BY id LIMIT $2" : " ORDER BY id DESC LIMIT $2"), params));
  std::vector<File> files;
  for (const store::Row& row : found) files.push_back(to_file(row));
  return files;
}

Result<std::int64_t> count_files(store::Reader& reader, const std::string& workspace) {
  ACLOUD_TRY(const Rows count,
             reader.query("SELECT COUNT(*) FROM batch_files WHERE workspace = $1", {workspace}));
  return count.front().integer(0);
}

Result<> add_file(store::Transaction& tx, const StoredFile& file) {
  const File& shown = file.shown;
  ACLOUD_CHECK(tx.execute(
      "INSERT INTO batch_files (workspace, id, filename, purpose, size, created, place, blob, "
      "expires) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
      {file.workspace, shown.id, shown.filename, shown.purpose, shown.size, store::to_value(shown.created),
       file.place, file.blob, shown.expires ? store::to_value(*shown.expires) : store::Value()}));
  return {};
}

Result<std::int64_t> remove_expired_files(store::Transaction& tx, Time now, std::int64_t limit) {
  return tx.execute(
      "DELETE FROM batch_files WHERE id IN (SELECT id FROM batch_files WHERE expires <= $1 AND id NOT IN "
      "(SELECT input_file FROM batches WHERE closed IS NULL) ORDER BY expires LIMIT $2)",
      {store::to_value(now), limit});
}

Result<> remove_file(store::Transaction& tx, const std::string& workspace, const std::string& id) {
  ACLOUD_TRY(const std::int64_t gone,
             tx.execute("DELETE FROM batch_files WHERE workspace = $1 AND id = $2", {workspace, id}));
  return gone == 0 ? no_file(id) : Result<>();
}

Result<bool> is_named(store::Reader& reader, const std::string& blob) {
  ACLOUD_TRY(const Rows found, reader.query("SELECT 1 FROM batch_files WHERE blob = $1 LIMIT 1", {blob}));
  return !found.empty();
}

}  // namespace acloud::batch::rows
