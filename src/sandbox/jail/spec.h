// What a jail is made from, what runs in it, and what came of it: plain values, shared by the server, the
// spawner and each jail's init.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace acloud::sandbox::jail {

// Zero means "no limit" where it says so; what the machine can't enforce, Report names.
struct Limits {
  std::uint64_t memory_bytes = 2ULL << 30;  // of processes and of the page cache of their files; 0: none
  double cpus = 0;                          // processors' worth of time; 0: as many as there are
  unsigned cpu_weight = 100;                // share beside neighbours when time is short, 1 to 10,000
  unsigned processes = 512;                 // and threads; init is one of them
  unsigned open_files = 4096;               // of each process
  std::uint64_t disk_bytes = 4ULL << 30;    // what is written into the root; fixed when the jail is made
  std::uint64_t disk_inodes = 262'144;      // likewise
  bool operator==(const Limits&) const = default;
};

// The read-only part of the root, as overlayfs stacks it. Files in layers carry the ids that they have
// inside (root is 0), and are shown so in every jail.
struct Image {
  std::vector<std::string> layers;  // absolute folders on the host, topmost first, at most 64; may be empty
  bool host_usr = true;             // the host's /usr, read-only, over whatever the layers have there
};

// A folder, file or socket of the host that the jail sees.
struct Bind {
  std::string source;  // absolute, on the host
  std::string target;  // absolute, in the jail; made where it is missing
  bool read_only = true;
};

struct Spec {
  std::string id;  // names the jail on this host: 1 to 64 of [a-z0-9_-]
  Image image;
  Limits limits;
  std::vector<Bind> binds;           // at most 64, mounted in this order
  std::string hostname = "sandbox";  // 1 to 63 of [a-zA-Z0-9.-]
  // How long the jail goes on after its server has died without a new one having attached.
  std::chrono::seconds orphan_grace{600};
};

struct Window {
  std::uint16_t rows = 24;
  std::uint16_t columns = 80;
};

// A program to run. `argv`, `env` and `cwd` together may take 128 KiB.
struct Command {
  std::vector<std::string> argv;  // argv[0] is searched in the PATH of `env` where it has no slash
  std::vector<std::pair<std::string, std::string>> env;  // the whole environment: nothing is inherited
  std::string cwd = "/";
  std::uint32_t uid = 0;  // inside; below 65,535. Only 0 where Report::one_user
  std::uint32_t gid = 0;
  enum class Stdio { null, pipes, pty } stdio = Stdio::pipes;
  Window window;  // of the pty
  // Whatever a later server wants to know of it again; nobody inside sees it.
  std::string label;
};

// Whom a signal reaches.
enum class Scope : std::uint8_t {
  process,  // the program alone
  group,    // its process group, as a terminal's Ctrl-C
  tree,     // all that it started, whatever they did to leave; only SIGKILL
};

struct Exit {
  int code = 0;    // 0 to 255, if `signal` is 0
  int signal = 0;  // that ended it
  std::chrono::microseconds cpu_time{};
  std::uint64_t peak_memory_bytes = 0;
  // As shells report it: 128 + signal.
  int shell_code() const { return signal ? 128 + signal : code; }
};

struct Stats {
  std::uint64_t memory_bytes = 0;  // without page cache that can be dropped
  std::uint64_t memory_peak_bytes = 0;
  std::uint64_t oom_kills = 0;
  std::chrono::microseconds cpu_time{};
  std::uint64_t processes = 0;
  std::uint64_t disk_bytes = 0;
  std::uint64_t disk_inodes = 0;
};

}  // namespace acloud::sandbox::jail
