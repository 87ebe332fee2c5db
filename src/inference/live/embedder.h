// What gives embeddings: a model that also replies, or one that does nothing else.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "async/task.h"
#include "base/error.h"

namespace acloud::inference {

struct Embedded {
  std::vector<std::vector<float>> embeddings;  // of length 1, in the order of the texts
  std::int64_t tokens = 0;                     // that were read
};

class Embedder {
 public:
  virtual ~Embedder() = default;
  // Errors: invalid_argument: no text, not UTF-8, or one above what the model takes; cancelled.
  virtual Task<Result<Embedded>> embed(std::vector<std::string> texts) = 0;
};

}  // namespace acloud::inference
