#include "sandbox/jail/kernel/cgroup.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "sandbox/jail/kernel/syscalls.h"

namespace acloud::sandbox::jail {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kPeriod = 100'000;  // µs over which a quota of processor time is counted

struct Mount {
  std::string folder, type, options;
};

// Each hierarchy once, where it was mounted first: what comes later is a copy for somebody else (a chroot,
// say) and may go at any time.
std::vector<Mount> cgroup_mounts() {
  std::vector<Mount> mounts;
  std::ifstream file("/proc/self/mounts");
  std::string source, folder, type, options, rest;
  while (file >> source >> folder >> type >> options && std::getline(file, rest)) {
    if (type != "cgroup" && type != "cgroup2") continue;
    const bool known = std::ranges::any_of(
        mounts, [&](const Mount& mount) { return mount.type == type && mount.options == options; });
    if (!known) mounts.push_back({folder, type, options});
  }
  return mounts;
}

bool has_word(std::string_view list, char separator, std::string_view word) {
  while (!list.empty()) {
    const std::size_t end = std::min(list.find(separator), list.size());
    if (list.substr(0, end) == word) return true;
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return false;
}

std::uint64_t number_in(const std::string& path, std::string_view key = {}) {
  const Result<std::string> text = read_file(AT_FDCWD, path);
  if (!text) return 0;
  std::istringstream lines(*text);
  std::string name;
  std::uint64_t value = 0;
  if (key.empty()) return lines >> value ? value : 0;
  while (lines >> name >> value) {
    if (name == key) return value;
  }
  return 0;
}

Result<> write(const std::string& path, std::string_view text) { return write_file(AT_FDCWD, path, text); }

// Init and its helpers need some memory before a limit is of use.
std::uint64_t memory_limit(const Limits& limits) {
  return std::max<std::uint64_t>(limits.memory_bytes, 4 << 20);
}

Result<> limit_memory(bool v2, const std::string& group, const Limits& limits) {
  if (v2) {
    ACLOUD_CHECK(
        write(group + "/memory.max", limits.memory_bytes ? fmt::to_string(memory_limit(limits)) : "max"));
    if (fs::exists(group + "/memory.swap.max")) return write(group + "/memory.swap.max", "0");
    return {};
  }
  const std::string value = limits.memory_bytes ? fmt::to_string(memory_limit(limits)) : "-1";
  const std::string plain = group + "/memory.limit_in_bytes",
                    with_swap = group + "/memory.memsw.limit_in_bytes";
  if (!fs::exists(with_swap)) return write(plain, value);
  // The sum with swap may never be the smaller one, so the order depends on whether the limit grows.
  if (write(plain, value)) return write(with_swap, value);
  ACLOUD_CHECK(write(with_swap, value));
  ACLOUD_CHECK(write(plain, value));
  return write(with_swap, value);
}

// What a new group has anyway is not written into one: of a quota all processors are told.
Result<> limit_cpu(bool v2, const std::string& group, const Limits& limits, bool fresh) {
  const unsigned weight = std::clamp(limits.cpu_weight, 1u, 10'000u);
  const auto quota = static_cast<std::uint64_t>(std::llround(std::max(limits.cpus, 0.01) * kPeriod));
  const bool weighs = !fresh || weight != Limits{}.cpu_weight, capped = !fresh || limits.cpus > 0;
  if (v2) {
    if (weighs) ACLOUD_CHECK(write(group + "/cpu.weight", fmt::to_string(weight)));
    if (!capped) return {};
    return write(group + "/cpu.max", limits.cpus > 0 ? fmt::format("{} {}", quota, kPeriod) : "max");
  }
  if (weighs) ACLOUD_CHECK(write(group + "/cpu.shares", fmt::to_string(std::max(weight * 1024 / 100, 2u))));
  if (!capped || !fs::exists(group + "/cpu.cfs_quota_us")) return {};
  return write(group + "/cpu.cfs_quota_us", limits.cpus > 0 ? fmt::to_string(quota) : "-1");
}

// Removes a group and those below it. ENOENT is fine: it is what is wanted.
bool remove_tree(const fs::path& group) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(group, error)) {
    if (entry.is_directory(error)) remove_tree(entry.path());
  }
  return ::rmdir(group.c_str()) == 0 || errno == ENOENT;
}

std::vector<fs::path> groups_below(const fs::path& group) {
  std::vector<fs::path> groups;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(group, error)) {
    if (entry.is_directory(error)) groups.push_back(entry.path());
  }
  return groups;
}

bool is_populated(const fs::path& group) { return number_in(group / "cgroup.events", "populated") != 0; }

}  // namespace

