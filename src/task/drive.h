// Drives the course of a task: does its steps, keeps what came of each before the next begins, and goes on
// where an earlier run was cut off.
//
// Disk, network and clock are behind interfaces, so that ten thousand runs with faults take seconds
// (simulation_test.cc).
#pragma once

#include <stop_token>

#include "async/task.h"
#include "base/clock.h"
#include "task/script.h"

namespace acloud::task {

// What one task has done, on disk.
class Journal {
 public:
  virtual ~Journal() = default;
  // In the order of numbers.
  virtual Task<Result<std::vector<Entry>>> read() = 0;
  // On disk when it returns. In place of an entry of that number without an outcome.
  // Errors: conflict (the task is another server's by now), and the disk's.
  virtual Task<Result<>> keep(Entry entry) = 0;
  // The oldest signal of that name that nobody took yet becomes the step's outcome, and is kept as that.
  // Nothing where there is none.
  virtual Task<Result<std::optional<Outcome>>> take_signal(Entry entry) = 0;
  // The task waits until `due`, or for a signal of these names. With kRoomStep among them: for resources, in
  // turn with others that do.
  virtual Task<Result<>> park(Time due, std::vector<std::string> signals) = 0;
  virtual Task<Result<>> end(Ending ending) = 0;
};

// Does what calls and chats say.
class Performer {
 public:
  virtual ~Performer() = default;
  // The reply as JSON. One that is called again for the same step has one effect, where the effect is
  // acloud's.
  virtual Task<Result<std::string>> perform(Step step) = 0;
};

// How a run is stopped from outside. Of its loop's thread alone.
struct Control {
  std::stop_source stop;
  std::string interrupt;  // cancelled or revoked; "" where the server ends, and the task goes on elsewhere
};

enum class Driven { ended, parked };

// Errors: cancelled (the server ends), and the journal's; the task is then where it was.
Task<Result<Driven>> drive(Spec spec, Time deadline, Journal& journal, Performer& performer, Clock& clock,
                           Control& control);

}  // namespace acloud::task
