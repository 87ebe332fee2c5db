// What is asked of a model that runs here, and what it says, piece by piece.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "inference/engine/chat_format.h"
#include "inference/engine/sampler.h"

namespace acloud::inference {

struct Generate {
  std::string workspace;                    // whose turn it is
  std::optional<ChatRequest> chat;          // a chat to answer,
  std::string prompt;                       // or else a text to continue
  std::string schema_json;                  // of a text: what the continuation conforms to; "": anything
  std::string grammar;                      // of a text: the same as GBNF
  Sampling sampling;                        // but for its constraint
  std::vector<std::string> stops;           // the reply ends before the first of them
  std::optional<std::int32_t> most_tokens;  // nothing: what the context leaves
};

// A token and what else might have stood there.
struct TokenLog {
  std::string text;  // bytes, perhaps a part of a character
  float logprob = 0;
  std::vector<std::pair<std::string, float>> alternatives;
};

// What is new of a tool call: `id` and `name` come with its first piece, whole.
struct ToolCallDelta {
  std::size_t index = 0;
  std::string id;
  std::string name;
  std::string arguments;
};

struct Delta {
  std::string content;
  std::string reasoning;
  std::vector<ToolCallDelta> tool_calls;
  std::vector<TokenLog> tokens;  // where logprobs were asked for

  bool empty() const { return content.empty() && reasoning.empty() && tool_calls.empty() && tokens.empty(); }
};

enum class Finish { stop, length, tool_calls };

struct Outcome {
  Finish finish = Finish::stop;
  std::int32_t prompt_tokens = 0;
  std::int32_t cached_tokens = 0;  // of the prompt, that had been computed before
  std::int32_t output_tokens = 0;
};

}  // namespace acloud::inference
