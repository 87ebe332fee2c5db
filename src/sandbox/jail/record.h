// What a jail leaves in its folder for those who come after: `record`, a JSON object, and `init`, the socket
// on which its init listens.
#pragma once

#include <sys/types.h>

#include <string>

#include "base/error.h"
#include "sandbox/jail/fd.h"
#include "sandbox/jail/spec.h"

namespace acloud::sandbox::jail {

struct Record {
  std::uint32_t first_id = 0;  // the host's number for root inside
  std::uint32_t slot = 0;
  Limits limits;
  std::string group;  // its cgroups' name
};

// Not synced: a jail doesn't outlive its machine. One that is there is replaced whole or not at all.
Result<> write_record(const std::string& folder, const Record& record);
// Errors: not_found; internal (not a record).
Result<Record> read_record(const std::string& folder);

// Jails that are made ahead lie beside the others, in folders whose names are no ids: a dot and the group.
inline std::string spare_name(const std::string& group) { return "." + group; }
inline bool is_spare(std::string_view name) { return name.starts_with('.'); }
// The name of the cgroups of what lies in `folder`, where a record may be missing.
std::string group_of(const std::string& folder);

// "acloud-" and 16 hex digits made of the text.
std::string short_name(std::string_view text);
// Of the parent of all cgroups of the jails in `folder`, a canonical path.
std::string cgroup_name(const std::string& folder);

// 1 to 64 of [a-z0-9_-].
bool is_jail_id(std::string_view id);

// The socket, bound in `folder`, not yet listening.
Result<Fd> bind_socket(const std::string& folder);

// A live init, found by its socket. The kernel says who listens, so a number used again can't mislead.
struct Survivor {
  Fd socket;  // connected to it
  Fd init;    // pidfd
  pid_t pid = -1;
};
// Errors: not_found (there is none, or it is dead); unavailable (descriptors have run out).
Result<Survivor> connect_init(const std::string& folder);

}  // namespace acloud::sandbox::jail
