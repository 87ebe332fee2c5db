#include "model/upstream_request.h"

namespace acloud::model {
namespace {

constexpr std::string_view kAnthropicVersion = "2023-06-01";

std::string json_string(std::string_view text) {
  std::string json;
  append_json_string(json, text);
  return json;
}

void ask_for_usage(const kernel::Payload& payload, std::vector<net::ReplayBody::Edit>& edits) {
  if (asks_for_usage(payload.outline)) return;
  const JsonOutline::Field* field = payload.outline.find("stream_options");
  if (field == nullptr) {
    const std::uint64_t end = payload.outline.end();
    edits.push_back({.begin = end, .end = end, .text = R"(,"stream_options":{"include_usage":true})"});
    return;
  }
  Json options = payload.outline.value("stream_options").value_or(Json());
  if (!options.is_object()) options = Json::object();
  options["include_usage"] = true;
  edits.push_back({.begin = field->begin, .end = field->end, .text = to_text(options)});
}

}  // namespace

Result<Form> form_for(const Provider& provider, Form form) {
  if (speaks(provider.config, form)) return form;
  if (provider.in_process && form == Form::anthropic_count_tokens) return form;
  if (!is_chat(form) || !converses(provider.config)) {
    return fail(ErrorCode::invalid_argument, "provider {} does not speak {}, which has no counterpart there",
                provider.config.name, traits(form).name);
  }
  return provider.config.dialect == Dialect::openai ? Form::openai_chat : Form::anthropic_messages;
}

bool asks_for_usage(const JsonOutline& outline) {
  const auto options = outline.value("stream_options");
  return options && options->is_object() && options->value("include_usage", Json()) == Json(true);
}

net::Body passed_on(const kernel::Payload& payload, Form form, const std::string& model) {
  std::vector<net::ReplayBody::Edit> edits;
  const JsonOutline::Field* name = payload.outline.find("model");
  if (name != nullptr && payload.outline.string("model") != model) {
    edits.push_back({.begin = name->begin, .end = name->end, .text = json_string(model)});
  }
  if (form == Form::openai_chat && payload.outline.is_true("stream")) ask_for_usage(payload, edits);
  std::ranges::sort(edits, {}, &net::ReplayBody::Edit::begin);
  return payload.body.edited(std::move(edits));
}

Result<net::Request> request_to(const Target& target, Form form, const kernel::Payload& payload,
                                net::Body body) {
  const Provider& provider = *target.provider;
  if (!provider.key) {
    return fail(ErrorCode::unavailable, "provider {} can't be used: its api_key: {}", provider.config.name,
                provider.key.error().message());
  }
  net::Request request;
  request.method = "POST";
  request.target = provider.base_path + std::string(traits(form).path);
  request.body = std::move(body);
  net::Headers& headers = request.headers;
  headers.add("content-type", "application/json");
  headers.add("accept", payload.outline.is_true("stream") ? "text/event-stream" : "application/json");
  headers.add("user-agent", "acloud");
  const bool anthropic = traits(form).dialect == Dialect::anthropic;
  const bool same_dialect = form_of(payload.form) == form;
  if (anthropic) {
    const std::string_view version = same_dialect ? payload.headers.value("anthropic-version") : "";
    headers.add("anthropic-version", std::string(version.empty() ? kAnthropicVersion : version));
    if (same_dialect && !payload.query.empty()) request.target += "?" + payload.query;
  }
  if (same_dialect) {
    for (const std::string_view name : {"anthropic-beta", "openai-beta"}) {
      if (const auto value = payload.headers.get(name)) headers.add(std::string(name), std::string(*value));
    }
  }
  if (!provider.key->empty()) {
    if (anthropic) {
      headers.add("x-api-key", *provider.key);
    } else {
      headers.add("authorization", "Bearer " + *provider.key);
    }
  }
  for (const auto& [name, value] : provider.config.headers) headers.set(name, value);
  return request;
}

}  // namespace acloud::model
