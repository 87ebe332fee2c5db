#include "sandbox/jail/volatile_folder.h"

#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <optional>

#include "sandbox/jail/record.h"

namespace acloud::sandbox::jail {
namespace {

std::string link_at(const std::string& path) {
  std::error_code error;
  return std::filesystem::read_symlink(path, error);
}

// /dev/shm is everybody's: what lies there under our name may be somebody else's.
bool is_private(const std::string& folder) {
  struct stat found{};
  return ::lstat(folder.c_str(), &found) == 0 && S_ISDIR(found.st_mode) && found.st_uid == ::geteuid() &&
         (found.st_mode & 077) == 0;
}

// The same for this folder as long as the machine runs, and no other's: paths alone are alike in containers.
std::optional<std::string> make_on_tmpfs(const std::string& path) {
  struct stat parent{};
  if (::geteuid() != 0 || ::stat(std::filesystem::path(path).parent_path().c_str(), &parent) != 0)
    return std::nullopt;
  const std::string name = short_name(fmt::format("{} {} {}", path, parent.st_dev, parent.st_ino));
  for (const char* place : {"/run", "/dev/shm"}) {
    if (!is_on_tmpfs(place)) continue;
    std::string folder = fmt::format("{}/{}", place, name);
    if (::mkdir(folder.c_str(), 0700) == 0 || (errno == EEXIST && is_private(folder))) return folder;
  }
  return std::nullopt;
}

}  // namespace

bool is_on_tmpfs(const std::string& path) {
  struct statfs found{};
  return ::statfs(path.c_str(), &found) == 0 && found.f_type == TMPFS_MAGIC;
}

Result<> make_volatile_folder(const std::string& path) {
  struct stat found{};
  const bool plain = ::lstat(path.c_str(), &found) == 0 && S_ISDIR(found.st_mode);
  if (plain && (::geteuid() != 0 || ::rmdir(path.c_str()) != 0)) return {};
  const std::optional<std::string> folder = make_on_tmpfs(path);
  if (const std::string before = link_at(path); !before.empty()) {
    if (before == folder) return {};
    ::unlink(path.c_str());
  }
  const int made = folder ? ::symlink(folder->c_str(), path.c_str()) : ::mkdir(path.c_str(), 0700);
  if (made != 0) return fail_errno(errno, fmt::format("cannot make {}", path));
  return {};
}

void remove_volatile_folder(const std::string& path) {
  const std::string folder = link_at(path);
  if (!folder.empty() && ::rmdir(folder.c_str()) == 0) ::unlink(path.c_str());
}

}  // namespace acloud::sandbox::jail
