#include <csignal>

#include "sandbox/jail/connection.h"
#include "sandbox/jail/state.h"

namespace acloud::sandbox::jail {

Process::Process(std::unique_ptr<State> state) : state_(std::move(state)) {}

Process::~Process() {
  if (!state_->left) (void)send(state_->socket.get(), encode(Forget{}));
}

void Process::leave() { state_->left = true; }

int Process::pid() const { return state_->pid; }
const Command& Process::command() const { return state_->command; }

Result<> Process::signal(int number, Scope scope) {
  if (number < 1 || number >= NSIG) return fail(ErrorCode::invalid_argument, "there is no signal {}", number);
  if (scope == Scope::tree && number != SIGKILL) {
    return fail(ErrorCode::invalid_argument, "a whole tree can only be killed, not sent signal {}", number);
  }
  if (state_->ended && scope != Scope::tree)
    return fail(ErrorCode::not_found, "process {} has ended", state_->pid);
  return send(state_->socket.get(), encode(Signal{number, scope}));
}

Result<> Process::close_input() {
  input.reset();
  return send(state_->socket.get(), encode(CloseInput{}));
}

Task<Result<Exit>> Process::wait() {
  if (!state_->exit) {
    ACLOUD_CO_TRY(auto reply, co_await await_reply<Ended>(state_->socket.get()));
    state_->exit = reply.first.exit;
    state_->ended = true;
  }
  co_return *state_->exit;
}

}  // namespace acloud::sandbox::jail
