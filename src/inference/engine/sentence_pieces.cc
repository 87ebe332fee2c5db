#include "inference/engine/sentence_pieces.h"

#include <utf8proc.h>

#include <cstdlib>
#include <memory>

namespace acloud::inference {
namespace {

constexpr std::string_view kSpace = "\u2581";  // stands for a space, and before the first word

struct Free {
  void operator()(void* memory) const { std::free(memory); }
};

// `text` in NFKC, each space and the beginning marked.
Result<std::string> normalized(std::string_view text) {
  utf8proc_uint8_t* made = nullptr;
  const auto options = static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT);
  const utf8proc_ssize_t size = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                             static_cast<utf8proc_ssize_t>(text.size()), &made, options);
  const std::unique_ptr<utf8proc_uint8_t, Free> held(made);
  if (size < 0) return fail(ErrorCode::invalid_argument, "the text: {}", utf8proc_errmsg(size));
  std::string marked;
  if (size == 0) return marked;
  marked = kSpace;
  for (const char each :
       std::string_view(reinterpret_cast<const char*>(made), static_cast<std::size_t>(size))) {
    if (each == ' ') {
      marked += kSpace;
    } else {
      marked += each;
    }
  }
  return marked;
}

bool begins_letter(char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) != 0x80U; }

// Where each letter begins, and the end.
std::vector<std::size_t> letters_of(std::string_view text) {
  std::vector<std::size_t> at;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (begins_letter(text[i])) at.push_back(i);
  }
  at.push_back(text.size());
  return at;
}

}  // namespace

SentencePieces::SentencePieces(std::vector<Piece> pieces, std::size_t reserved) : pieces_(std::move(pieces)) {
  for (std::size_t i = reserved; i < pieces_.size(); ++i) {
    const std::string_view text = pieces_[i].text;
    for (std::size_t size = 1; size < text.size(); ++size) {
      if (begins_letter(text[size])) entries_.try_emplace(text.substr(0, size));
    }
    entries_[text] = {static_cast<std::int32_t>(i), pieces_[i].score};
  }
}

Result<std::vector<std::int32_t>> SentencePieces::cut(std::string_view text) const {
  ACLOUD_TRY(const std::string marked, normalized(text));
  const std::vector<std::size_t> at = letters_of(marked);
  const std::size_t count = at.size() - 1;
  // The best way to reach a place: its score, where 0 means that none is known, and its last piece.
  struct Place {
    double score = 0;
    std::int32_t piece = 0;
    std::uint32_t letters = 1;  // of that piece
  };
  std::vector<Place> places(count + 1);
  const auto reach = [&places](std::size_t from, std::uint32_t letters, const Entry& entry) {
    Place& place = places[from + letters];
    const double score = entry.score + places[from].score;
    // The later of two that score alike, as the model's own tokenizer has it.
    if (place.score == 0 || score >= place.score) place = {score, entry.number, letters};
  };
  for (std::size_t from = 0; from < count; ++from) {
    bool found = false;
    for (std::uint32_t letters = 1; from + letters <= count; ++letters) {
      const auto entry =
          entries_.find(std::string_view(marked).substr(at[from], at[from + letters] - at[from]));
      if (entry == entries_.end()) break;
      if (entry->second.number < 0) continue;
      found = true;
      reach(from, letters, entry->second);
    }
    if (!found) reach(from, 1, {.number = 0, .score = 0});
  }
  std::vector<std::int32_t> cut;
  for (std::size_t end = count; end > 0; end -= places[end].letters) {
    const std::int32_t piece = places[end].piece;
    if (piece != 0 || cut.empty() || cut.back() != 0) cut.push_back(piece);
  }
  return std::vector<std::int32_t>(cut.rbegin(), cut.rend());
}

}  // namespace acloud::inference
