#include "surfaces/openai/openai.h"

#include "base/encoding.h"

namespace acloud::surfaces {
namespace {

// `engine`, of a model that runs here, is more than OpenAI's form has: its state, sizes, context and load.
Json model_entry(const Json& item) {
  Json entry = {{"id", item["name"]}, {"object", "model"}, {"created", 0}, {"owned_by", "acloud"}};
  if (const auto engine = item.find("engine"); engine != item.end()) entry["engine"] = *engine;
  return entry;
}

}  // namespace

Task<net::Response> OpenAi::handle(net::Request& request) {
  struct Route {
    std::string_view path;
    DialectCalls::Kind kind;
  };
  static constexpr Route kRoutes[] = {{"/v1/chat/completions", {"model.chat", "openai.chat_completions"}},
                                      {"/v1/responses", {"model.chat", "openai.responses"}},
                                      {"/v1/embeddings", {"model.embed", "openai.embeddings"}}};
  const std::string path(request.path());
  if (OpenAiFiles::takes(path)) co_return co_await files_.handle(request);
  if (OpenAiBatches::takes(path)) co_return co_await batches_.handle(request);
  constexpr std::string_view kModels = "/v1/models";
  if (request.method == "GET" && path == kModels) co_return co_await models(request, "");
  if (request.method == "GET" && path.starts_with("/v1/models/")) {
    const auto name = from_percent(path.substr(kModels.size() + 1));
    co_return co_await models(request, name ? *name : "");
  }
  for (const Route& route : kRoutes) {
    if (path == route.path && request.method == "POST") {
      const bool responses = route.kind.form == "openai.responses";
      co_return co_await calls_.run(request, route.kind, responses ? responses_style_ : style_);
    }
  }
  const std::string id = calls_.new_request_id();
  net::Response response = style_.error(
      Error(ErrorCode::not_found,
            fmt::format("{} {} is not offered here; GET /llms.txt and GET /api say what is",
                        to_valid_utf8(request.method.substr(0, 32)), to_valid_utf8(path.substr(0, 256)))),
      id);
  style_.stamp(response.headers, id);
  co_return response;
}

Task<Result<Json>> OpenAi::list(net::Request& request, const std::string& name) {
  Json data = Json::array();
  Json arguments = Json::object();
  for (;;) {
    ACLOUD_CO_TRY(const Json page, co_await calls_.call(request, "model.list", arguments));
    for (const Json& item : page["items"]) {
      if (item["name"] == name) co_return model_entry(item);
      data.push_back(model_entry(item));
    }
    if (!page.contains("next_cursor")) break;
    arguments["cursor"] = page["next_cursor"];
  }
  if (!name.empty()) {
    co_return fail(ErrorCode::not_found, "there is no model \"{}\"; GET /v1/models lists them", name);
  }
  co_return Json{{"object", "list"}, {"data", std::move(data)}};
}

Task<net::Response> OpenAi::models(net::Request& request, std::string name) {
  const std::string id = calls_.new_request_id();
  const auto found = co_await list(request, name);
  net::Response response;
  if (found) {
    response.headers.add("content-type", "application/json");
    response.body = to_text(*found);
  } else {
    response = style_.error(found.error(), id);
  }
  style_.stamp(response.headers, id);
  co_return response;
}

}  // namespace acloud::surfaces
