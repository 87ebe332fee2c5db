// What undoes a task's steps when the task does not succeed.
//
// A rule names the calls that it is for and the call that undoes one. Each call of these that was done is
// noted with what undoes it, its arguments taken from that call's own: "${arguments.key}", "${result.id}".
// When the task fails or is cancelled, what is noted is called, the newest first, before its resources go.
#pragma once

#include <vector>

#include "task/step.h"

namespace acloud::task {

inline constexpr std::string_view kUndoMark = "undo";  // the ref of a step that undoes another

class Compensation {
 public:
  static constexpr std::size_t kUndoMost = 10'000;  // calls that one task can have undone

  explicit Compensation(const std::vector<CompensationRule>& rules) : rules_(rules) {}

  // A call of the task's work was done. REQUIRES: the rules outlive this.
  void note(const Step& step, const Outcome& outcome);
  // One of steps() was tried: it is not given again.
  void tried(const Step& step);
  // The steps that undo what is noted, the newest first.
  std::vector<Step> steps() const;

 private:
  const std::vector<CompensationRule>& rules_;
  std::vector<Step> noted_;
};

}  // namespace acloud::task
