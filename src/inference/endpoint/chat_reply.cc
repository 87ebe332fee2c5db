#include "inference/endpoint/chat_reply.h"

namespace acloud::inference {
namespace {

Json bytes_of(const std::string& text) {
  Json bytes = Json::array();
  for (const char c : text) bytes.push_back(static_cast<unsigned char>(c));
  return bytes;
}

Json logprobs_of(const std::vector<TokenLog>& tokens) {
  Json content = Json::array();
  for (const TokenLog& token : tokens) {
    Json top = Json::array();
    for (const auto& [text, logprob] : token.alternatives)
      top.push_back({{"token", text}, {"logprob", logprob}, {"bytes", bytes_of(text)}});
    content.push_back({{"token", token.text},
                       {"logprob", token.logprob},
                       {"bytes", bytes_of(token.text)},
                       {"top_logprobs", std::move(top)}});
  }
  return {{"content", std::move(content)}};
}

Json call_of(const ToolCallDelta& call) {
  Json function = {{"arguments", call.arguments}};
  if (!call.name.empty()) function["name"] = call.name;
  Json json = {{"function", std::move(function)}};
  if (!call.id.empty()) {
    json["id"] = call.id;
    json["type"] = "function";
  }
  return json;
}

Json chunk(const ReplyHead& head, Json choices) {
  return {{"id", head.id},
          {"object", "chat.completion.chunk"},
          {"created", head.created},
          {"model", head.model},
          {"choices", std::move(choices)}};
}

Json choice(Json delta, Json finish) {
  return Json::array({{{"index", 0}, {"delta", std::move(delta)}, {"finish_reason", std::move(finish)}}});
}

std::string event(const Json& data) { return "data: " + to_text(data) + "\n\n"; }

}  // namespace

std::string_view name_of(Finish finish) {
  switch (finish) {
    case Finish::length:
      return "length";
    case Finish::tool_calls:
      return "tool_calls";
    case Finish::stop:
      break;
  }
  return "stop";
}

Json usage_of(const Outcome& outcome) {
  return {{"prompt_tokens", outcome.prompt_tokens},
          {"completion_tokens", outcome.output_tokens},
          {"total_tokens", outcome.prompt_tokens + outcome.output_tokens},
          {"prompt_tokens_details", {{"cached_tokens", outcome.cached_tokens}}}};
}

void WholeReply::add(const Delta& delta) {
  content_ += delta.content;
  reasoning_ += delta.reasoning;
  tokens_.insert(tokens_.end(), delta.tokens.begin(), delta.tokens.end());
  for (const ToolCallDelta& call : delta.tool_calls) {
    if (call.index >= calls_.size())
      calls_.push_back({.index = call.index, .id = call.id, .name = call.name});
    calls_.back().arguments += call.arguments;
  }
}

std::string WholeReply::finish(const ReplyHead& head, const Outcome& outcome) const {
  Json message = {{"role", "assistant"}, {"content", content_}};
  if (!reasoning_.empty()) message["reasoning_content"] = reasoning_;
  if (!calls_.empty()) {
    if (content_.empty()) message["content"] = nullptr;
    for (const ToolCallDelta& call : calls_) message["tool_calls"].push_back(call_of(call));
  }
  Json first = {{"index", 0}, {"message", std::move(message)}, {"finish_reason", name_of(outcome.finish)}};
  first["logprobs"] = tokens_.empty() ? Json() : logprobs_of(tokens_);
  return to_text(Json{{"id", head.id},
                      {"object", "chat.completion"},
                      {"created", head.created},
                      {"model", head.model},
                      {"choices", Json::array({std::move(first)})},
                      {"usage", usage_of(outcome)}});
}

std::string first_event(const ReplyHead& head) {
  return event(chunk(head, choice({{"role", "assistant"}, {"content", ""}}, nullptr)));
}

std::string delta_event(const ReplyHead& head, const Delta& delta) {
  Json json = Json::object();
  if (!delta.content.empty()) json["content"] = delta.content;
  if (!delta.reasoning.empty()) json["reasoning_content"] = delta.reasoning;
  for (const ToolCallDelta& call : delta.tool_calls) {
    Json item = call_of(call);
    item["index"] = call.index;
    json["tool_calls"].push_back(std::move(item));
  }
  Json choices = choice(std::move(json), nullptr);
  if (!delta.tokens.empty()) choices[0]["logprobs"] = logprobs_of(delta.tokens);
  return event(chunk(head, std::move(choices)));
}

std::string last_events(const ReplyHead& head, const Outcome& outcome, bool include_usage) {
  std::string events = event(chunk(head, choice(Json::object(), name_of(outcome.finish))));
  if (include_usage) {
    Json figures = chunk(head, Json::array());
    figures["usage"] = usage_of(outcome);
    events += event(figures);
  }
  return events + "data: [DONE]\n\n";
}

std::string error_body(const Error& error) {
  const auto field = error.details().find("field");
  const bool callers = traits(error.code()).http_status < 500;
  return to_text(Json{{"error",
                       {{"message", error.message()},
                        {"type", callers ? "invalid_request_error" : "server_error"},
                        {"param", field == error.details().end() ? Json() : *field},
                        {"code", traits(error.code()).name}}}});
}

}  // namespace acloud::inference
