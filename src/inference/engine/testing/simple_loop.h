// llama.cpp's own simple loop (examples/simple in its repository), to compare with: one prompt, decoded
// whole, then token by token, the likeliest each time.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "inference/engine/sampler.h"

namespace acloud::inference::testing {

// The tokens said, without the one that ends the reply. REQUIRES: a model that can be loaded.
std::vector<std::vector<Token>> simple_loop(const std::string& file,
                                            std::span<const std::vector<Token>> prompts, int tokens,
                                            bool exact_state);

}  // namespace acloud::inference::testing
