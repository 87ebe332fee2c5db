// The choice of a token as llama.cpp's own library makes it. Included by this folder alone.
#pragma once

#include <sampling.h>

#include "inference/engine/sampler.h"

namespace acloud::inference {

class LlamaSampler final : public Sampler {
 public:
  // Errors: invalid_argument: a setting out of range, or a grammar that does not parse.
  static Result<std::unique_ptr<Sampler>> make(const llama_model* model, const Sampling& sampling);

  void seen(Token token) override;
  // Errors: invalid_argument: the constraint leaves no token.
  Result<Sampled> sample(llama_context* context, std::int32_t output);

 private:
  LlamaSampler(common_sampler_ptr sampler, const llama_vocab* vocab, std::optional<std::int32_t> logprobs)
      : sampler_(std::move(sampler)), vocab_(vocab), logprobs_(logprobs) {}

  common_sampler_ptr sampler_;
  const llama_vocab* vocab_;
  std::optional<std::int32_t> logprobs_;
};

}  // namespace acloud::inference
