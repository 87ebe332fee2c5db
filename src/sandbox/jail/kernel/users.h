// User namespaces: who is who inside.
//
// A jail has two. The *outer* one owns its mounts, network, pids and all else: the host's own, or, without
// root, one that the spawner made for itself. The *inner* one is where programs live: root inside has his
// capabilities there alone, and since nothing belongs to the inner namespace, they are good for files and
// processes of the jail and for nothing else. Init stays in the outer one, without capabilities, as a user
// that is not mapped inside.
#pragma once

#include <cstdint>

#include "base/error.h"
#include "sandbox/jail/fd.h"

namespace acloud::sandbox::jail {

// The host's ids of one jail. With root: [first, first + 65,535) are the ids 0 to 65,534 inside, and
// first + 65,535 is init's. Without: one id, the server's own, for everything.
struct Users {
  std::uint32_t first = 0;
  std::uint32_t count = 1;
  std::uint32_t init = 0;
};

constexpr std::uint32_t kIdsPerJail = 65'536;
constexpr std::uint32_t kFirstJailId = 0x2000'0000;
constexpr std::uint32_t kSlots = 16'384;  // up to 0x6000'0000, above what distributions hand to people

// The ids of slot `slot`. REQUIRES: slot < kSlots.
Users users_of_slot(std::uint32_t slot);

// A user namespace with these ids, owned by `users.init`, in which no further namespace can be made.
// REQUIRES: one thread; `privileged` says whether the caller has root's rights in the outer namespace.
Result<Fd> make_inner_namespace(const Users& users, bool privileged);

// Makes the calling process root of a new outer user namespace, in which its own user is the only one.
Result<> enter_outer_namespace();

}  // namespace acloud::sandbox::jail
