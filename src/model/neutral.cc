#include "model/neutral.h"

#include "model/usage_reader.h"

namespace acloud::model {
namespace {

Result<kernel::Payload> payload_of(std::string_view form, const Json& body) {
  kernel::Payload payload;
  payload.form = form;
  payload.body = net::ReplayBody(to_text(body));
  ACLOUD_CHECK(payload.outline.feed(payload.body.bytes()));
  ACLOUD_CHECK(payload.outline.finish());
  return payload;
}

std::unexpected<Error> reply_without(std::string_view wanted) {
  return fail(ErrorCode::unavailable, "the provider's reply has no {}", wanted);
}

void put(Json& body, const char* name, const Json& value) {
  if (!value.is_null()) body[name] = value;
}

template <class T>
void put(Json& body, const char* name, const std::optional<T>& value) {
  if (value) body[name] = *value;
}

std::string text_of(const Json& from, const char* name) {
  const auto found = from.find(name);
  return found != from.end() && found->is_string() ? found->get<std::string>() : std::string();
}

void append(Json& message, const char* name, const std::string& text) {
  if (text.empty()) return;
  message[name] = (message.contains(name) ? message[name].get<std::string>() : std::string()) + text;
}

}  // namespace

Result<kernel::Payload> to_payload(const Chat& chat, bool streams) {
  if (!chat.messages.is_array() || chat.messages.empty()) {
    return fail(
        ErrorCode::invalid_argument,
        "messages: must be a list of at least one, such as [{{\"role\":\"user\",\"content\":\"...\"}}]");
  }
  Json body = {{"model", chat.model}, {"messages", chat.messages}};
  put(body, "tools", chat.tools);
  put(body, "tool_choice", chat.tool_choice);
  put(body, "response_format", chat.response_format);
  put(body, "stop", chat.stop);
  put(body, "max_tokens", chat.max_tokens);
  put(body, "temperature", chat.temperature);
  put(body, "top_p", chat.top_p);
  put(body, "reasoning_effort", chat.reasoning_effort);
  if (streams) {
    body["stream"] = true;
    body["stream_options"] = {{"include_usage", true}};
  }
  ACLOUD_TRY(kernel::Payload payload, payload_of("openai.chat_completions", body));
  if (!chat.session.empty()) payload.headers.add("x-session-id", chat.session);
  return payload;
}

Result<kernel::Payload> to_payload(const Embed& embed) {
  if (embed.input.empty())
    return fail(ErrorCode::invalid_argument, "input: must be a list of at least one text");
  Json body = {{"model", embed.model}, {"input", embed.input}, {"encoding_format", "float"}};
  put(body, "dimensions", embed.dimensions);
  return payload_of("openai.embeddings", body);
}

Result<ChatAnswer> to_chat_answer(std::string_view reply, const std::string& model) {
  const auto parsed = parse_json(reply);
  if (!parsed || !parsed->is_object()) return reply_without("JSON object");
  const auto choices = parsed->find("choices");
  if (choices == parsed->end() || !choices->is_array() || choices->empty()) return reply_without("choices");
  const Json& choice = choices->front();
  if (!choice.is_object() || !choice.contains("message") || !choice["message"].is_object()) {
    return reply_without("message");
  }
  ChatAnswer answer{.id = text_of(*parsed, "id"),
                    .model = model,
                    .message = choice["message"],
                    .finish_reason = text_of(choice, "finish_reason"),
                    .tokens = {}};
  if (const auto usage = parsed->find("usage"); usage != parsed->end()) {
    answer.tokens = openai_usage(*usage).value_or(ledger::Tokens{});
  }
  return answer;
}

Result<Embeddings> to_embeddings(std::string_view reply, const std::string& model) {
  const auto parsed = parse_json(reply);
  if (!parsed || !parsed->is_object()) return reply_without("JSON object");
  const auto data = parsed->find("data");
  if (data == parsed->end() || !data->is_array()) return reply_without("data");
  Embeddings embeddings{.model = model, .embeddings = {}, .tokens = {}};
  for (const Json& item : *data) {
    if (!item.is_object() || !item.contains("embedding")) return reply_without("embedding");
    ACLOUD_TRY(auto vector, decode<std::vector<double>>(item["embedding"]));
    embeddings.embeddings.push_back(std::move(vector));
  }
  if (const auto usage = parsed->find("usage"); usage != parsed->end()) {
    embeddings.tokens = openai_usage(*usage).value_or(ledger::Tokens{});
  }
  return embeddings;
}

Task<Result<>> NeutralStream::begin(net::Headers, std::string_view first) {
  begun_ = true;
  co_return co_await write(first);
}

Task<Result<>> NeutralStream::write(std::string_view bytes) {
  ACLOUD_CO_CHECK(cutter_.feed(bytes));
  RawEvent event;
  while (cutter_.next(event)) {
    if (event.data.empty() || event.data == "[DONE]") continue;
    ACLOUD_CO_TRY(const Json chunk, parse_json(event.data));
    ACLOUD_CO_CHECK(co_await take(chunk));
  }
  co_return Result<>();
}

Task<Result<>> NeutralStream::take(const Json& chunk) {
  if (!chunk.is_object()) co_return Result<>();
  if (answer_.id.empty()) answer_.id = text_of(chunk, "id");
  if (const auto usage = chunk.find("usage"); usage != chunk.end()) {
    if (const auto tokens = openai_usage(*usage)) answer_.tokens = *tokens;
  }
  const auto choices = chunk.find("choices");
  if (choices == chunk.end() || !choices->is_array() || choices->empty()) co_return Result<>();
  const Json& choice = choices->front();
  if (!choice.is_object()) co_return Result<>();
  if (const std::string reason = text_of(choice, "finish_reason"); !reason.empty())
    answer_.finish_reason = reason;
  const auto delta = choice.find("delta");
  if (delta == choice.end() || !delta->is_object()) co_return Result<>();
  Json shown = Json::object();
  for (const char* name : {"content", "reasoning_content", "reasoning", "refusal"}) {
    const std::string text = text_of(*delta, name);
    append(answer_.message, name, text);
    if (!text.empty()) shown[name] = text;
  }
  const auto calls = delta->find("tool_calls");
  if (calls != delta->end() && calls->is_array()) {
    for (const Json& part : *calls) take_tool_call(part);
    shown["tool_calls"] = *calls;
  }
  if (shown.empty() || events_ == nullptr) co_return Result<>();
  co_return co_await events_->emit("delta", to_text(shown));
}

void NeutralStream::take_tool_call(const Json& part) {
  if (!part.is_object()) return;
  const auto index = part.find("index");
  Json& call =
      tool_calls_[index != part.end() && index->is_number_integer() ? index->get<std::int64_t>() : 0];
  if (call.is_null())
    call = {{"type", "function"}, {"id", ""}, {"function", {{"name", ""}, {"arguments", ""}}}};
  if (const std::string id = text_of(part, "id"); !id.empty()) call["id"] = id;
  const auto function = part.find("function");
  if (function == part.end() || !function->is_object()) return;
  for (const char* name : {"name", "arguments"}) {
    call["function"][name] = call["function"][name].get<std::string>() + text_of(*function, name);
  }
}

Result<ChatAnswer> NeutralStream::answer(const std::string& model) {
  answer_.model = model;
  answer_.message["role"] = "assistant";
  if (!answer_.message.contains("content")) answer_.message["content"] = nullptr;
  for (auto& [index, call] : tool_calls_) answer_.message["tool_calls"].push_back(std::move(call));
  return std::move(answer_);
}

}  // namespace acloud::model
