#include "model/stored/entries.h"

namespace acloud::model::entries {
namespace {

std::string text(Kind kind) { return kind == Kind::provider ? "provider" : "model"; }

Result<> count_change(store::Transaction& transaction) {
  ACLOUD_CHECK(transaction.execute(
      "INSERT INTO model_entries_version (id, version) VALUES (1, 1) ON CONFLICT (id) DO UPDATE "
      "SET version = model_entries_version.version + 1"));
  return {};
}

template <class Entry>
Result<> read(const store::Row& row, std::vector<Entry>& into) {
  ACLOUD_TRY(const Json json, parse_json(row.bytes(2)));
  ACLOUD_TRY(Entry entry, decode<Entry>(json));
  into.push_back(std::move(entry));
  return {};
}

}  // namespace

std::vector<store::Migration> migrations() {
  return {{"model-1",
           "CREATE TABLE model_entries ("
           "  kind TEXT NOT NULL, name TEXT NOT NULL, entry BYTEA NOT NULL, changed BIGINT NOT NULL,"
           "  PRIMARY KEY (kind, name));"
           "CREATE TABLE model_entries_version (id BIGINT PRIMARY KEY, version BIGINT NOT NULL);"}};
}

Result<std::int64_t> version(store::Reader& reader) {
  ACLOUD_TRY(const store::Rows rows, reader.query("SELECT version FROM model_entries_version WHERE id = 1"));
  return rows.empty() ? 0 : rows.front().integer(0);
}

Result<Stored> load(store::Reader& reader) {
  Stored stored;
  ACLOUD_TRY(stored.version, version(reader));
  ACLOUD_TRY(const store::Rows rows,
             reader.query("SELECT kind, name, entry FROM model_entries ORDER BY kind, name"));
  for (const store::Row& row : rows) {
    const bool is_provider = row.text(0) == text(Kind::provider);
    auto taken = is_provider ? read(row, stored.set.providers) : read(row, stored.set.models);
    if (!taken) return std::unexpected(std::move(taken).error().within(row.text(0) + " " + row.text(1)));
  }
  return stored;
}

Result<> put(store::Transaction& transaction, Kind kind, const std::string& name, std::string json,
             Time now) {
  ACLOUD_CHECK(
      transaction.execute("INSERT INTO model_entries (kind, name, entry, changed) VALUES ($1, $2, $3, $4) "
                          "ON CONFLICT (kind, name) DO UPDATE SET entry = $3, changed = $4",
                          {text(kind), name, store::Bytes{std::move(json)}, store::to_value(now)}));
  return count_change(transaction);
}

Result<bool> remove(store::Transaction& transaction, Kind kind, const std::string& name) {
  ACLOUD_TRY(
      const std::int64_t gone,
      transaction.execute("DELETE FROM model_entries WHERE kind = $1 AND name = $2", {text(kind), name}));
  if (gone == 0) return false;
  ACLOUD_CHECK(count_change(transaction));
  return true;
}

}  // namespace acloud::model::entries
