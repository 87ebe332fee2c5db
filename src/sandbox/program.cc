#include "sandbox/program.h"

#include <fcntl.h>
#include <sys/ioctl.h>

#include <csignal>

#include "net/socket.h"

namespace acloud::sandbox {
Program::Program(std::unique_ptr<jail::Process> process, Label label, std::unique_ptr<CallOutput> collected)
    : process_(std::move(process)),
      pid_(process_->pid()),
      label_(std::move(label)),
      collected_(std::move(collected)) {
  if (!label_.takes_input) input_.close();
  // A terminal is not so by itself.
  if (has_terminal()) ::fcntl(process_->pty.get(), F_SETFL, O_NONBLOCK);
}

std::optional<jail::Exit> Program::exit() const {
  const std::lock_guard lock(mutex_);
  return exit_;
}

Task<> Program::run(std::shared_ptr<Program> program, Clock& clock) {
  // `program` is in this frame: the tasks below end before it goes.
  Program& self = *program;
  // Or a pump might wait for a reader, who is told to go only after this has come to its end.
  const std::stop_callback on_stop(co_await async::this_stop_token(), [&self] { self.output_.finish(); });
  async::TaskScope pumps, feeder;
  if (self.has_terminal()) {
    pumps.spawn(pump(self.process_->pty.get(), Source::pty, self.output_));
  } else if (self.collected_) {
    pumps.spawn(self.collected_->gather(self.process_->output.get(), Source::out, self.output_));
    pumps.spawn(self.collected_->gather(self.process_->error.get(), Source::err, self.output_));
  } else {
    pumps.spawn(pump(self.process_->output.get(), Source::out, self.output_));
    pumps.spawn(pump(self.process_->error.get(), Source::err, self.output_));
  }
  feeder.spawn(self.feed());
  const Result<jail::Exit> exit = co_await self.see_end(clock);
  if (!exit && exit.error().code() == ErrorCode::cancelled) self.leave();
  feeder.cancel();
  pumps.cancel();
  self.input_.close();
  co_await feeder.join();
  co_await pumps.join();
  {
    const std::lock_guard lock(self.mutex_);
    if (exit) self.exit_ = *exit;
  }
  self.ended_ = exit || exit.error().code() != ErrorCode::cancelled;
  self.output_.finish();
}

void Program::leave() {
  process_->leave();
  if (collected_) collected_->leave();
  output_.finish();
}

// Waits for the end, or brings it about when its time is over.
Task<Result<jail::Exit>> Program::see_end(Clock& clock) {
  if (!label_.deadline) co_return co_await process_->wait();
  const auto left =
      std::max(Duration::zero(), std::chrono::duration_cast<Duration>(*label_.deadline - clock.now()));
  auto exit = co_await async::with_deadline(async::Deadline::after(left), "the program", process_->wait());
  if (exit || exit.error().code() != ErrorCode::deadline_exceeded) co_return exit;
  timed_out_ = true;
  (void)process_->signal(SIGKILL, jail::Scope::tree);
  // One that is frozen dies when it is thawed.
  co_return co_await process_->wait();
}

// On the loop of run(), which alone touches the descriptors.
Task<> Program::feed() {
  if (label_.takes_input) {
    const int end = has_terminal() ? process_->pty.get() : process_->input.get();
    const auto stream = net::adopt(::fcntl(end, F_DUPFD_CLOEXEC, 3));
    for (;;) {
      const auto bytes = co_await input_.receive();
      if (!bytes || !*bytes) break;
      if (!co_await stream->write(**bytes)) break;
    }
    input_.close();
    const std::stop_token stop = co_await async::this_stop_token();
    if (stop.stop_requested()) co_return;  // left to a later server with its input open, or over
  }
  if (!has_terminal()) (void)process_->close_input();
}

Error Program::takes_no_input() const {
  return Error(
      ErrorCode::precondition_failed,
      fmt::format("process {} takes no input: it has ended, closed it, or was started without", pid_));
}

Task<Result<>> Program::write(std::string bytes, async::Deadline by) {
  if (!label_.takes_input) co_return std::unexpected(takes_no_input());
  auto sent =
      co_await async::with_deadline(by, "the program's reading of its input", input_.send(std::move(bytes)));
  if (!sent && sent.error().code() == ErrorCode::unavailable) co_return std::unexpected(takes_no_input());
  co_return sent;
}

Result<> Program::close_input() {
  if (has_terminal()) {
    return fail(ErrorCode::precondition_failed,
                "process {} has a terminal, which is closed with it; write \"\\u0004\" for an end of input",
                pid_);
  }
  if (!label_.takes_input) return std::unexpected(takes_no_input());
  input_.close();
  return {};
}

Result<> Program::signal(int number, jail::Scope scope) {
  if (ended_ && scope != jail::Scope::tree) return fail(ErrorCode::not_found, "process {} has ended", pid_);
  return process_->signal(number, scope);
}

Result<> Program::resize(jail::Window window) {
  if (!has_terminal()) return fail(ErrorCode::precondition_failed, "process {} has no terminal", pid_);
  const winsize size{window.rows, window.columns, 0, 0};
  if (::ioctl(process_->pty.get(), TIOCSWINSZ, &size) != 0) return fail_errno(errno, "the terminal's size");
  return {};
}

}  // namespace acloud::sandbox
