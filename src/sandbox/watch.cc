#include "sandbox/watch.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/encoding.h"
#include "sandbox/jail/kernel/syscalls.h"

namespace acloud::sandbox {
namespace {

constexpr std::uint32_t kEvents = IN_CREATE | IN_MODIFY | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO |
                                  IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;

struct CloseWatched {
  void operator()(DIR* folder) const { ::closedir(folder); }
};

std::optional<Change> change_of(std::uint32_t mask) {
  if ((mask & (IN_CREATE | IN_MOVED_TO)) != 0) return Change::create;
  if ((mask & IN_MODIFY) != 0) return Change::write;
  if ((mask & IN_DELETE) != 0) return Change::remove;
  if ((mask & IN_MOVED_FROM) != 0) return Change::rename;
  if ((mask & IN_ATTRIB) != 0) return Change::chmod;
  return std::nullopt;
}

void tell(std::vector<FileChange>& changes, FileChange change) {
  if (changes.empty() || changes.back() != change) changes.push_back(std::move(change));
}

// Whoever may not read a folder hears of nothing in it.
Result<jail::Fd> open_below(const Place& place, int root, const std::string& folder) {
  jail::Fd opened;
  ACLOUD_CHECK(as_user(place, [&]() -> Result<> {
    opened = jail::Fd(jail::openat2(root, folder.empty() ? "." : folder.c_str(),
                                    O_RDONLY | O_DIRECTORY | O_NOFOLLOW,
                                    RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS));
    if (!opened) return fail_errno(errno, to_valid_utf8(folder));
    return {};
  }));
  return opened;
}

}  // namespace

Result<Watch> Watch::open(const Place& place, const std::string& path, bool recursive) {
  ACLOUD_TRY(jail::Fd root, open_folder(place, path));
  jail::Fd notify(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!notify) {
    return fail(ErrorCode::unavailable,
                "the server can watch no more folders: raise fs.inotify.max_user_instances ({})",
                ::strerror(errno));  // NOLINT: thread-safe in glibc
  }
  Watch watch(place, std::move(root), std::move(notify), recursive);
  ACLOUD_CHECK(watch.add("", nullptr));
  return watch;
}

Result<> Watch::add(const std::string& top, std::vector<FileChange>* changes) {
  std::vector<std::string> folders{top};
  while (!folders.empty()) {
    const std::string folder = std::move(folders.back());
    folders.pop_back();
    auto fd = open_below(place_, root_.get(), folder);
    if (!fd && !folder.empty()) continue;  // gone, no folder any more, or not for the sandbox's root user
    if (!fd) return std::unexpected(std::move(fd).error());
    if (folders_.size() == kFoldersMost)
      return fail(ErrorCode::too_large, "more than {} folders can't be watched at once", kFoldersMost);
    const int number =
        ::inotify_add_watch(notify_.get(), fmt::format("/proc/self/fd/{}", fd->get()).c_str(), kEvents);
    if (number < 0) {
      return fail(ErrorCode::unavailable,
                  "the server can watch no more folders: raise fs.inotify.max_user_watches ({})",
                  ::strerror(errno));  // NOLINT: thread-safe in glibc
    }
    folders_[number] = folder;
    if (!recursive_) return {};
    const std::unique_ptr<DIR, CloseWatched> list(::fdopendir(fd->get()));
    if (!list) return fail_errno(errno, to_valid_utf8(folder));
    (void)fd->release();                                   // closed with the folder
    while (const dirent* entry = ::readdir(list.get())) {  // NOLINT: a folder of this thread alone
      const std::string_view name = entry->d_name;
      if (name == "." || name == "..") continue;
      std::string path = folder.empty() ? std::string(name) : fmt::format("{}/{}", folder, name);
      if (changes != nullptr) tell(*changes, {Change::create, to_valid_utf8(path)});
      if (entry->d_type == DT_DIR) folders.push_back(std::move(path));
    }
  }
  return {};
}

void Watch::forget(const std::string& folder) {
  std::erase_if(folders_, [&](const auto& entry) {
    const bool gone = entry.second == folder || entry.second.starts_with(folder + '/');
    if (gone) ::inotify_rm_watch(notify_.get(), entry.first);
    return gone;
  });
}

Result<> Watch::note(int number, std::uint32_t mask, const std::string& name,
                     std::vector<FileChange>& changes) {
  if ((mask & IN_Q_OVERFLOW) != 0) {
    tell(changes, {Change::overflow, ""});
    return {};
  }
  const auto found = folders_.find(number);
  if (found == folders_.end()) return {};
  const std::string folder = found->second;
  if ((mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_IGNORED)) != 0) {
    over_ |= folder.empty();
    if ((mask & IN_IGNORED) != 0) folders_.erase(found);
    return {};
  }
  const std::optional<Change> change = change_of(mask);
  if (!change || name.empty()) return {};  // of the folder itself: its own folder tells
  const std::string path = folder.empty() ? name : folder + '/' + name;
  tell(changes, {*change, to_valid_utf8(path)});
  if (!recursive_ || (mask & IN_ISDIR) == 0) return {};
  if (*change == Change::rename) forget(path);
  // What was put into it before it was watched is told as well.
  if (*change == Change::create) return add(path, &changes);
  return {};
}

bool Watch::over() const {
  // It is kept open here, so the kernel tells nobody that it was removed.
  struct stat found{};
  return over_ || ::fstat(root_.get(), &found) != 0 || found.st_nlink == 0;
}

Result<std::vector<FileChange>> Watch::read() {
  std::vector<FileChange> changes;
  alignas(inotify_event) std::array<char, 64 << 10> buffer{};
  const ssize_t size = ::read(notify_.get(), buffer.data(), buffer.size());
  if (size < 0 && errno != EAGAIN && errno != EINTR) return fail_errno(errno, "watching a folder");
  for (ssize_t at = 0; at < size;) {
    inotify_event event{};
    std::memcpy(&event, buffer.data() + at, sizeof event);
    const char* name = buffer.data() + at + sizeof event;
    ACLOUD_CHECK(note(event.wd, event.mask, std::string(name, ::strnlen(name, event.len)), changes));
    at += static_cast<ssize_t>(sizeof event + event.len);
  }
  return changes;
}

}  // namespace acloud::sandbox