Cgroups Cgroups::find_for_reading(const std::string& name) {
  Cgroups cgroups;
  for (const Mount& mount : cgroup_mounts()) {
    const std::string parent = mount.folder + "/" + name;
    if (::access(parent.c_str(), F_OK) != 0) continue;
    const auto take = [&](Controller& controller, std::string_view controller_name, bool there,
                          Version version) {
      if (controller.version == Version::none && there && !controller_name.empty())
        controller = {version, parent};
    };
    if (mount.type == "cgroup2") {
      cgroups.unified_ = parent;
      const std::string enabled = read_file(AT_FDCWD, parent + "/cgroup.subtree_control").value_or("");
      const std::string words = enabled.substr(0, enabled.find('\n'));
      take(cgroups.memory_, "memory", has_word(words, ' ', "memory"), Version::v2);
      take(cgroups.cpu_, "cpu", has_word(words, ' ', "cpu"), Version::v2);
      take(cgroups.pids_, "pids", has_word(words, ' ', "pids"), Version::v2);
    } else {
      take(cgroups.memory_, "memory", has_word(mount.options, ',', "memory"), Version::v1);
      take(cgroups.cpu_, "cpu", has_word(mount.options, ',', "cpu"), Version::v1);
      take(cgroups.pids_, "pids", has_word(mount.options, ',', "pids"), Version::v1);
      take(cgroups.freezer_, "freezer", has_word(mount.options, ',', "freezer"), Version::v1);
    }
  }
  // The freezer of v2 thaws for SIGKILL and says when it is done: use no other beside it.
  if (!cgroups.unified_.empty()) cgroups.freezer_ = {Version::v2, cgroups.unified_};
  return cgroups;
}

Cgroups Cgroups::find(const std::string& name) {
  std::vector<std::string> made;
  for (const Mount& mount : cgroup_mounts()) {
    const bool used =
        mount.type == "cgroup2" ||
        std::ranges::any_of(std::array{"memory", "cpu", "pids", "freezer"},
                            [&](const char* controller) { return has_word(mount.options, ',', controller); });
    const std::string parent = mount.folder + "/" + name;
    if (!used || (::mkdir(parent.c_str(), 0755) != 0 && errno != EEXIST) ||
        ::access(parent.c_str(), W_OK) != 0)
      continue;
    made.push_back(parent);
    if (mount.type != "cgroup2") continue;
    for (const char* controller : {"+memory", "+cpu", "+pids"}) {
      // Each by itself: one that v1 has taken, or that was not delegated, must not keep the others away.
      (void)write(mount.folder + "/cgroup.subtree_control", controller);
      (void)write(parent + "/cgroup.subtree_control", controller);
    }
  }
  Cgroups cgroups = find_for_reading(name);
  // What another hierarchy does better is not used: v1's freezer beside v2.
  const std::vector<std::string> used = cgroups.parents();
  for (const std::string& parent : made) {
    if (std::ranges::find(used, parent) == used.end()) ::rmdir(parent.c_str());
  }
  return cgroups;
}

Cgroups::Version Cgroups::freezer() const { return freezer_.version; }

std::vector<std::string> Cgroups::parents() const {
  std::vector<std::string> all;
  for (const std::string& parent : {unified_, memory_.parent, cpu_.parent, pids_.parent, freezer_.parent}) {
    if (!parent.empty() && std::ranges::find(all, parent) == all.end()) all.push_back(parent);
  }
  return all;
}

Result<> Cgroups::make(const std::string& id, const Limits& limits, std::uint32_t owner) const {
  const auto made = [&]() -> Result<> {
    for (const std::string& parent : parents()) {
      const std::string group = parent + "/" + id;
      if (::mkdir(group.c_str(), 0755) != 0)
        return fail_errno(errno, fmt::format("cannot make cgroup {}", group));
    }
    if (!unified_.empty()) {
      const std::string group = unified_ + "/" + id;
      // Init moves programs from its own group into ones that it makes: it needs the files of both.
      for (const char* file : {"", "/cgroup.procs"}) {
        if (::chown((group + file).c_str(), owner, owner) != 0)
          return fail_errno(errno, "cannot hand over a cgroup");
      }
    }
    return write_limits(id, limits, true);
  }();
  if (!made) (void)remove(id);
  return made;
}

Result<> Cgroups::write_limits(const std::string& id, const Limits& limits, bool fresh) const {
  if (memory_.version != Version::none) {
    ACLOUD_CHECK(limit_memory(memory_.version == Version::v2, memory_.parent + "/" + id, limits));
  }
  if (cpu_.version != Version::none) {
    ACLOUD_CHECK(limit_cpu(cpu_.version == Version::v2, cpu_.parent + "/" + id, limits, fresh));
  }
  if (pids_.version != Version::none) {
    ACLOUD_CHECK(write(pids_.parent + "/" + id + "/pids.max",
                       limits.processes ? fmt::to_string(limits.processes) : std::string("max")));
  }
  return {};
}

Result<> Cgroups::set_limits(const std::string& id, const Limits& limits) const {
  return write_limits(id, limits, false);
}

Result<std::optional<Fd>> Cgroups::open_unified(const std::string& id) const {
  if (unified_.empty()) return std::nullopt;
  ACLOUD_TRY(Fd group, open_file(AT_FDCWD, unified_ + "/" + id, O_RDONLY | O_DIRECTORY));
  return std::optional(std::move(group));
}

