// The requests and replies of product `sandbox`.
#pragma once

#include "base/schema.h"
#include "kernel/page.h"
#include "sandbox/egress/egress_types.h"

namespace acloud::sandbox {

// 1 to 4,096 bytes without NUL. One that does not begin with '/' counts from the home folder, /root.
bool is_path(std::string_view text);
inline constexpr std::string_view kPathRule = "1 to 4096 bytes without NUL";
// Three or four octal digits.
bool is_mode(std::string_view text);
inline constexpr std::string_view kModeRule = "three or four octal digits such as 755";
inline constexpr std::string_view kHome = "/root";

struct SandboxLimits {
  ByteCount memory = gibibytes(2);
  double cpus = 0;
  std::int64_t processes = 512;
  std::int64_t open_files = 4096;
  ByteCount disk = gibibytes(4);
  std::int64_t disk_inodes = 262'144;
  static constexpr auto schema = fields(
      field("memory_bytes", &SandboxLimits::memory, "Memory of all its processes.",
            between(mebibytes(16), gibibytes(1 << 20))),
      field("cpus", &SandboxLimits::cpus, "Processors' worth of time; 0: as many as there are.",
            between(0, 4096)),
      field("processes", &SandboxLimits::processes, "Processes and threads.", between(8, 4'000'000)),
      field("open_files", &SandboxLimits::open_files, "Open files of each process.", between(16, 1'000'000)),
      field("disk_bytes", &SandboxLimits::disk, "What it may write.",
            between(mebibytes(16), gibibytes(1 << 20))),
      field("disk_inodes", &SandboxLimits::disk_inodes,
            "Files and folders it may make; at most one for 4 KiB of disk.", between(1024, 1'000'000'000)));
};

enum class SandboxState { running, paused };
constexpr auto enum_names(SandboxState) {
  return std::array<std::pair<SandboxState, std::string_view>, 2>{
      {{SandboxState::running, "running"}, {SandboxState::paused, "paused"}}};
}

// What a sandbox that was stopped, or a copy of one, still has of what was there.
enum class Kept { memory, files };
constexpr auto enum_names(Kept) {
  return std::array<std::pair<Kept, std::string_view>, 2>{{{Kept::memory, "memory"}, {Kept::files, "files"}}};
}

struct CreateSandbox {
  std::string image = "base";
  std::chrono::seconds idle_timeout{300};
  std::optional<std::chrono::seconds> deadline;
  std::map<std::string, std::string> env;
  std::map<std::string, std::string> metadata;
  SandboxLimits limits;
  Egress egress;
  Kept keeps_idle = Kept::memory;
  static constexpr auto schema = fields(
      field(
          "image", &CreateSandbox::image,
          "What its files are at first: an image, a snapshot or a template. \"base\" has bash, coreutils and "
          "python3.",
          length(1, 64)),
      field("idle_timeout_s", &CreateSandbox::idle_timeout,
            "Paused after this long without a call; the next one resumes it.",
            between(std::chrono::seconds(1), std::chrono::hours(24))),
      field("deadline_s", &CreateSandbox::deadline,
            "Killed after this long, whatever it does. Absent: never.",
            between(std::chrono::seconds(1), std::chrono::hours(24 * 365))),
      field("env", &CreateSandbox::env, "Environment of every command."),
      field("metadata", &CreateSandbox::metadata, "Words of the caller's own, by which list finds it."),
      field("limits", &CreateSandbox::limits, "What it may use."),
      field("egress", &CreateSandbox::egress, "What of the network it may reach: at first nothing."),
      field("keeps_idle", &CreateSandbox::keeps_idle,
            "What is kept of it when it is paused for being idle: \"memory\", so that its programs go on "
            "afterwards, or \"files\" alone, so that they end and take up no memory."));
};

struct SandboxUsage {
  ByteCount memory, memory_peak, disk;
  double cpu_s = 0;
  std::int64_t processes = 0;
  std::int64_t disk_inodes = 0;
  std::int64_t oom_kills = 0;
  static constexpr auto schema =
      fields(field("memory_bytes", &SandboxUsage::memory, "In use now, without cache that can be dropped."),
             field("memory_peak_bytes", &SandboxUsage::memory_peak, "The most so far."),
             field("cpu_s", &SandboxUsage::cpu_s, "Seconds of processor time so far."),
             field("processes", &SandboxUsage::processes, "Now."),
             field("disk_bytes", &SandboxUsage::disk, "Written and still there."),
             field("disk_inodes", &SandboxUsage::disk_inodes, "Files and folders made and still there."),
             field("oom_kills", &SandboxUsage::oom_kills, "Processes that were killed for want of memory."));
};

struct SandboxInfo {
  std::string id;
  SandboxState state = SandboxState::running;
  std::string image;
  Time created{};
  std::chrono::seconds idle_timeout{};
  std::optional<Time> deadline;
  std::map<std::string, std::string> metadata;
  SandboxLimits limits;
  Egress egress;
  std::optional<Kept> kept;
  std::optional<SandboxUsage> usage;
  std::optional<std::vector<std::string>> not_enforced;
  static constexpr auto schema = fields(
      field("id", &SandboxInfo::id, "Names it in every other call.", example("\"sbx_00c1d2e3f4a5b6c7d8e9\"")),
      field("state", &SandboxInfo::state, "A paused one is frozen; the next use resumes it."),
      field("image", &SandboxInfo::image, "What its files were at first."),
      field("created", &SandboxInfo::created, "When it was made."),
      field("idle_timeout_s", &SandboxInfo::idle_timeout, "Paused after this long without a call."),
      field("deadline", &SandboxInfo::deadline, "When it will be killed."),
      field("metadata", &SandboxInfo::metadata, "The caller's own words."),
      field("limits", &SandboxInfo::limits, "What it may use."),
      field("egress", &SandboxInfo::egress, "What of the network it may reach."),
      field("kept", &SandboxInfo::kept,
            "Of a paused one, and in the reply to pause and resume: \"memory\" where it goes on in the "
            "middle of what it did, \"files\" where its programs were ended."),
      field("usage", &SandboxInfo::usage, "What it uses; in get alone."),
      field("not_enforced", &SandboxInfo::not_enforced,
            "Limits and walls that this server's kernel and privileges can't enforce, each with the reason; "
            "in get alone."));
};

struct IsolationRequest {
  static constexpr auto schema = fields();
};

struct Wall {
  std::string name;
  bool enforced = false;
  std::string how;
  static constexpr auto schema =
      fields(field("name", &Wall::name, "A limit or a wall, as docs/security.md names it."),
             field("enforced", &Wall::enforced, "Whether this server keeps to it."),
             field("how", &Wall::how, "By what; or why not, and what to do."));
};

struct Isolation {
  bool available = false;
  std::optional<std::string> problem;
  std::string kind = "jail";
  bool as_root = false;
  std::vector<Wall> features;
  static constexpr auto schema = fields(
      field("available", &Isolation::available, "Whether sandboxes can be made here."),
      field("problem", &Isolation::problem, "Why not."),
      field("kind", &Isolation::kind, "What they are: jails, or containers of the runtime that it names."),
      field("as_root", &Isolation::as_root,
            "The server has root's rights, so that each sandbox has users of its own on the host."),
      field("features", &Isolation::features, "Limits and walls, each with what enforces it."));
};

struct SandboxName {
  std::string id;
  static constexpr auto schema = fields(field("id", &SandboxName::id, "Which one.", required, length(1, 64)));
};

struct PauseSandbox {
  std::string id;
  Kept keep = Kept::memory;
  static constexpr auto schema =
      fields(field("id", &PauseSandbox::id, "Which one.", required, length(1, 64)),
             field("keep", &PauseSandbox::keep,
                   "\"memory\": its programs are frozen where they are, and go on when it is resumed. "
                   "\"files\": they are killed, and take up no memory."));
};

struct SetTimeout {
  std::string id;
  std::optional<std::chrono::seconds> deadline, idle_timeout;
  static constexpr auto schema =
      fields(field("id", &SetTimeout::id, "Which one.", required, length(1, 64)),
             field("deadline_s", &SetTimeout::deadline,
                   "Killed this long from now, in place of what was said before. Absent: as it was.",
                   between(std::chrono::seconds(0), std::chrono::hours(24 * 365))),
             field("idle_timeout_s", &SetTimeout::idle_timeout,
                   "Paused after this long without a call. Absent: as it was.",
                   between(std::chrono::seconds(1), std::chrono::hours(24))));
};

struct SetEgress {
  std::string id;
  Egress egress;
  static constexpr auto schema =
      fields(field("id", &SetEgress::id, "Which one.", required, length(1, 64)),
             field("egress", &SetEgress::egress, "In place of all that was said before.", required));
};

struct ListSandboxes {
  std::optional<SandboxState> state;
  std::map<std::string, std::string> metadata;
  std::int64_t limit = kernel::kPageDefault;
  std::optional<std::string> cursor;
  static constexpr auto schema =
      fields(field("state", &ListSandboxes::state, "Only those in this state."),
             field("metadata", &ListSandboxes::metadata, "Only those whose metadata has all of these."),
             field("limit", &ListSandboxes::limit, "Items on a page.", between(1, kernel::kPageMost)),
             field("cursor", &ListSandboxes::cursor, "next_cursor of the page before."));
};

struct SandboxList {
  std::vector<SandboxInfo> items;
  std::optional<std::string> next_cursor;
  static constexpr auto schema = fields(
      field("items", &SandboxList::items, "Sandboxes by id."),
      field("next_cursor", &SandboxList::next_cursor, "Where the next page begins; absent on the last."));
};

struct Execute {
  std::string id;
  std::variant<std::string, std::vector<std::string>> command;
  std::optional<std::string> cwd;
  std::map<std::string, std::string> env;
  std::string user = "root";
  std::optional<std::string> input;
  std::chrono::milliseconds timeout{600'000};
  static constexpr auto schema = fields(
      field("id", &Execute::id, "Where.", required, length(1, 64)),
      field("command", &Execute::command,
            "A string is run by /bin/bash -lc; an array as it is: program and arguments.", required),
      field("cwd", &Execute::cwd, "The folder to run in. Absent: the user's home.", form(is_path, kPathRule)),
      field("env", &Execute::env, "Environment, beside the sandbox's own."),
      field("user", &Execute::user, "Name or number of the user to run as.", length(1, 64)),
      field("stdin", &Execute::input, "What the command reads. Absent: nothing."),
      field("timeout_s", &Execute::timeout, "Killed with all that it started after this long.",
            between(std::chrono::milliseconds(1), std::chrono::hours(24))));
};

struct Executed {
  std::int64_t exit_code = 0;
  std::string out;
  std::string err;
  bool out_truncated = false;
  bool err_truncated = false;
  double cpu_s = 0;
  static constexpr auto schema = fields(
      field("exit_code", &Executed::exit_code, "As shells have it: 128 + N where signal N ended it."),
      field("stdout", &Executed::out, "What it wrote there."),
      field("stderr", &Executed::err, "What it wrote there."),
      field("stdout_truncated", &Executed::out_truncated, "More was written than is shown: the first 4 MiB."),
      field("stderr_truncated", &Executed::err_truncated, "Likewise."),
      field("cpu_s", &Executed::cpu_s, "Seconds of processor time."));
};

}  // namespace acloud::sandbox
