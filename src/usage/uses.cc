#include "usage/uses.h"

namespace acloud::usage {
namespace {

using store::Rows;

constexpr std::int64_t kUsesAtOnce = 500;

constexpr std::string_view kUse =
    "SELECT started, request_id, part, workspace, key_id, principal, task, operation, outcome, model, "
    "provider, "
    "batch, estimated, priced, input_uncached, cache_read, cache_write_5m, cache_write_1h, output, "
    "reasoning, "
    "cost_micro, cost_rest, video_ms, images, resolution FROM usage_calls WHERE workspace = $1 AND started "
    ">= $2 AND started < $3 "
    "AND (started, request_id, part) > ($4, $5, $6) ORDER BY started, request_id, part LIMIT $7";

Use to_use(const store::Row& row, const std::string& currency) {
  return {.time = row.time(0),
          .request_id = row.text(1),
          .part = row.integer(2),
          .workspace = row.text(3),
          .key = row.text(4),
          .principal = row.text(5),
          .task = row.text(6),
          .operation = row.text(7),
          .outcome = row.text(8),
          .model = row.text(9),
          .provider = row.text(10),
          .batch = row.integer(11) != 0,
          .estimated = row.integer(12) != 0,
          .priced = row.integer(13) != 0,
          .tokens = {.input_uncached = row.integer(14),
                     .cache_read = row.integer(15),
                     .cache_write_5m = row.integer(16),
                     .cache_write_1h = row.integer(17),
                     .output = row.integer(18),
                     .reasoning = row.integer(19)},
          .cost = ledger::Money::from_columns(row.integer(20), row.integer(21)),
          .currency = currency,
          .media = {.video = std::chrono::milliseconds(row.integer(22)), .images = row.integer(23)},
          .resolution = row.text(24)};
}

// In quotation marks where it could be taken for something else.
std::string cell(std::string_view text) {
  if (text.find_first_of("\",\r\n") == text.npos) return std::string(text);
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

}  // namespace

std::string_view content_type_of(Format format) {
  return format == Format::csv ? "text/csv; charset=utf-8; header=present"
                               : "application/cloudevents-batch+json";
}

std::string csv_head() {
  return "time,request_id,part,workspace,key,principal,task,operation,outcome,model,provider,batch,estimated,"
         "priced,input_uncached,cache_read,cache_write_5m,cache_write_1h,output,reasoning,cost,currency,"
         "video_s,images,"
         "resolution\r\n";
}

std::string csv_line(const Use& use) {
  const ledger::Tokens& t = use.tokens;
  std::string line = fmt::format("{},{},{}", to_rfc3339(use.time), cell(use.request_id), use.part);
  for (const std::string* text : {&use.workspace, &use.key, &use.principal, &use.task, &use.operation,
                                  &use.outcome, &use.model, &use.provider})
    line += "," + cell(*text);
  for (const bool is : {use.batch, use.estimated, use.priced}) line += is ? ",true" : ",false";
  const std::chrono::duration<double> video(use.media.video);
  return line + fmt::format(",{},{},{},{},{},{},{},{},{},{},{}\r\n", t.input_uncached, t.cache_read,
                            t.cache_write_5m, t.cache_write_1h, t.output, t.reasoning, use.cost.text(),
                            cell(use.currency), video.count(), use.media.images, cell(use.resolution));
}

std::string cloud_event(const Use& use) {
  std::string event = R"({"specversion":"1.0","type":"acloud.model.usage","source":)";
  append_json_string(event, "/workspaces/" + use.workspace);
  event += ",\"id\":";
  append_json_string(event, fmt::format("{}/{}", use.request_id, use.part));
  event += ",\"subject\":";
  append_json_string(event, use.principal);
  event += ",\"time\":";
  append_json_string(event, to_rfc3339(use.time));
  return event + R"(,"datacontenttype":"application/json","data":)" + encode(use) + "}";
}

Task<Result<std::string>> UseStream::read() {
  if (ended_) co_return std::string();
  const bool csv = what_.format == Format::csv;
  std::string text = begun_ ? "" : csv ? csv_head() : "[";
  ACLOUD_CO_TRY(const Rows rows,
                co_await database_.query(std::string(kUse), {what_.workspace, store::to_value(what_.from),
                                                             store::to_value(what_.to), started_, request_id_,
                                                             part_, kUsesAtOnce}));
  for (const store::Row& row : rows) {
    const Use use = to_use(row, what_.currency);
    if (csv) {
      text += csv_line(use);
    } else {
      text += begun_ ? ",\n" : "\n";
      text += cloud_event(use);
    }
    begun_ = true;
    started_ = row.integer(0);
    request_id_ = use.request_id;
    part_ = use.part;
  }
  begun_ = true;
  ended_ = std::ssize(rows) < kUsesAtOnce;
  if (ended_ && !csv) text += "\n]\n";
  co_return text;
}

}  // namespace acloud::usage
