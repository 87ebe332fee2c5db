// How the next token is chosen from the model's logits: temperature and its kin, and what the text must
// conform to.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"

namespace acloud::inference {

using Token = std::int32_t;
using Sequence = std::int32_t;

// What the makers of a model recommend where a caller says nothing.
struct SamplingDefaults {
  float temperature = 0.8F;
  std::int32_t top_k = 40;
  float top_p = 0.95F;
  float min_p = 0.05F;
};

// A grammar (GBNF) that the text keeps to, from its start or from the first trigger on.
struct Constraint {
  enum class Source { none, caller, schema, tools };
  struct Trigger {
    std::int32_t kind;  // llama.cpp's own numbering
    std::string value;
    Token token;
  };
  Source source = Source::none;
  std::string grammar;
  bool lazy = false;
  std::vector<Trigger> triggers;
  std::vector<std::string> preserved;  // special tokens that the reply's reader wants to see
  std::string begun;                   // the part of the reply that the prompt has already
};

struct Sampling {
  float temperature = 0;   // 0: always the most likely token
  std::int32_t top_k = 0;  // 0: all
  float top_p = 1;
  float min_p = 0;
  float repeat_penalty = 1;  // 1: none
  float frequency_penalty = 0;
  float presence_penalty = 0;
  std::uint32_t seed = 0;
  std::vector<std::pair<Token, float>> bias;
  bool never_ends = false;               // the end of the reply is never chosen
  std::optional<std::int32_t> logprobs;  // wanted, with that many alternatives
  Constraint constraint;
};

struct Likely {
  Token token;
  float logprob;
};
struct Sampled {
  Token token = 0;
  float logprob = 0;                 // where they were wanted: by the model's own distribution
  std::vector<Likely> alternatives;  // the likeliest first
};

// The state of the choice for one reply. One thread at a time.
class Sampler {
 public:
  virtual ~Sampler() = default;
  // Makes penalties count `token`, which the reply has already.
  virtual void seen(Token token) = 0;
};

}  // namespace acloud::inference
