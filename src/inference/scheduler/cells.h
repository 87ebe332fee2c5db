// Which cells of an engine's memory are in use: a token of a sequence takes one, which copies of its prefix
// share.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "inference/engine/sampler.h"

namespace acloud::inference {

class Cells {
 public:
  Cells(std::int32_t sequences, std::int32_t cells);

  std::int32_t free() const { return static_cast<std::int32_t>(free_.size()); }
  std::int32_t used() const { return static_cast<std::int32_t>(shared_.size() - free_.size()); }
  std::int32_t size(Sequence sequence) const;
  // Cells that any of these hold, each counted once.
  std::int32_t held_by(std::span<const Sequence> sequences) const;

  // REQUIRES: free() >= tokens.
  void grow(Sequence sequence, std::int32_t tokens);
  void truncate(Sequence sequence, std::int32_t keep);
  // REQUIRES: `to` is empty, `from` has as many.
  void share(Sequence from, Sequence to, std::int32_t tokens);

 private:
  std::vector<std::vector<std::int32_t>> rows_;  // the cell of each token of each sequence
  std::vector<std::int32_t> shared_;             // by how many sequences each cell is
  std::vector<std::int32_t> free_;
};

}  // namespace acloud::inference
