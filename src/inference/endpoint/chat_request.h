// A request in OpenAI's dialect, read.
#pragma once

#include <string_view>

#include "base/schema.h"
#include "inference/engine/engine.h"
#include "inference/live/generate.h"

namespace acloud::inference {

struct ChatCall {
  std::string model;
  Generate generate;
  bool stream = false;
  bool include_usage = false;  // a last chunk with figures
};

// The body of POST /chat/completions; names that are not known are passed over, as other servers do.
// Errors: invalid_argument, naming the field.
Result<ChatCall> read_chat_call(std::string_view body, const SamplingDefaults& defaults, std::uint32_t seed);

struct EmbedCall {
  std::string model;
  std::vector<std::string> inputs;
  bool base64 = false;                     // the numbers as bytes
  std::optional<std::int64_t> dimensions;  // that each embedding must have
};
// The body of POST /embeddings. Errors: invalid_argument, naming the field.
Result<EmbedCall> read_embed_call(std::string_view body);

// The "model" of a body, which says whose defaults it is read with. Errors: invalid_argument.
Result<std::string> model_of(std::string_view body);

}  // namespace acloud::inference
