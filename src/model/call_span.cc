#include "model/call_span.h"

namespace acloud::model {
namespace {

using telemetry::Span;
using telemetry::SpanKind;

void set_number(Span& span, std::string_view key, const JsonOutline& outline, std::string_view name) {
  const auto value = outline.value(name);
  if (value && value->is_number()) span.set(key, value->get<double>());
}

void set_integer(Span& span, std::string_view key, const JsonOutline& outline,
                 std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) {
    if (const auto value = outline.integer(name)) return span.set(key, *value);
  }
}

void tell_request(Span& span, const kernel::Payload& payload) {
  const JsonOutline& outline = payload.outline;
  if (outline.is_true("stream")) span.set("gen_ai.request.stream", true);
  set_integer(span, "gen_ai.request.max_tokens", outline,
              {"max_completion_tokens", "max_tokens", "max_output_tokens"});
  if (const auto n = outline.integer("n"); n && *n != 1) span.set("gen_ai.request.choice.count", *n);
  set_integer(span, "gen_ai.request.seed", outline, {"seed"});
  set_number(span, "gen_ai.request.temperature", outline, "temperature");
  set_number(span, "gen_ai.request.top_p", outline, "top_p");
  set_number(span, "gen_ai.request.top_k", outline, "top_k");
  set_number(span, "gen_ai.request.frequency_penalty", outline, "frequency_penalty");
  set_number(span, "gen_ai.request.presence_penalty", outline, "presence_penalty");
  if (const auto session = payload.headers.value("x-session-id"); !session.empty()) {
    span.set("gen_ai.conversation.id", std::string(session));
  }
}

void set_tokens(Span& span, std::string_view key, std::int64_t tokens) {
  if (tokens > 0) span.set(key, tokens);
}

void tell_usage(Span& span, const ledger::Usage& usage) {
  const ledger::Tokens& tokens = usage.tokens;
  span.set("gen_ai.usage.input_tokens", tokens.input());
  span.set("gen_ai.usage.output_tokens", tokens.output + tokens.reasoning);
  set_tokens(span, "gen_ai.usage.cache_read.input_tokens", tokens.cache_read);
  set_tokens(span, "gen_ai.usage.cache_creation.input_tokens", tokens.cache_write_5m + tokens.cache_write_1h);
  set_tokens(span, "gen_ai.usage.reasoning.output_tokens", tokens.reasoning);
  if (usage.estimated) span.set("acloud.usage.estimated", true);
}

void tell_server(Span& span, const Provider& provider) {
  if (provider.in_process) return;
  span.set("server.address", provider.origin.host);
  if (provider.origin.port != 0) span.set("server.port", std::int64_t{provider.origin.port});
}

std::string url_of(const Provider& provider, Form form) {
  const net::Origin& origin = provider.origin;
  const bool v6 = origin.host.contains(':');
  return fmt::format("{}://{}{}{}:{}{}{}", origin.scheme, v6 ? "[" : "", origin.host, v6 ? "]" : "",
                     origin.port, provider.base_path, traits(form).path);
}

}  // namespace

std::string_view operation_name(Form form) {
  if (is_chat(form)) return "chat";
  return form == Form::openai_embeddings ? "embeddings" : "count_tokens";
}

Span begin_call_span(const telemetry::Scope& scope, Form form, const std::string& model,
                     const kernel::Payload& payload) {
  if (scope.tracer == nullptr) return scope.begin("", SpanKind::client);
  Span span = scope.begin(fmt::format("{} {}", operation_name(form), model), SpanKind::client);
  if (!span.recording()) return span;
  span.set("gen_ai.operation.name", std::string(operation_name(form)));
  span.set("gen_ai.request.model", model);
  tell_request(span, payload);
  return span;
}

void end_call_span(Span& span, const LastAttempt& last, std::string_view error) {
  if (!span.recording()) return;
  if (last.target != nullptr) {
    const Provider& provider = *last.target->provider;
    span.set("gen_ai.provider.name", provider.config.name);
    span.set("gen_ai.response.model", last.target->model);
    tell_server(span, provider);
  }
  if (last.to_first_token) span.set("gen_ai.response.time_to_first_chunk", *last.to_first_token);
  if (last.usage) tell_usage(span, *last.usage);
  if (!last.reply.empty()) span.set("gen_ai.response.id", last.reply);
  if (!last.finish_reasons.empty()) span.set("gen_ai.response.finish_reasons", last.finish_reasons);
  if (!error.empty()) span.fail(error);
  span.end();
}

Span begin_attempt_span(const Span& call, const Model& model, const Target& target, int number) {
  const Provider& provider = *target.provider;
  Span span = call.inside().begin(provider.in_process ? "engine" : "POST",
                                  provider.in_process ? SpanKind::internal : SpanKind::client);
  if (!span.recording()) return span;
  span.set("acloud.provider", provider.config.name);
  span.set("acloud.model", model.config.name);
  span.set("acloud.upstream_model", target.model);
  if (number > 0) span.set("http.request.resend_count", std::int64_t{number});
  return span;
}

void end_attempt_span(Span& span, const Attempt& attempt, const Result<>& result) {
  if (!span.recording()) return;
  const Provider& provider = *attempt.target().provider;
  if (!provider.in_process) {
    span.set("http.request.method", std::string("POST"));
    span.set("url.full", url_of(provider, attempt.upstream_form()));
    tell_server(span, provider);
  }
  const auto status = attempt.status();
  if (status && !provider.in_process) span.set("http.response.status_code", std::int64_t{*status});
  if (status && *status >= 400) {
    span.fail(std::to_string(*status));
  } else if (!result) {
    span.fail(acloud::traits(result.error().code()).name);
  }
  span.end();
}

}  // namespace acloud::model
