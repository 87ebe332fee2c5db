#include "inference/live/reply_text.h"

#include <algorithm>

namespace acloud::inference {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

struct Character {
  std::size_t size;  // bytes taken
  enum { whole, broken, unfinished } kind;
};

// The first character of `text`, by the table of well-formed sequences of the Unicode Standard (3-7).
Character first_character(std::string_view text) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = at(0);
  if (lead < 0x80) return {1, Character::whole};
  if (lead < 0xC2 || lead > 0xF4) return {1, Character::broken};
  const std::size_t size = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  for (std::size_t i = 1; i < size; ++i) {
    if (i == text.size()) return {i, Character::unfinished};
    unsigned char low = 0x80;
    unsigned char high = 0xBF;
    if (i == 1 && lead == 0xE0) low = 0xA0;
    if (i == 1 && lead == 0xED) high = 0x9F;
    if (i == 1 && lead == 0xF0) low = 0x90;
    if (i == 1 && lead == 0xF4) high = 0x8F;
    if (at(i) < low || at(i) > high) return {i, Character::broken};
  }
  return {size, Character::whole};
}

// Moves characters from the front of `from` to `to`, up to `most` bytes of it; an unfinished one stays unless
// `all`.
void move_characters(std::string& from, std::size_t most, bool all, std::string& to) {
  std::size_t taken = 0;
  while (taken < most) {
    const Character next = first_character(std::string_view(from).substr(taken));
    if (next.kind == Character::unfinished && !all) break;
    if (next.kind == Character::whole) {
      to.append(from, taken, next.size);
    } else {
      to += kReplacement;
    }
    taken += next.size;
  }
  from.erase(0, taken);
}

}  // namespace

ReplyText::ReplyText(std::vector<std::string> stops) : stops_(std::move(stops)) {
  for (const std::string& stop : stops_) longest_ = std::max(longest_, stop.size());
}

// How many bytes at the end may be the beginning of a stop string.
std::size_t ReplyText::held_for_stops() const {
  if (longest_ == 0) return 0;
  for (std::size_t size = std::min(longest_ - 1, held_.size()); size > 0; --size) {
    const std::string_view end = std::string_view(held_).substr(held_.size() - size);
    if (std::ranges::any_of(stops_, [&](const std::string& stop) { return stop.starts_with(end); }))
      return size;
  }
  return 0;
}

std::string ReplyText::feed(std::string_view bytes) {
  std::string shown;
  if (stopped_) return shown;
  held_ += bytes;
  std::size_t found = std::string::npos;
  for (const std::string& stop : stops_) found = std::min(found, held_.find(stop));
  if (found != std::string::npos) {
    held_.resize(found);
    stopped_ = true;
    move_characters(held_, held_.size(), true, shown);
    return shown;
  }
  move_characters(held_, held_.size() - held_for_stops(), false, shown);
  return shown;
}

std::string ReplyText::finish() {
  std::string shown;
  move_characters(held_, held_.size(), true, shown);
  return shown;
}

}  // namespace acloud::inference
