#include "model/guard/text_matcher.h"

#include <algorithm>

namespace acloud::model::guard {

TextMatcher::TextMatcher(std::vector<const Detector*> detectors) {
  for (const Detector* each : detectors) states_.push_back({each, 0, std::nullopt});
}

std::vector<std::size_t> TextMatcher::look(std::string_view piece, bool last) {
  buffer_ += piece;
  std::vector<std::size_t> found;
  decided_ = size();
  for (std::size_t i = 0; i < states_.size(); ++i) {
    if (look_for(i, last)) found.push_back(i);
    decided_ = std::min(decided_, states_[i].next);
  }
  drop_decided();
  return found;
}

std::size_t TextMatcher::end_of_tail(const Detector& detector, std::size_t from) const {
  while (from < size() && detector.in_tail(buffer_[from - base_])) ++from;
  return from;
}

// True where it found something that it had not found before.
bool TextMatcher::look_for(std::size_t number, bool last) {
  State& state = states_[number];
  const Detector& detector = *state.detector;
  if (state.began) {
    state.next = end_of_tail(detector, state.next);
    add({*state.began, state.next, number});
    if (state.next == size()) return false;
    state.began.reset();
  }
  bool any = false;
  for (;;) {
    const std::size_t from = state.next - base_;
    const std::size_t undecided = last ? buffer_.size() : detector.undecided(buffer_, from);
    const auto span = detector.find(buffer_, from);
    if (!span || span->begin >= undecided) {
      state.next = base_ + undecided;
      return any;
    }
    any = true;
    const std::size_t begin = base_ + span->begin;
    state.next = end_of_tail(detector, base_ + span->end);
    add({begin, state.next, number});
    if (detector.has_tail() && state.next == size()) {
      state.began = begin;
      return any;
    }
  }
}

// Joins what overlaps; what only touches stays apart.
void TextMatcher::add(Mask mask) {
  const auto apart = [&mask](const Mask& other) {
    return other.end <= mask.begin || mask.end <= other.begin;
  };
  const auto first = std::ranges::find_if_not(masks_, apart);
  auto last = first;
  for (; last != masks_.end() && !apart(*last); ++last) {
    const bool names = std::pair(last->begin, last->detector) < std::pair(mask.begin, mask.detector);
    if (names) mask.detector = last->detector;
    mask.begin = std::min(mask.begin, last->begin);
    mask.end = std::max(mask.end, last->end);
  }
  masks_.erase(first, last);
  masks_.insert(std::ranges::upper_bound(masks_, mask.begin, {}, &Mask::begin), mask);
}

// But for the character before it, which \b looks at.
void TextMatcher::drop_decided() {
  std::size_t keep = decided_ - base_;
  if (keep == 0) return;
  do {
    --keep;
  } while (keep > 0 && (static_cast<unsigned char>(buffer_[keep]) & 0xC0) == 0x80);
  buffer_.erase(0, keep);
  base_ += keep;
}

bool TextMatcher::masks(Span part) const {
  return std::ranges::any_of(
      masks_, [&part](const Mask& mask) { return mask.begin < part.end && part.begin < mask.end; });
}

std::string TextMatcher::masked(std::string_view text, std::size_t begin) const {
  std::string out;
  std::size_t at = 0;
  const std::size_t end = begin + text.size();
  for (const Mask& mask : masks_) {
    if (mask.end <= begin || mask.begin >= end) continue;
    if (mask.begin >= begin) {
      out += text.substr(at, mask.begin - begin - at);
      out += fmt::format("[{}]", states_[mask.detector].detector->name());
    }
    at = std::min(mask.end - begin, text.size());
  }
  out += text.substr(at);
  return out;
}

// A mask that ends with the text may go on.
void TextMatcher::forget(std::size_t offset) {
  std::erase_if(masks_, [&](const Mask& mask) { return mask.end <= offset && mask.end < size(); });
}

}  // namespace acloud::model::guard
