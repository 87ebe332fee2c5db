// The course of a task: which steps it takes, by what came of those before.
//
//   while (!(steps = course.next()).empty()) ... course.take(step.number, outcome);
//
// A pure state machine, driven by drive(): no clock, no chance, no I/O. Script is that of an agent or a
// program, ErrandCourse that of work which is done elsewhere.
#pragma once

#include <memory>
#include <span>

#include "task/step.h"

namespace acloud::task {

class Course {
 public:
  virtual ~Course() = default;

  // What is to be done now: steps that may be done side by side, those not yet taken. Empty: it has ended.
  virtual const std::vector<Step>& next() = 0;
  // What came of the step of that number. False where there is none such to be done.
  virtual bool take(std::int64_t number, const Outcome& outcome) = 0;
  // The number of the step that comes after those given out.
  virtual std::int64_t next_number() const = 0;
  // The task is stopped: `why` is cancelled, deadline or revoked. Takes a number of its own, as it is
  // journaled. What is being done is given up, and what was made for it removed.
  virtual void interrupt(std::string_view why) = 0;
  // An earlier version of the engine did, in `rest` of the journal, what this one does not do there. What
  // that has made is removed or undone, and the task fails: the outcomes that there are answer other steps
  // than it would ask for. `number` is the journal's for this, after all of `rest`.
  virtual void outgrow(std::span<const Entry> rest, std::int64_t number) = 0;
  // REQUIRES: next() was called since the last take().
  virtual bool can_be_interrupted() const = 0;
  // REQUIRES: next() is empty.
  virtual const Ending& ending() const = 0;
};

// How a task ends that was stopped for this reason.
Ending interrupted(std::string_view why);
// How one ends whose journal, from `rest` on, is of another version.
Ending outgrown(std::span<const Entry> rest);

struct Spec;
std::unique_ptr<Course> course_of(Spec spec);

}  // namespace acloud::task
