// Looks for findings in a text that comes in pieces, and tells up to where it is decided what the text holds.
//
// Whatever the pieces, the same is found, and the same is masked, as in the whole text at once. What is
// undecided is the longest end of the text that could still be the beginning of a finding, as BoundedPattern
// has it; the tail of a finding is decided as it comes.
#pragma once

#include <string>
#include <vector>

#include "model/guard/detector.h"

namespace acloud::model::guard {

class TextMatcher {
 public:
  // REQUIRES: the detectors outlive it.
  explicit TextMatcher(std::vector<const Detector*> detectors);

  // Takes more of the text, whole characters of UTF-8. Gives the detectors, by their numbers, that found
  // something new.
  std::vector<std::size_t> feed(std::string_view piece) { return look(piece, false); }
  // The text is over: all of it is decided.
  std::vector<std::size_t> finish() { return look({}, true); }

  // In bytes from the text's beginning.
  std::size_t size() const { return base_ + buffer_.size(); }
  std::size_t decided() const { return decided_; }
  // Whether anything of this part of the text is masked. REQUIRES: part.end <= decided(); no forget() beyond
  // its begin.
  bool masks(Span part) const;
  // `text`, which stands at `begin`, with "[NAME]" where a finding begins in it and nothing for the rest of
  // one. REQUIRES: as masks().
  std::string masked(std::string_view text, std::size_t begin) const;
  // What stands before `offset` will not be asked for again.
  void forget(std::size_t offset);

 private:
  // Findings that overlap, as one: called by the first.
  struct Mask {
    std::size_t begin;
    std::size_t end;
    std::size_t detector;
  };
  struct State {
    const Detector* detector;
    std::size_t next = 0;              // before it all is decided for this detector
    std::optional<std::size_t> began;  // a finding whose tail may go on
  };

  std::vector<std::size_t> look(std::string_view piece, bool last);
  bool look_for(std::size_t number, bool last);
  std::size_t end_of_tail(const Detector& detector, std::size_t from) const;
  void add(Mask mask);
  void drop_decided();

  std::vector<State> states_;
  std::string buffer_;    // what is not decided, and the character before it
  std::size_t base_ = 0;  // offset of the buffer
  std::size_t decided_ = 0;
  std::vector<Mask> masks_;  // apart, in order
};

}  // namespace acloud::model::guard
