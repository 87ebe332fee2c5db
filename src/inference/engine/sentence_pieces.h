// Text to the pieces of a unigram vocabulary: of all ways to cut it, the one whose pieces' scores add to the
// most (Kudo 2018, "Subword Regularization"), as SentencePiece does it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/error.h"

namespace acloud::inference {

class SentencePieces {
 public:
  struct Piece {
    std::string text;
    double score = 0;  // the logarithm of how likely it is
  };
  // The first `reserved` pieces are in no text; the first of all stands for what no piece has.
  SentencePieces(std::vector<Piece> pieces, std::size_t reserved);
  SentencePieces(const SentencePieces&) = delete;
  SentencePieces& operator=(const SentencePieces&) = delete;

  // The numbers of the pieces of `text`, after NFKC. What no piece has is one 0, however long.
  // Errors: invalid_argument: not UTF-8.
  Result<std::vector<std::int32_t>> cut(std::string_view text) const;

 private:
  struct Entry {
    std::int32_t number = -1;  // -1: no piece, but one begins with it
    double score = 0;
  };
  std::vector<Piece> pieces_;
  std::unordered_map<std::string_view, Entry> entries_;  // by texts of pieces_
};

}  // namespace acloud::inference
