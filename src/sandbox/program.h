// A program that runs in a sandbox whether or not anybody waits for it: what it writes is kept, it takes
// input and signals, and its end is remembered.
//
// One loop looks after it (run()); everything else may be called from any thread.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>

#include "async/channel.h"
#include "async/task_scope.h"
#include "base/clock.h"
#include "base/schema.h"
#include "sandbox/call_output.h"
#include "sandbox/jail/jail.h"
#include "sandbox/output_log.h"

namespace acloud::sandbox {

// What a later server must know of a program, and init keeps for it.
struct Label {
  std::optional<std::string> tag;
  Time started{};
  bool takes_input = false;
  std::optional<Time> deadline;
  std::string once;       // the name of the call that started it (kernel::Context::once); "" for none
  bool collects = false;  // its output is in files, for that call
  static constexpr auto schema =
      fields(field("tag", &Label::tag, ""), field("started", &Label::started, "", required),
             field("takes_input", &Label::takes_input, ""), field("deadline", &Label::deadline, ""),
             field("once", &Label::once, ""), field("collects", &Label::collects, ""));
};

class Program {
 public:
  static constexpr std::size_t kOutputMost = 256 << 10;

  // `collected`: where its output goes, if its label says so; else null.
  Program(std::unique_ptr<jail::Process> process, Label label, std::unique_ptr<CallOutput> collected);

  int pid() const { return pid_; }
  const jail::Command& command() const { return process_->command(); }
  const Label& label() const { return label_; }
  // What it writes, with its terminal's output or that of both streams.
  OutputLog& output() { return output_; }
  // To be read when it has ended.
  const CallOutput* collected() const { return collected_.get(); }
  // Nothing while it runs.
  std::optional<jail::Exit> exit() const;
  // It is over, or its jail is: then without an exit.
  bool ended() const { return ended_; }
  bool timed_out() const { return timed_out_; }

  // To be spawned once: moves its input and output until it ends, or `clock` reaches its deadline. When it is
  // stopped it leaves the program to a later server.
  static Task<> run(std::shared_ptr<Program> program, Clock& clock);

  // Instead of run(): leaves it to a later server.
  void leave();

  // Hands bytes over for its input. Errors: precondition_failed (it takes none, or no more);
  // deadline_exceeded (it doesn't read); cancelled.
  Task<Result<>> write(std::string bytes, async::Deadline by);
  // Errors: precondition_failed: it has a terminal, or takes none.
  Result<> close_input();
  // Errors: not_found (it has ended), invalid_argument.
  Result<> signal(int number, jail::Scope scope);
  // Errors: precondition_failed: it has no terminal.
  Result<> resize(jail::Window window);

 private:
  bool has_terminal() const { return process_->command().stdio == jail::Command::Stdio::pty; }
  Task<> feed();
  Task<Result<jail::Exit>> see_end(Clock& clock);
  Error takes_no_input() const;

  const std::unique_ptr<jail::Process> process_;
  const int pid_;
  const Label label_;
  const std::unique_ptr<CallOutput> collected_;
  OutputLog output_{kOutputMost};
  async::Channel<std::string> input_{4};
  std::atomic<bool> ended_{false}, timed_out_{false};
  mutable std::mutex mutex_;  // of exit_
  std::optional<jail::Exit> exit_;
};

}  // namespace acloud::sandbox
