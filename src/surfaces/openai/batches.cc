#include "surfaces/openai/batches.h"

#include "base/encoding.h"
#include "surfaces/openai/resource.h"

namespace acloud::surfaces {
namespace {

constexpr std::string_view kBatches = "/v1/batches";
constexpr std::size_t kBatchBodyMost = 64 << 10;

Json value_or_null(const Json& item, std::string_view name) { return item.value(std::string(name), Json()); }

Json errors_of(const Json& batch) {
  if (batch["errors"].empty()) return {};
  Json data = Json::array();
  for (const Json& each : batch["errors"]) {
    data.push_back({{"code", each["code"]},
                    {"message", each["message"]},
                    {"line", value_or_null(each, "line")},
                    {"param", nullptr}});
  }
  return {{"object", "list"}, {"data", std::move(data)}};
}

Json batch_entry(const Json& batch) {
  const std::string state = batch["state"];
  const auto ended_as = [&](std::string_view name) {
    return state == name ? seconds_at(batch, "ended") : Json();
  };
  return {{"id", batch["id"]},
          {"object", "batch"},
          {"endpoint", batch["endpoint"]},
          {"errors", errors_of(batch)},
          {"input_file_id", batch["input_file"]},
          {"completion_window", batch["completion_window"]},
          {"status", state},
          {"output_file_id", value_or_null(batch, "output_file")},
          {"error_file_id", value_or_null(batch, "error_file")},
          {"created_at", seconds_at(batch, "created")},
          {"in_progress_at", seconds_at(batch, "started")},
          {"expires_at", seconds_at(batch, "expires")},
          {"finalizing_at", seconds_at(batch, "finalizing")},
          {"completed_at", ended_as("completed")},
          {"failed_at", ended_as("failed")},
          {"expired_at", ended_as("expired")},
          {"cancelling_at", seconds_at(batch, "cancelling")},
          {"cancelled_at", ended_as("cancelled")},
          {"request_counts", batch["counts"]},
          {"metadata", batch["metadata"].empty() ? Json() : batch["metadata"]}};
}

// The dialect's names as the catalog's; what else is there goes as it is, to be refused by its name.
Json catalog_arguments(Json body) {
  constexpr const char* kKept = "output_expires_after";
  if (const auto kept = body.find(kKept); kept != body.end() && kept->is_object() &&
                                          kept->value("anchor", Json()) == "created_at" &&
                                          kept->size() == 2 && kept->contains("seconds")) {
    body["output_expires_after_s"] = (*kept)["seconds"];
    body.erase(kKept);
  }
  if (const auto input = body.find("input_file_id"); input != body.end()) {
    body["input_file"] = std::move(*input);
    body.erase("input_file_id");
  }
  if (const auto metadata = body.find("metadata"); metadata != body.end() && metadata->is_null())
    body.erase("metadata");
  return body;
}

}  // namespace

bool OpenAiBatches::takes(std::string_view path) {
  return path.starts_with(kBatches) && (path.size() == kBatches.size() || path[kBatches.size()] == '/');
}

Task<net::Response> OpenAiBatches::handle(net::Request& request) {
  const std::string request_id = calls_.new_request_id();
  co_return stamped(co_await answer(request, request_id), calls_, style_, request_id, "/v1/batches");
}

Task<Result<net::Response>> OpenAiBatches::answer(net::Request& request, const std::string& request_id) {
  const std::string path(request.path().substr(kBatches.size()));
  if (path.empty() && request.method == "POST") co_return co_await create(request, request_id);
  if (path.empty() && request.method == "GET") {
    ACLOUD_CO_TRY(Json arguments, list_arguments(request, {}));
    ACLOUD_CO_TRY(const Json page, co_await calls_.call(request, "batch.list", std::move(arguments)));
    co_return json_response(list_of(page, batch_entry));
  }
  if (path.empty()) co_return not_offered(request);
  const std::size_t slash = std::min(path.find('/', 1), path.size());
  ACLOUD_CO_TRY(std::string id, from_percent(path.substr(1, slash - 1)));
  const std::string rest = path.substr(slash);
  const bool cancels = request.method == "POST" && rest == "/cancel";
  if (!cancels && !(request.method == "GET" && rest.empty())) co_return not_offered(request);
  ACLOUD_CO_TRY(const Json batch, co_await calls_.call(request, cancels ? "batch.cancel" : "batch.get",
                                                       {{"id", std::move(id)}}));
  co_return json_response(batch_entry(batch));
}

Task<Result<net::Response>> OpenAiBatches::create(net::Request& request, const std::string& request_id) {
  ACLOUD_CO_TRY(const kernel::Caller caller, co_await calls_.identify(request));
  ACLOUD_CO_TRY(const std::string text, co_await request.body.read_all(kBatchBodyMost));
  ACLOUD_CO_TRY(Json body, parse_json(text));
  if (!body.is_object()) co_return fail(ErrorCode::invalid_argument, "the body must be an object");
  DialectCalls::Made made{.request_id = request_id, .operation = "batch.create"};
  made.arguments = catalog_arguments(std::move(body));
  made.idempotency_key = request.headers.value("idempotency-key");
  made.trace = telemetry::trace_of(request.headers);
  ACLOUD_CO_TRY(const kernel::Reply reply, co_await calls_.make(caller, std::move(made)));
  ACLOUD_CO_TRY(const Json batch, parse_json(reply.json));
  co_return json_response(batch_entry(batch));
}

}  // namespace acloud::surfaces
