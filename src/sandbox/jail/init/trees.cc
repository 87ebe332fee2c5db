#include "sandbox/jail/init/trees.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <csignal>
#include <memory>
#include <set>
#include <sstream>
#include <vector>

#include "sandbox/jail/kernel/syscalls.h"

namespace acloud::sandbox::jail {
namespace {

constexpr int kPasses = 64;

struct Entry {
  pid_t pid = 0, parent = 0, session = 0;
};

std::vector<Entry> all_processes(int proc) {
  std::vector<Entry> entries;
  const int copy = ::openat(proc, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (copy < 0) return entries;
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::fdopendir(copy), ::closedir);
  while (const dirent* item = folder ? ::readdir(folder.get()) : nullptr) {
    const std::string name = item->d_name;
    if (name.empty() || name[0] < '1' || name[0] > '9') continue;
    const Result<std::string> text = read_file(proc, name + "/stat");
    if (!text) continue;  // gone meanwhile
    // "pid (name) state ppid pgrp session": the name may hold anything, also parentheses.
    const std::size_t end = text->rfind(')');
    if (end == std::string::npos) continue;
    Entry entry;
    entry.pid = std::atoi(name.c_str());
    pid_t group = 0;
    char state = 0;
    std::istringstream(text->substr(end + 1)) >> state >> entry.parent >> group >> entry.session;
    entries.push_back(entry);
  }
  return entries;
}

}  // namespace

void ProgramGroups::prepare() {
  if (!jail_ || !ready_.empty()) return;
  const std::string name = fmt::format("p{}", ++serial_);
  tried_ = ::mkdirat(jail_->get(), name.c_str(), 0755) != 0;
  if (!tried_) ready_ = name;
}

std::string ProgramGroups::take(Fd& folder) {
  prepare();
  if (ready_.empty()) return {};
  Result<Fd> opened = open_file(jail_->get(), ready_, O_RDONLY | O_DIRECTORY);
  if (!opened) return {};
  folder = *std::move(opened);
  return std::exchange(ready_, {});
}

bool ProgramGroups::kill(const std::string& name) const {
  return jail_ && !name.empty() && write_file(jail_->get(), name + "/cgroup.kill", "1");
}

bool ProgramGroups::remove(const std::string& name) const {
  return name.empty() || !jail_ || ::unlinkat(jail_->get(), name.c_str(), AT_REMOVEDIR) == 0 ||
         errno == ENOENT;
}

void end_family(int proc, pid_t root) {
  // Stopped first, so that nobody forks, or loses his parent, between two looks; killed when all are found.
  // One that was in the midst of a fork when it was stopped has its child a moment later: what has been
  // killed forks no more, so another look after that finds the last.
  std::set<pid_t> family{root};
  ::kill(root, SIGSTOP);
  bool killed = false;
  for (int pass = 0; pass < kPasses; ++pass) {
    const std::size_t before = family.size();
    for (const Entry& entry : all_processes(proc)) {
      if (entry.pid == 1 || !(family.contains(entry.parent) || entry.session == root)) continue;
      if (family.insert(entry.pid).second) ::kill(entry.pid, SIGSTOP);
    }
    if (family.size() > before) {
      killed = false;
    } else if (killed) {
      return;
    } else {
      for (const pid_t pid : family) ::kill(pid, SIGKILL);
      killed = true;
    }
  }
  for (const pid_t pid : family) ::kill(pid, SIGKILL);
}

}  // namespace acloud::sandbox::jail
