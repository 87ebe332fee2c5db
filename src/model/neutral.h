// The dialect-neutral form of a chat, model.chat's own JSON: made into a request of OpenAI's dialect, whose
// messages it shares, and read back from the reply.
#pragma once

#include "kernel/call.h"
#include "model/model_types.h"
#include "model/sse_cutter.h"

namespace acloud::model {

// Errors: invalid_argument: no messages.
Result<kernel::Payload> to_payload(const Chat& chat, bool streams);
Result<kernel::Payload> to_payload(const Embed& embed);

// Errors: unavailable: it is not what the dialect says.
Result<ChatAnswer> to_chat_answer(std::string_view reply, const std::string& model);
Result<Embeddings> to_embeddings(std::string_view reply, const std::string& model);

// Takes a streamed reply of OpenAI's dialect, gives events ("delta", with content, reasoning or tool_calls as
// they come), and puts the whole answer together.
class NeutralStream final : public kernel::ReplyStream {
 public:
  // Null: nobody wants the events, and a reply that is large is kept whole.
  explicit NeutralStream(kernel::EventSink* events) : events_(events) {}
  Task<Result<>> begin(net::Headers headers, std::string_view first) override;
  Task<Result<>> write(std::string_view bytes) override;
  bool begun() const override { return begun_; }
  Result<ChatAnswer> answer(const std::string& model);

 private:
  Task<Result<>> take(const Json& chunk);
  void take_tool_call(const Json& part);

  kernel::EventSink* events_;
  bool begun_ = false;
  SseCutter cutter_;
  ChatAnswer answer_;
  std::map<std::int64_t, Json> tool_calls_;  // by index
};

}  // namespace acloud::model
