// How a chat reads to a model, and how its reply is read: by the template in the model's file, as llama.cpp's
// own library applies it.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "inference/engine/sampler.h"

namespace acloud::inference {

enum class ToolChoice { automatic, required, none };

// Messages and tools in the OpenAI form of a chat, as JSON texts.
struct ChatRequest {
  std::string messages_json;
  std::string tools_json;  // "": none
  ToolChoice tool_choice = ToolChoice::automatic;
  bool parallel_tool_calls = false;
  std::string schema_json;  // of the reply's content; "": any text
  std::string grammar;      // GBNF of the reply; "": any text
  bool thinking = true;     // where the model can
};

struct ToolCall {
  std::string id;  // "": the model gave none
  std::string name;
  std::string arguments;  // JSON, perhaps begun only

  friend bool operator==(const ToolCall&, const ToolCall&) = default;
};
struct ChatReply {
  std::string content;
  std::string reasoning;
  std::vector<ToolCall> tool_calls;

  friend bool operator==(const ChatReply&, const ChatReply&) = default;
};

// Reads what a model said. Thread-safe.
class ReplyReader {
 public:
  virtual ~ReplyReader() = default;
  // `partial`: more is to come; then the reply is what is sure so far.
  // Errors: invalid_argument: not in the model's own form.
  virtual Result<ChatReply> read(std::string_view text, bool partial) const = 0;
};

struct ChatPrompt {
  std::string text;
  Constraint constraint;
  std::vector<std::string> stops;             // what ends the reply, beside the model's own tokens for it
  std::shared_ptr<const ReplyReader> reader;  // shared by the copies of the prompt
};

}  // namespace acloud::inference
