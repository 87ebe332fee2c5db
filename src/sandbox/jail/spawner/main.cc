// The spawner as a program: static and small, since every jail's init is a fork of it. It is a part of the
// server's own file, and is started with its socket to the server as standard input. In containers it is
// init, too.
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <csignal>
#include <nlohmann/json.hpp>

#include "sandbox/jail/init/contained.h"
#include "sandbox/jail/kernel/syscalls.h"
#include "sandbox/jail/protocol.h"
#include "sandbox/jail/spawner/spawner.h"

int main(int count, char** arguments) {
  using namespace acloud::sandbox::jail;
  ::signal(SIGPIPE, SIG_IGN);
  if (count == 2 && std::string_view(arguments[1]) == "init") return run_contained_init();
  ::prctl(PR_SET_NAME, "acloud-spawner", 0, 0, 0);  // it was started by a descriptor's number
  // The server is running when it starts us: what it had open at that moment is not ours to keep open.
  ::close_range(3, ~0u, 0);
  Fd server(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3));
  const Fd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  ::dup2(null.get(), STDIN_FILENO);
  pollfd waiting{server.get(), POLLIN, 0};
  ::poll(&waiting, 1, -1);
  auto first = receive(server.get());
  if (!first || !*first) return 2;
  const auto start = decode<Start>((*first)->bytes);
  if (!start) return 2;
  auto spawner = Spawner::start(*start, Fd(::fcntl(server.get(), F_DUPFD_CLOEXEC, 3)));
  if (!spawner) {
    (void)send(server.get(), encode_error(spawner.error()));
    return 1;
  }
  const nlohmann::json report = spawner->report();
  if (!send(server.get(), encode(Ready{report.dump()}))) return 1;
  server.reset();
  spawner->run();
  return 0;
}
