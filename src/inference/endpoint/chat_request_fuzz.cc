// Bodies of chats and of embeddings from strangers: never a crash, and an error says which field.
#include "base/encoding.h"
#include "fuzz.h"
#include "inference/endpoint/chat_request.h"

using namespace acloud;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text(data, size);
  const auto chat = inference::read_chat_call(text, {}, 1);
  if (chat) {
    fuzz::require(chat->generate.chat.has_value(), "a chat has messages");
    fuzz::require(parse_json(chat->generate.chat->messages_json).has_value(), "messages are JSON");
    fuzz::require(chat->generate.most_tokens.value_or(1) >= 1, "at least a token");
  } else {
    fuzz::require(chat.error().code() == ErrorCode::invalid_argument, "code of an error");
    fuzz::require(is_utf8(chat.error().message()), "messages are UTF-8");
  }
  const auto embed = inference::read_embed_call(text);
  if (embed) fuzz::require(!embed->inputs.empty(), "something to embed");
  return 0;
}
