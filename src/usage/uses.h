// Each use of a model on its own, for the books of others: as CSV, or as CloudEvents.
#pragma once

#include "ledger/money.h"
#include "ledger/usage.h"
#include "net/http.h"
#include "store/database.h"

namespace acloud::usage {

enum class Format { csv, cloudevents };
constexpr auto enum_names(Format) {
  return std::array<std::pair<Format, std::string_view>, 2>{
      {{Format::csv, "csv"}, {Format::cloudevents, "cloudevents"}}};
}

struct ExportUsage {
  Time from{};
  std::optional<Time> to;
  Format format = Format::csv;
  std::optional<std::string> workspace;
  static constexpr auto schema = fields(
      field("from", &ExportUsage::from, "Uses of calls that were let through from then on.", required,
            example(R"("2026-11-01T00:00:00Z")")),
      field("to", &ExportUsage::to, "The end, not included; absent: now."),
      field("format", &ExportUsage::format, "csv (RFC 4180), or cloudevents (1.0, as one JSON array)."),
      field("workspace", &ExportUsage::workspace, "For who answers for the cloud: of another workspace.",
            length(1, 64)));
};

struct Exported {
  std::string content;
  static constexpr auto schema = fields(field("content", &Exported::content, "The uses, by their time."));
};

struct Use {
  Time time{};
  std::string request_id;
  std::int64_t part = 0;
  std::string workspace, key, principal, task, operation, outcome, model, provider;
  bool batch = false, estimated = false, priced = false;
  ledger::Tokens tokens;
  ledger::Money cost;
  std::string currency;
  ledger::Media media;
  std::string resolution;
  static constexpr auto schema = fields(
      field("request_id", &Use::request_id, "As in the response's x-request-id."),
      field("part", &Use::part, "Which attempt of the call, from 0 on."),
      field("workspace", &Use::workspace, "Whose call it was."),
      field("key", &Use::key, "The id of the key."), field("principal", &Use::principal, "Who called."),
      field("task", &Use::task, "On behalf of which task; \"\" for none."),
      field("operation", &Use::operation, "What was called."),
      field("outcome", &Use::outcome, "\"ok\", or the code of the error."),
      field("model", &Use::model, "As it was named."), field("provider", &Use::provider, "Who did the work."),
      field("batch", &Use::batch, "At the price of batches."),
      field("estimated", &Use::estimated, "Counted here, the provider giving no figures."),
      field("priced", &Use::priced, "False where the model has no price."),
      field("tokens", &Use::tokens, "What was used."), field("cost", &Use::cost, "What it cost."),
      field("currency", &Use::currency, "Of the operator's prices."),
      field("media", &Use::media, "What was made that is not counted in tokens."),
      field("resolution", &Use::resolution, "Of that; \"\" where it is not known."));
};

std::string_view content_type_of(Format format);
// The first line of a CSV, with its end.
std::string csv_head();
std::string csv_line(const Use& use);
// One event of type "acloud.model.usage". Its id and source are the same whenever it is told.
std::string cloud_event(const Use& use);

// All uses of a workspace in a time, in the given form, read in pieces as they are taken.
class UseStream final : public net::Stream {
 public:
  struct What {
    std::string workspace;
    Time from;
    Time to;
    Format format;
    std::string currency;
  };
  // REQUIRES: `database` outlives it.
  UseStream(store::Database& database, What what) : database_(database), what_(std::move(what)) {}
  Task<Result<std::string>> read() override;

 private:
  store::Database& database_;
  What what_;
  // After which the next ones come: the order of the ledger's table.
  std::int64_t started_ = INT64_MIN;
  std::string request_id_;
  std::int64_t part_ = 0;
  bool begun_ = false;
  bool ended_ = false;
};

}  // namespace acloud::usage
