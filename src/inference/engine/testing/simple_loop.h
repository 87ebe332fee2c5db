// llama.cpp's own simple loop (examples/simple in its repository), to compare with: one prompt, decoded
// whole, then token by token, the likeliest each time.
#pragma once

#include <limits>
#include <span>
#include <string>
#include <vector>

#include "inference/engine/sampler.h"

namespace acloud::inference::testing {

struct Said {
  std::vector<Token> tokens;  // without the one that ends the reply
  // How far the likeliest token was ahead of the next, in logits, where it was so least. What is computed in
  // batches adds up in another order, so where two are as good as even it may choose the other.
  float least_lead = std::numeric_limits<float>::infinity();
};

// REQUIRES: a model that can be loaded.
std::vector<Said> simple_loop(const std::string& file, std::span<const std::vector<Token>> prompts,
                              int tokens, bool exact_state);

}  // namespace acloud::inference::testing
