#include "inference/live/reply_diff.h"

namespace acloud::inference {
namespace {

// What follows in `now` on what was sent; nothing where it is another text altogether.
std::string rest(const std::string& sent, const std::string& now) {
  return now.starts_with(sent) ? now.substr(sent.size()) : std::string();
}

}  // namespace

Delta ReplyDiff::take(std::string_view text, bool last) {
  text_ += text;
  if (!reader_) return {.content = std::string(text)};
  Result<ChatReply> reply = reader_->read(text_, !last);
  if (reply) return difference(*std::move(reply));
  if (!last || called_tools()) return {};
  return difference({.content = text_});
}

Delta ReplyDiff::difference(ChatReply reply) {
  Delta delta{.content = rest(sent_.content, reply.content),
              .reasoning = rest(sent_.reasoning, reply.reasoning)};
  sent_.content += delta.content;
  sent_.reasoning += delta.reasoning;
  for (std::size_t i = 0; i < reply.tool_calls.size(); ++i) {
    ToolCall& call = reply.tool_calls[i];
    ToolCallDelta news{.index = i};
    if (i == sent_.tool_calls.size()) {
      if (call.name.empty()) break;  // its name is still to come
      news.name = call.name;
      news.id = call.id.empty() ? "call_" + random_->hex(12) : call.id;
      sent_.tool_calls.push_back({news.id, call.name, ""});
    }
    ToolCall& sent = sent_.tool_calls[i];
    news.arguments = rest(sent.arguments, call.arguments);
    sent.arguments += news.arguments;
    if (!news.id.empty() || !news.arguments.empty()) delta.tool_calls.push_back(std::move(news));
  }
  return delta;
}

}  // namespace acloud::inference
