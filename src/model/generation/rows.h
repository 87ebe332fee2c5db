// Generations as a table: where each stands, and what has to be known to go on with it. A row has its task's
// id and is there before the provider hears of it:
//
//   queued -> asking -> running -> made -> ended
//
// `asking` is durable before the request goes out, `running` after its reply. So whoever finds `asking` that
// is not his own knows that the provider may have begun, and asks no second time. Each change says from which
// state it goes: of two servers one makes it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ledger/usage.h"
#include "model/generation/dialect.h"
#include "store/database.h"

namespace acloud::model::generation {

enum class State { queued, asking, running, made, ended };
constexpr auto enum_names(State) {
  using enum State;
  return std::array<std::pair<State, std::string_view>, 5>{
      {{queued, "queued"}, {asking, "asking"}, {running, "running"}, {made, "made"}, {ended, "ended"}}};
}

struct Failure {
  std::string code, message;
  static constexpr auto schema = fields(field("code", &Failure::code, "As errors of operations have it."),
                                        field("message", &Failure::message, "What was wrong."));
};

// Where a file of the result is, and where it was put.
struct ResultItem {
  std::string url;
  std::string bucket, key, content_type;
  std::int64_t size = 0;
  static constexpr auto schema =
      fields(field("url", &ResultItem::url, "The provider's address of it."),
             field("bucket", &ResultItem::bucket, "Where it was put; \"\" where it was not."),
             field("key", &ResultItem::key, "Its name there."),
             field("content_type", &ResultItem::content_type, "Its media type."),
             field("size", &ResultItem::size, "Bytes."));
};

struct Record {
  Generate request;
  Makes makes = Makes::video;
  std::string provider, upstream_model;
  std::optional<Time> asked;  // when the provider was last asked to begin
  std::optional<Begun> begun;
  std::int64_t tries = 0;  // of what is to be done next
  bool stopped = false;    // nobody wants it any more
  std::optional<ledger::Media> media;
  std::string resolution, cost;
  std::vector<ResultItem> items;
  std::optional<Failure> failure;
  static constexpr auto schema = fields(
      field("request", &Record::request, "What was asked for."),
      field("makes", &Record::makes, "What is made."), field("provider", &Record::provider, "Who makes it."),
      field("upstream_model", &Record::upstream_model, "What that calls the model."),
      field("asked", &Record::asked, "When it was asked to begin."),
      field("begun", &Record::begun, "What it said then."),
      field("tries", &Record::tries, "Of what is to be done next."),
      field("stopped", &Record::stopped, "Nobody wants it any more."),
      field("media", &Record::media, "What was used."),
      field("resolution", &Record::resolution, "How fine it is."),
      field("cost", &Record::cost, "What it costs."), field("items", &Record::items, "What was made."),
      field("failure", &Record::failure, "Why it failed."));
};

// As the task's result has it.
Json result_of(const Record& record);

struct Row {
  std::string task;
  std::string workspace;
  State state = State::queued;
  Record record;
};

namespace rows {

std::vector<store::Migration> migrations();
Result<> forget_workspace(store::Transaction& transaction, const std::string& workspace);
Result<> add(store::Transaction& transaction, const Row& row);
// Nothing where there is none.
Result<std::optional<Row>> find(store::Reader& reader, const std::string& task);
// False where it is not in state `from` any more: nothing is changed then.
Result<bool> change(store::Transaction& transaction, State from, const Row& row);
// Ends one whatever its state; false where it has ended.
Result<bool> end(store::Transaction& transaction, const std::string& task);

}  // namespace rows

}  // namespace acloud::model::generation
