#include "cli/world.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <iostream>

extern char** environ;  // NOLINT: the name that POSIX gives it

namespace acloud::cli {
namespace {

// A signal handler has nothing but static state.
volatile sig_atomic_t interrupted = 0;
int interrupt_pipe[2] = {-1, -1};

void on_interrupt(int) {
  if (interrupted != 0) ::_exit(130);  // for one who waits for a full pipe, say
  interrupted = 1;
  (void)!::write(interrupt_pipe[1], "!", 1);
}

int watch_interrupts() {
  if (::pipe2(interrupt_pipe, O_CLOEXEC) != 0) return -1;
  struct sigaction action{};
  action.sa_handler = on_interrupt;
  ::sigaction(SIGINT, &action, nullptr);
  return interrupt_pipe[0];
}

}  // namespace

std::string World::variable(const std::string& name) const {
  const auto found = environment.find(name);
  return found == environment.end() ? "" : found->second;
}

std::string World::folder(const std::string& name, const std::string& fallback) const {
  // The XDG base directory specification: a relative path there is to be ignored.
  if (const std::string base = variable(name); base.starts_with('/')) return base + "/acloud";
  const std::string home = variable("HOME");
  return home.empty() ? "" : fmt::format("{}/{}/acloud", home, fallback);
}

World world_of_process(const Clock& clock, std::string data_folder, std::string version) {
  World world;
  world.out = &std::cout;
  world.err = &std::cerr;
  world.out_is_terminal = ::isatty(1) == 1;
  world.err_is_terminal = ::isatty(2) == 1;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const auto equals = text.find('=');
    if (equals != text.npos) world.environment.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  world.data_folder = std::move(data_folder);
  world.version = std::move(version);
  world.interrupt = watch_interrupts();
  world.clock = &clock;
  return world;
}

}  // namespace acloud::cli
