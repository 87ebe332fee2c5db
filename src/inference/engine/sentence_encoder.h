// A sentence becomes 512 numbers of length 1, near those of sentences that mean the like: the Universal
// Sentence Encoder Lite (Cer et al. 2018, "Universal Sentence Encoder"), a transformer of two layers,
// computed by ggml.
//
// With n pieces, each step below is a matrix of n rows:
//   x    = 2 * embedding + position, where position[i] = [sin(i * f), cos(i * f)]          256 wide
//   y    = attention(norm(x)) + widen(x)      (layer 0; in layer 1 the sum is with x itself)  512 wide
//   x    = y + down(relu(up(norm(y))))
//   out  = tanh(output(mean of the rows of x)), divided by its length
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace acloud::inference {

class SentenceEncoder {
 public:
  // `file` is what models/sentence_encoder writes. It is read where it lies, so it outlives the encoder and
  // begins at a multiple of 32. Errors: invalid_argument: not such a file; unavailable: no processor back
  // end.
  static Result<std::unique_ptr<SentenceEncoder>> open(std::span<const std::byte> file);
  virtual ~SentenceEncoder() = default;

  virtual std::string description() const = 0;
  virtual std::int64_t parameters() const = 0;
  virtual std::int32_t dimensions() const = 0;
  // How many pieces of a text are read; the rest says nothing.
  virtual std::int32_t longest() const = 0;

  // The pieces of a text that are read. Errors: invalid_argument: not UTF-8, or nothing in it. Thread-safe.
  virtual Result<std::vector<std::int32_t>> pieces(std::string_view text) const = 0;
  // One embedding for each of the texts, on the calling thread, which it keeps busy for about 0.3 ms a piece
  // at most. Texts of one length cost the least together. REQUIRES: each is of pieces(). Thread-safe. Errors:
  // unavailable: no memory.
  virtual Result<std::vector<std::vector<float>>> encode(
      std::span<const std::vector<std::int32_t>> texts) const = 0;
};

}  // namespace acloud::inference