// By `tasks`: a thread that moves itself waits for nobody, while `cgroup.procs` has every processor of the
// machine, and with it everybody who makes a process or a group, wait.
Result<> Cgroups::enter_v1(const std::string& id) const {
  for (const std::string& parent : parents()) {
    if (parent != unified_) ACLOUD_CHECK(write(parent + "/" + id + "/tasks", "0"));
  }
  return {};
}

Result<> Cgroups::freeze(const std::string& id, bool frozen) const {
  const std::string group = freezer_.parent + "/" + id;
  if (freezer_.version == Version::v2) return write(group + "/cgroup.freeze", frozen ? "1" : "0");
  if (freezer_.version == Version::v1) return write(group + "/freezer.state", frozen ? "FROZEN" : "THAWED");
  return fail(ErrorCode::precondition_failed, "this machine has no cgroup freezer that the server may use");
}

Result<bool> Cgroups::is_frozen(const std::string& id) const {
  const std::string group = freezer_.parent + "/" + id;
  if (freezer_.version == Version::v2) return number_in(group + "/cgroup.events", "frozen") == 1;
  if (freezer_.version == Version::none) return false;
  ACLOUD_TRY(const std::string state, read_file(AT_FDCWD, group + "/freezer.state"));
  return state.starts_with("FROZEN");
}

Result<Fd> Cgroups::open_events(const std::string& id) const {
  return open_file(AT_FDCWD, freezer_.parent + "/" + id + "/cgroup.events", O_RDONLY);
}

Result<> Cgroups::kill_programs(const std::string& id) const {
  if (unified_.empty())
    return fail(ErrorCode::precondition_failed, "to end all programs of a sandbox, cgroup v2 is needed");
  for (const fs::path& group : groups_below(unified_ + "/" + id)) {
    // One that was made ahead must not be killed while it is empty: Linux then kills the first that is cloned
    // into it from another, since their counts of kills differ (kill_seq).
    if (!is_populated(group)) continue;
    const Result<> killed = write(group / "cgroup.kill", "1");
    if (!killed && ::access(group.c_str(), F_OK) == 0) return killed;
  }
  return {};
}

bool Cgroups::has_programs(const std::string& id) const {
  return std::ranges::any_of(groups_below(unified_ + "/" + id), is_populated);
}

Result<> Cgroups::remove(const std::string& id) const {
  if (!unified_.empty()) {
    const Result<> killed = write(unified_ + "/" + id + "/cgroup.kill", "1");  // from Linux 5.14
    (void)killed;  // the group may be gone; if it is not, rmdir says so
  } else {
    // Without v2 one by one, until a later try finds none: they are dying, and can't have children elsewhere.
    for (const std::string& parent : parents()) {
      std::ifstream members(parent + "/" + id + "/cgroup.procs");
      for (pid_t pid = 0; members >> pid;) ::kill(pid, SIGKILL);
    }
  }
  for (const std::string& parent : parents()) {
    if (!remove_tree(parent + "/" + id))
      return fail_errno(EAGAIN, fmt::format("cgroup {} of {} is busy", id, parent));
  }
  return {};
}

void Cgroups::remove_parents() const {
  for (const std::string& parent : parents()) ::rmdir(parent.c_str());  // fails where it holds a group
}

std::vector<std::string> Cgroups::list() const {
  std::vector<std::string> names;
  for (const std::string& parent : parents()) {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(parent, error)) {
      if (entry.is_directory(error)) names.push_back(entry.path().filename());
    }
  }
  std::ranges::sort(names);
  names.erase(std::ranges::unique(names).begin(), names.end());
  return names;
}

void Cgroups::read_stats(const std::string& id, Stats& stats) const {
  const std::string memory = memory_.parent + "/" + id, pids = pids_.parent + "/" + id;
  const bool v2 = memory_.version == Version::v2;
  if (memory_.version != Version::none) {
    const std::uint64_t used = number_in(memory + (v2 ? "/memory.current" : "/memory.usage_in_bytes"));
    const std::uint64_t cache =
        number_in(memory + "/memory.stat", v2 ? "inactive_file" : "total_inactive_file");
    stats.memory_bytes = used - std::min(used, cache);
    stats.memory_peak_bytes = number_in(memory + (v2 ? "/memory.peak" : "/memory.max_usage_in_bytes"));
    stats.oom_kills = number_in(memory + (v2 ? "/memory.events" : "/memory.oom_control"), "oom_kill");
  }
  if (pids_.version != Version::none) stats.processes = number_in(pids + "/pids.current");
  // v2 counts processor time in every group, even where v1 has the controller.
  if (!unified_.empty()) {
    stats.cpu_time = std::chrono::microseconds(number_in(unified_ + "/" + id + "/cpu.stat", "usage_usec"));
  }
}

}  // namespace acloud::sandbox::jail
