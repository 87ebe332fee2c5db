// The messages. Each names its kind and, in a comment, the descriptors that travel with it.
#pragma once

#include "sandbox/jail/spec.h"
#include "sandbox/jail/wire.h"

namespace acloud::sandbox::jail {

template <class Archive>
void visit(Archive& archive, Limits& value) {
  archive(value.memory_bytes, value.cpus, value.cpu_weight, value.processes, value.open_files,
          value.disk_bytes, value.disk_inodes);
}
template <class Archive>
void visit(Archive& archive, Image& value) {
  archive(value.layers, value.host_usr);
}
template <class Archive>
void visit(Archive& archive, Bind& value) {
  archive(value.source, value.target, value.read_only);
}
template <class Archive>
void visit(Archive& archive, Spec& value) {
  archive(value.id, value.image, value.limits, value.binds, value.hostname, value.orphan_grace);
}
template <class Archive>
void visit(Archive& archive, Window& value) {
  archive(value.rows, value.columns);
}
template <class Archive>
void visit(Archive& archive, Command& value) {
  archive(value.argv, value.env, value.cwd, value.uid, value.gid, value.stdio, value.window, value.label);
}
template <class Archive>
void visit(Archive& archive, Exit& value) {
  archive(value.code, value.signal, value.cpu_time, value.peak_memory_bytes);
}

// --- To the spawner ---------------------------------------------------------------------------------

// The first message. Answered by Ready on the same socket.
struct Start {
  static constexpr char kKind = 'S';
  std::string folder;
  std::uint32_t prepared = 0;
  bool as_root = true;
  std::string runtime;  // the name of an OCI runtime's program; "": jails of our own
};
template <class Archive>
void visit(Archive& archive, Start& value) {
  archive(value.folder, value.prepared, value.as_root, value.runtime);
}

// What every jail of this spawner shares.
struct Ready {
  static constexpr char kKind = 'R';
  std::string report;  // JSON
};
template <class Archive>
void visit(Archive& archive, Ready& value) {
  archive(value.report);
}

// [reply, which becomes the jail's control socket]: answered by Hello or Failure.
struct Create {
  static constexpr char kKind = 'C';
  Spec spec;
};
template <class Archive>
void visit(Archive& archive, Create& value) {
  archive(value.spec);
}

// [a jail's root folder, its upper folder]: the server lets go of them. Whoever does so last frees the jail's
// disk, which takes long.
struct Release {
  static constexpr char kKind = 'U';
  std::string id, group;
};
template <class Archive>
void visit(Archive& archive, Release& value) {
  archive(value.id, value.group);
}

// [reply]: answered by Done or Failure.
struct Order {
  static constexpr char kKind = 'O';
  enum class What : std::uint8_t { destroy, freeze, thaw, set_limits } what = What::destroy;
  std::string id;
  Limits limits;  // of set_limits
};
template <class Archive>
void visit(Archive& archive, Order& value) {
  archive(value.what, value.id, value.limits);
}

struct Done {
  static constexpr char kKind = 'D';
};
template <class Archive>
void visit(Archive&, Done&) {}

struct Failure {
  static constexpr char kKind = 'F';
  ErrorCode code = ErrorCode::internal;
  std::string message;
};
template <class Archive>
void visit(Archive& archive, Failure& value) {
  archive(value.code, value.message);
}

// --- Between the spawner and its makers -----------------------------------------------------------------

// [nothing, or what Release brings]: removes the cgroups of a jail that has ended, then its folder, which has
// the name of a spare one by then. Not answered.
struct Bury {
  static constexpr char kKind = 'Y';
  std::string group;  // "": there is nothing but the descriptors
};
template <class Archive>
void visit(Archive& archive, Bury& value) {
  archive(value.group);
}

// Prepares what the jail of the next Make is made of. Not answered.
struct Stock {
  static constexpr char kKind = 'Q';
  std::uint32_t slot = 0;
};
template <class Archive>
void visit(Archive& archive, Stock& value) {
  archive(value.slot);
}

// [the jail's control socket]: answered by Made or Failure, after which nothing of it is left.
struct Make {
  static constexpr char kKind = 'M';
  Spec spec;
  std::string name;   // of its folder
  std::string group;  // of its cgroups
};
template <class Archive>
void visit(Archive& archive, Make& value) {
  archive(value.spec, value.name, value.group);
}

// Init is on its way. [its pidfd, a pipe that brings "ok" or a Failure]
struct Made {
  static constexpr char kKind = 'N';
  std::int32_t pid = 0;
};
template <class Archive>
void visit(Archive& archive, Made& value) {
  archive(value.pid);
}

// --- From the spawner to the init of a container --------------------------------------------------------

// [the jail's control socket, init's listening socket, the upper folder, the jail's folder of cgroup v2 where
// there is one]: what a forked init would have had from the start. Answered by Done or Failure.
struct Begin {
  static constexpr char kKind = 'B';
  Limits limits;
  std::chrono::seconds orphan_grace{};
  std::uint32_t first_id = 0;
  std::string group;  // the jail's cgroups
  bool landlock = false;
  std::vector<std::string> filters;  // for init and all that it starts: sock_filters as bytes
  std::string program_filter;        // for each program besides
};
template <class Archive>
void visit(Archive& archive, Begin& value) {
  archive(value.limits, value.orphan_grace, value.first_id, value.group, value.landlock, value.filters,
          value.program_filter);
}

// --- Between server and init ------------------------------------------------------------------------

// From init when the jail is made, or from the spawner when one made ahead is handed over. [root folder,
// pidfd of init, upper folder]
struct Hello {
  static constexpr char kKind = 'H';
  std::uint32_t first_id = 0;  // the host's number for root inside
  std::string group;           // its cgroups' name
};
template <class Archive>
void visit(Archive& archive, Hello& value) {
  archive(value.first_id, value.group);
}

// [the program's socket, its stdin, stdout, stderr, the server's ends of these]: the last six with
// Stdio::pipes alone. The program's socket answers Started or Failure, later Ended, and takes Signal,
// CloseInput and Forget.
struct Execute {
  static constexpr char kKind = 'X';
  Command command;
};
template <class Archive>
void visit(Archive& archive, Execute& value) {
  archive(value.command);
}

// The process is there, and about to exec. [a pipe that ends when it has, or brings the Failure that kept it
// from it; the pty's master, with Stdio::pty]
struct Started {
  static constexpr char kKind = 'P';
  std::int32_t pid = 0;
};
template <class Archive>
void visit(Archive& archive, Started& value) {
  archive(value.pid);
}

struct Ended {
  static constexpr char kKind = 'E';
  Exit exit;
};
template <class Archive>
void visit(Archive& archive, Ended& value) {
  archive(value.exit);
}

struct Signal {
  static constexpr char kKind = 'K';
  std::int32_t number = 0;
  Scope scope = Scope::process;
};
template <class Archive>
void visit(Archive& archive, Signal& value) {
  archive(value.number, value.scope);
}

struct CloseInput {
  static constexpr char kKind = 'I';
};
template <class Archive>
void visit(Archive&, CloseInput&) {}

struct Forget {
  static constexpr char kKind = 'G';
};
template <class Archive>
void visit(Archive&, Forget&) {}

// [reply]: answered by Done [socket] or Failure.
struct Port {
  static constexpr char kKind = 'T';
  bool listen = false;
  std::uint16_t number = 0;
};
template <class Archive>
void visit(Archive& archive, Port& value) {
  archive(value.listen, value.number);
}

// From the spawner to the init of a jail that was made ahead: whose it is now. [its control socket]
struct Serve {
  static constexpr char kKind = 'V';
  Limits limits;
  std::chrono::seconds orphan_grace{};
};
template <class Archive>
void visit(Archive& archive, Serve& value) {
  archive(value.limits, value.orphan_grace);
}

// New limits for the programs that are started from now on.
struct Adjust {
  static constexpr char kKind = 'J';
  Limits limits;
};
template <class Archive>
void visit(Archive& archive, Adjust& value) {
  archive(value.limits);
}

// From a new server, on a new connection to init's socket: answered by one Kept for each program, then Done
// [root folder, upper folder].
struct Attach {
  static constexpr char kKind = 'A';
};
template <class Archive>
void visit(Archive&, Attach&) {}

// [the program's socket, then those that `ends` names, in its order]
struct Kept {
  static constexpr char kKind = 'L';
  Command command;
  std::int32_t pid = 0;
  std::string ends;  // of 'i', 'o', 'e' and 'p': which of the server's ends are there
};
template <class Archive>
void visit(Archive& archive, Kept& value) {
  archive(value.command, value.pid, value.ends);
}

// An Error as a message, and back.
inline std::string encode_error(const Error& error) { return encode(Failure{error.code(), error.message()}); }

}  // namespace acloud::sandbox::jail
