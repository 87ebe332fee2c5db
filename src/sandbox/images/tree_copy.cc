#include "sandbox/images/tree_copy.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>

#include "sandbox/jail/fd.h"
#include "sandbox/jail/kernel/syscalls.h"

namespace acloud::sandbox::images {
namespace {

constexpr std::uint64_t kWithin =
    RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV;

struct CloseFolder {
  void operator()(DIR* folder) const { ::closedir(folder); }
};

class Copy {
 public:
  Copy(int from, TreeSink& to, const CopyOptions& options) : from_(from), to_(to), options_(options) {}

  Result<> run() {
    folders_.emplace_back();
    // One after the other rather than one in the other: how deep a tree is, others decide.
    while (!folders_.empty()) {
      const std::string path = std::move(folders_.back());
      folders_.pop_back();
      ACLOUD_CHECK(copy_folder(path));
    }
    return to_.finish();
  }

 private:
  Result<> copy_folder(const std::string& path) {
    jail::Fd fd(jail::openat2(from_, path.empty() ? "." : path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW,
                              kWithin));
    if (!fd && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP || errno == EXDEV)) return {};
    if (!fd) return fail_errno(errno, shown(path));
    if (options_.overlay && !path.empty()) ACLOUD_CHECK(copy_opaqueness(fd.get(), path));
    const std::unique_ptr<DIR, CloseFolder> folder(::fdopendir(fd.get()));
    if (!folder) return fail_errno(errno, shown(path));
    const int handle = fd.release();  // closed with the folder
    std::vector<std::string> names;
    while (const dirent* entry = ::readdir(folder.get())) {  // NOLINT: a folder of this thread alone
      const std::string_view name = entry->d_name;
      if (name != "." && name != "..") names.emplace_back(name);
    }
    std::ranges::sort(names);  // so that equal trees have equal digests
    for (const std::string& name : names) ACLOUD_CHECK(copy_entry(handle, path, name));
    return {};
  }

  Result<> copy_opaqueness(int folder, const std::string& path) {
    char value = 0;
    const char* name = options_.privileged ? "trusted.overlay.opaque" : "user.overlay.opaque";
    if (::fgetxattr(folder, name, &value, 1) != 1 || value != 'y') return {};
    return to_.opaque(path);
  }

  Result<> copy_entry(int folder, const std::string& parent, const std::string& name) {
    struct stat status{};
    if (::fstatat(folder, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
      if (errno == ENOENT) return {};
      return fail_errno(errno, shown(name));
    }
    const std::string path = parent.empty() ? name : parent + '/' + name;
    const Meta meta = meta_of(status);
    note(path, status, meta);
    switch (status.st_mode & S_IFMT) {
      case S_IFDIR:
        folders_.push_back(path);
        return to_.folder(path, meta);
      case S_IFREG:
        return copy_file(folder, path, name);
      case S_IFLNK:
        return copy_link(folder, path, name, meta);
      case S_IFIFO:
        return to_.pipe(path, meta);
      case S_IFSOCK:  // of a program that isn't in the copy
        return {};
      default:
        if (options_.overlay) return status.st_rdev == 0 ? to_.whiteout(path) : Result<>();
        if (path.starts_with("dev/")) return {};
        return fail(ErrorCode::invalid_argument, "{}: a device can't be part of an image", shown(path));
    }
  }

  Result<> copy_file(int folder, const std::string& path, const std::string& name) {
    const jail::Fd file(
        ::openat(folder, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    struct stat status{};
    if (!file && (errno == ENOENT || errno == ELOOP)) return {};
    if (!file || ::fstat(file.get(), &status) != 0) return fail_errno(errno, shown(path));
    if (!S_ISREG(status.st_mode)) return {};  // it was replaced meanwhile
    if (status.st_nlink > 1) {
      const auto [found, fresh] = links_.try_emplace({status.st_dev, status.st_ino}, path);
      if (!fresh) return to_.hard_link(path, found->second);
    }
    if (options_.digest == nullptr) return to_.copy_file(path, meta_of(status), file.get(), {});
    return to_.copy_file(path, meta_of(status), file.get(),
                         [this](std::string_view piece) { options_.digest->update(piece); });
  }

  Result<> copy_link(int folder, const std::string& path, const std::string& name, const Meta& meta) {
    std::string target(4096, '\0');
    const ssize_t size = ::readlinkat(folder, name.c_str(), target.data(), target.size());
    if (size < 0) return errno == ENOENT || errno == EINVAL ? Result<>() : fail_errno(errno, shown(path));
    target.resize(static_cast<std::size_t>(size));
    if (options_.digest != nullptr) options_.digest->update(target + '\n');
    return to_.symlink(path, meta, target);
  }

  Meta meta_of(const struct stat& status) const {
    const auto owner = [&](std::uint32_t id) { return options_.owner ? options_.owner(id) : id; };
    return {status.st_mode & 07777, owner(status.st_uid), owner(status.st_gid), status.st_mtim};
  }

  void note(const std::string& path, const struct stat& status, const Meta& meta) {
    if (options_.digest == nullptr) return;
    const bool folder = S_ISDIR(status.st_mode);
    options_.digest->update(fmt::format("{}\n{}\n{:o} {} {} {} {}\n", path.size(), path, status.st_mode,
                                        meta.user, meta.group, folder ? 0 : status.st_size,
                                        folder ? 0 : status.st_mtim.tv_sec));
  }

  static std::string shown(const std::string& path) { return to_valid_utf8(path.empty() ? "/" : path); }

  const int from_;
  TreeSink& to_;
  const CopyOptions& options_;
  std::vector<std::string> folders_;
  std::map<std::pair<dev_t, ino_t>, std::string> links_;
};

}  // namespace

Result<> copy_tree(int from, TreeSink& to, const CopyOptions& options) {
  return Copy(from, to, options).run();
}

}  // namespace acloud::sandbox::images
