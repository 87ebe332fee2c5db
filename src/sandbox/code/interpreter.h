// A language's interpreter in a sandbox, which runs cells of code one after the other and keeps their state.
//
// Its driver (drivers.h) connects to a port that the server has opened for it on the sandbox's loopback, and
// takes cells there; what cells write comes through the program's own two pipes, so that it is there whoever
// writes it. At the end of a cell the driver says so after it has flushed, and what the pipes then hold
// belongs to the cell.
//
// One task at a time.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "kernel/call.h"
#include "sandbox/code/code_types.h"
#include "sandbox/converse.h"
#include "sandbox/jail/jail.h"

namespace acloud::sandbox {
class Sandbox;
}

namespace acloud::sandbox::code {

struct Cell {
  std::string code;
  std::map<std::string, std::string> env;
};

// What came of a cell.
struct Ran {
  Output out, err;
  std::vector<CodeResult> results;
  bool results_truncated = false;
  std::optional<CodeError> error;
  bool timed_out = false;  // and was interrupted
};

class Interpreter {
 public:
  static constexpr std::size_t kLineMost = 9 << 20;
  static constexpr std::size_t kResultsKept = 16 << 20;

  // `base` has the environment and the folder. Errors: as Sandbox::start; not_found (the image has no such
  // interpreter); unavailable (it did not come up).
  static Task<Result<std::unique_ptr<Interpreter>>> start(Sandbox& sandbox, Language language,
                                                          jail::Command base, std::string token,
                                                          async::Deadline by);
  // The same in a jail that is nobody's yet.
  static Task<Result<std::unique_ptr<Interpreter>>> start(jail::Jail& jail, Language language,
                                                          jail::Command base, std::string token,
                                                          async::Deadline by);
  // Ends it with all that it started.
  ~Interpreter();

  // Tells `events` ("stdout", "stderr", "display") as things come. At `by`, and when the caller goes away,
  // the cell is interrupted; an interpreter that does not heed that is killed. Errors: cancelled; what
  // `events` says.
  Task<Result<Ran>> run(const Cell& cell, async::Deadline by, kernel::EventSink* events, std::size_t keep);
  // False once it has ended or was killed: its state is lost.
  bool lives() const { return lives_; }
  // False where its driver has gone since its last run.
  bool answers() const;

 private:
  struct Talk;
  // Waits for the driver that `process` is.
  static Task<Result<std::unique_ptr<Interpreter>>> meet(jail::Fd listener,
                                                         std::unique_ptr<jail::Process> process,
                                                         std::string token, async::Deadline by);
  Interpreter(std::unique_ptr<jail::Process> process, jail::Fd link)
      : process_(std::move(process)), link_(std::move(link)) {}
  Task<> talk(Talk& talk);
  Task<bool> settle(Talk& talk);
  Task<CodeError> obituary();

  std::unique_ptr<jail::Process> process_;
  jail::Fd link_;
  bool lives_ = true;
};

}  // namespace acloud::sandbox::code
