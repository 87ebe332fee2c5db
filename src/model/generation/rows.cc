#include "model/generation/rows.h"

namespace acloud::model::generation {

Json result_of(const Record& record) {
  Json result = {{"model", record.request.model}, {"provider", record.provider}};
  if (!record.items.empty()) {
    result["items"] = Json::array();
    for (const ResultItem& item : record.items) {
      Json told = {{"url", item.url}};
      if (!item.bucket.empty()) {
        told["bucket"] = item.bucket;
        told["key"] = item.key;
        told["content_type"] = item.content_type;
        told["size"] = item.size;
      }
      result["items"].push_back(std::move(told));
    }
  }
  if (record.media) {
    const std::chrono::duration<double> video(record.media->video);
    result["video_s"] = video.count();
    result["images"] = record.media->images;
  }
  if (!record.resolution.empty()) result["resolution"] = record.resolution;
  if (!record.cost.empty()) result["cost"] = record.cost;
  return result;
}

namespace rows {
namespace {

std::string name_of_state(State state) { return std::string(schema::Codec<State>::name(state)); }

}  // namespace

std::vector<store::Migration> migrations() {
  return {{"generations-1",
           "CREATE TABLE generations ("
           "  task TEXT PRIMARY KEY,"
           "  workspace TEXT NOT NULL,"
           "  state TEXT NOT NULL,"
           "  record TEXT NOT NULL);"}};
}

Result<> forget_workspace(store::Transaction& transaction, const std::string& workspace) {
  ACLOUD_CHECK(transaction.execute("DELETE FROM generations WHERE workspace = $1", {workspace}));
  return {};
}

Result<> add(store::Transaction& transaction, const Row& row) {
  ACLOUD_CHECK(
      transaction.execute("INSERT INTO generations (task, workspace, state, record) VALUES ($1, $2, $3, $4)",
                          {row.task, row.workspace, name_of_state(row.state), encode(row.record)}));
  return {};
}

Result<std::optional<Row>> find(store::Reader& reader, const std::string& task) {
  ACLOUD_TRY(const store::Rows found,
             reader.query("SELECT workspace, state, record FROM generations WHERE task = $1", {task}));
  if (found.empty()) return std::optional<Row>();
  Row row{.task = task, .workspace = found.front().text(0), .record = {}};
  for (const auto& [state, name] : enum_names(State{})) {
    if (name == found.front().text(1)) row.state = state;
  }
  ACLOUD_TRY(const Json record, parse_json(found.front().text(2)));
  ACLOUD_TRY(row.record, decode<Record>(record));
  return std::optional(std::move(row));
}

Result<bool> change(store::Transaction& transaction, State from, const Row& row) {
  ACLOUD_TRY(
      const std::int64_t changed,
      transaction.execute("UPDATE generations SET state = $3, record = $4 WHERE task = $1 AND state = $2",
                          {row.task, name_of_state(from), name_of_state(row.state), encode(row.record)}));
  return changed > 0;
}

Result<bool> end(store::Transaction& transaction, const std::string& task) {
  ACLOUD_TRY(const std::int64_t changed,
             transaction.execute(
                 "UPDATE generations SET state = 'ended' WHERE task = $1 AND state <> 'ended'", {task}));
  return changed > 0;
}

}  // namespace rows

}  // namespace acloud::model::generation
