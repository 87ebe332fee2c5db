// Process 1 of a jail: starts programs on the server's word, reaps everything, reports ends, and keeps the
// streams of running programs open over the server's death.
//
// Nobody inside can do anything to it: it is a user that they can't become, of a user namespace above
// theirs, not dumpable, and process 1, which gets no signal from inside. It holds no capability, so what it
// may do to them comes from one fact alone: that its user owns their user namespace.
//
// Made ahead, it has the spawner for its server, and no grace: it ends with him, until he says whom to serve.
//
// One thread, one epoll loop, nothing that blocks. It ends, and the kernel ends the jail with it, when no
// server has been connected for `orphan_grace`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "sandbox/jail/fd.h"
#include "sandbox/jail/kernel/seccomp.h"
#include "sandbox/jail/protocol.h"
#include "sandbox/jail/spec.h"

namespace acloud::sandbox::jail {

// The numbers of init's descriptors of the root folder and the root's upper folder, by which a server with
// root's rights has them from an init that is frozen (pidfd_getfd).
constexpr int kRootFolder = 100, kUpperFolder = 101;

struct InitParts {
  Fd control;                // to the server that made the jail
  Fd listener;               // where later servers connect
  Fd user_namespace;         // the inner one; empty: programs stay in init's own
  Fd proc;                   // a /proc; one that may be written, where user_namespace is there
  Fd written;                // the root's upper folder, for servers to come
  std::optional<Fd> cgroup;  // the jail's group in v2
  Limits limits;
  std::chrono::seconds orphan_grace{};
  bool has_groups = true;
  const Filter* filter = nullptr;  // for each program
};

// Closes every descriptor but these, and lets go of the streams.
Result<> close_all_but(std::vector<int> kept);
// Gives the folders their numbers, then tells the server that the jail is there.
Result<> say_hello(InitParts& parts, const Hello& hello);
// Serves until the end of the jail.
[[noreturn]] void run_init(InitParts parts);

}  // namespace acloud::sandbox::jail
