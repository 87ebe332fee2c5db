#include "sandbox/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/encoding.h"
#include "sandbox/jail/kernel/syscalls.h"

namespace acloud::sandbox {
namespace {

constexpr int kRaces = 100;
constexpr mode_t kNewFile = 0644;
constexpr mode_t kNewFolder = 0755;

// Makes the calling thread another user on file systems; the kernel then also takes away what root may there.
class ActAs {
 public:
  explicit ActAs(const Place& place) : user_(::geteuid()), group_(::getegid()) {
    ::setfsgid(place.group);
    ::setfsuid(place.user);
    // They don't say whether they worked; asking for an impossible one gives the present one.
    done_ = static_cast<uid_t>(::setfsuid(static_cast<uid_t>(-1))) == place.user &&
            static_cast<gid_t>(::setfsgid(static_cast<gid_t>(-1))) == place.group;
  }
  ~ActAs() {
    ::setfsuid(user_);
    ::setfsgid(group_);
  }
  ActAs(const ActAs&) = delete;
  ActAs& operator=(const ActAs&) = delete;

  Result<> check() const {
    if (done_) return {};
    return fail(ErrorCode::internal, "the server can't act as a sandbox's user");
  }

 private:
  uid_t user_;
  gid_t group_;
  bool done_;
};

std::unexpected<Error> failed(int error, const std::string& path) {
  switch (error) {
    case ENOENT:
      return fail(ErrorCode::not_found, "{}: there is no such file or folder in the sandbox", path);
    case EACCES:
    case EPERM:
    case EROFS:
    case EOVERFLOW:  // the file system has no number for this user
      return fail(ErrorCode::permission_denied, "{}: the sandbox's root user may not do this", path);
    case ENOTDIR:
    case EISDIR:
    case ELOOP:
    case ENAMETOOLONG:
    case ENXIO:
    case ENODEV:
      return fail(ErrorCode::invalid_argument, "{}: {}", path,
                  ::strerror(error));  // NOLINT: thread-safe in glibc
    case ENOSPC:
    case EDQUOT:
      return fail(ErrorCode::too_large,
                  "{}: the sandbox's disk is full; remove files, or make one with larger limits", path);
    case ETXTBSY:
      return fail(ErrorCode::conflict, "{}: it is being run", path);
    default:
      return fail_errno(error, path);
  }
}

// Opens below the root, following links that stay there.
Result<jail::Fd> open_inside(const Place& place, const std::string& path, int flags, mode_t mode = 0) {
  const int more = (flags & O_PATH) != 0 ? 0 : O_NONBLOCK | O_NOCTTY;
  jail::Fd opened(jail::openat2(place.root->get(), path.c_str(), flags | more,
                                RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS, mode));
  if (!opened) return failed(errno, path);
  return opened;
}

Result<struct stat> status(int fd, const std::string& path) {
  struct stat found{};
  if (::fstat(fd, &found) != 0) return failed(errno, path);
  return found;
}

Result<struct stat> regular(int fd, const std::string& path) {
  ACLOUD_TRY(const struct stat found, status(fd, path));
  if (S_ISREG(found.st_mode)) return found;
  return fail(ErrorCode::invalid_argument, "{}: it is {}, not a file", path,
              S_ISDIR(found.st_mode) ? "a folder" : "a device or a pipe");
}

std::string to_mode(mode_t mode) { return fmt::format("{:o}", mode & 07777); }

// Makes the folders that are missing on the way to `path`'s last part.
Result<> make_parents(const Place& place, const std::string& path) {
  std::string parent = "/";
  for (std::size_t at = 1; at < path.size();) {
    const std::size_t end = path.find('/', at);
    if (end == std::string::npos) return {};
    const std::string name = path.substr(at, end - at);
    at = end + 1;
    if (name.empty() || name == "." || name == "..") {
      parent += name + '/';
      continue;
    }
    ACLOUD_TRY(const jail::Fd folder, open_inside(place, parent, O_PATH | O_DIRECTORY));
    if (::mkdirat(folder.get(), name.c_str(), kNewFolder) != 0 && errno != EEXIST)
      return failed(errno, parent + name);
    parent += name + '/';
  }
  return {};
}

FileType type_of(mode_t mode) {
  if (S_ISREG(mode)) return FileType::file;
  if (S_ISDIR(mode)) return FileType::directory;
  return S_ISLNK(mode) ? FileType::symlink : FileType::other;
}

FileInfo to_info(const struct stat& found, const std::string& path, std::string_view name) {
  return {.path = to_valid_utf8(path),
          .name = to_valid_utf8(name),
          .type = type_of(found.st_mode),
          .size = found.st_size,
          .mode = to_mode(found.st_mode),
          .owner = found.st_uid,
          .modified = from_unix(found.st_mtim.tv_sec, found.st_mtim.tv_nsec),
          .target = {}};
}

// Nothing where it has gone meanwhile.
std::optional<FileInfo> describe(int folder, const std::string& parent, const char* name) {
  struct stat found{};
  if (::fstatat(folder, name, &found, AT_SYMLINK_NOFOLLOW) != 0) return std::nullopt;
  FileInfo info = to_info(found, parent + name, name);
  if (info.type == FileType::symlink) {
    std::string target(4096, '\0');
    const ssize_t size = ::readlinkat(folder, name, target.data(), target.size());
    if (size >= 0)
      info.target = to_valid_utf8(std::string_view(target).substr(0, static_cast<std::size_t>(size)));
  }
  return info;
}

struct CloseFolder {
  void operator()(DIR* folder) const { ::closedir(folder); }
};

}  // namespace

bool is_path(std::string_view text) {
  return !text.empty() && text.size() <= 4096 && text.find('\0') == std::string_view::npos;
}

bool is_mode(std::string_view text) {
  return (text.size() == 3 || text.size() == 4) &&
         std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '7'; });
}

std::string absolute_path(std::string path, std::string_view home) {
  return path.starts_with('/') ? std::move(path) : fmt::format("{}/{}", home, path);
}

Result<OpenFile> open_to_read(const Place& place, const std::string& path) {
  const ActAs user(place);
  ACLOUD_CHECK(user.check());
  ACLOUD_TRY(jail::Fd file, open_inside(place, path, O_RDONLY));
  ACLOUD_TRY(const struct stat found, regular(file.get(), path));
  return OpenFile{std::move(file), static_cast<std::uint64_t>(found.st_size), to_mode(found.st_mode),
                  from_unix(found.st_mtim.tv_sec, found.st_mtim.tv_nsec)};
}

Result<jail::Fd> open_to_write(const Place& place, const std::string& path,
                               const std::optional<std::string>& mode) {
  const ActAs user(place);
  ACLOUD_CHECK(user.check());
  constexpr int kFlags = O_WRONLY | O_CREAT;  // truncated once it is known to be a file
  auto file = open_inside(place, path, kFlags, kNewFile);
  if (!file && file.error().code() == ErrorCode::not_found) {
    ACLOUD_CHECK(make_parents(place, path));
    file = open_inside(place, path, kFlags, kNewFile);
  }
  if (!file) return file;
  ACLOUD_CHECK(regular(file->get(), path));
  if (::ftruncate(file->get(), 0) != 0) return failed(errno, path);
  if (mode && ::fchmod(file->get(), static_cast<mode_t>(std::stoul(*mode, nullptr, 8))) != 0)
    return failed(errno, path);
  return file;
}

Result<> write_all(const Place& place, int file, std::string_view bytes) {
  const ActAs user(place);  // what is kept back for root on a full disk is not for sandboxes
  ACLOUD_CHECK(user.check());
  while (!bytes.empty()) {
    const ssize_t size = ::write(file, bytes.data(), bytes.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return failed(errno, "writing");
    bytes.remove_prefix(static_cast<std::size_t>(size));
  }
  return {};
}

Result<std::string> read_some(int file, std::size_t most) {
  std::string buffer(most, '\0');
  for (;;) {
    const ssize_t size = ::read(file, buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return failed(errno, "reading");
    buffer.resize(static_cast<std::size_t>(size));
    return buffer;
  }
}

Result<FileInfo> describe_file(int file, const std::string& path) {
  ACLOUD_TRY(const struct stat found, status(file, path));
  return to_info(found, path, std::string_view(path).substr(path.rfind('/') + 1));
}

Result<std::vector<FileInfo>> list_folder(const Place& place, const std::string& path) {
  const ActAs user(place);
  ACLOUD_CHECK(user.check());
  ACLOUD_TRY(jail::Fd fd, open_inside(place, path, O_RDONLY | O_DIRECTORY));
  const std::unique_ptr<DIR, CloseFolder> folder(::fdopendir(fd.get()));
  if (!folder) return failed(errno, path);
  const int handle = fd.release();  // closed with the folder
  const std::string parent = path.ends_with('/') ? path : path + '/';
  std::vector<FileInfo> entries;
  while (const dirent* entry = ::readdir(folder.get())) {  // NOLINT: a folder of this thread alone
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    if (entries.size() == kFolderMost) {
      return fail(ErrorCode::too_large, "{}: it has more than {} entries; use sandbox.exec with find", path,
                  kFolderMost);
    }
    if (auto info = describe(handle, parent, entry->d_name)) entries.push_back(*std::move(info));
  }
  std::ranges::sort(entries, {}, &FileInfo::name);
  return entries;
}

namespace {

// The folder that something is in, and its name there.
struct Spot {
  jail::Fd parent;
  std::string name;
};

Result<Spot> find_spot(const Place& place, std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  const std::size_t slash = path.rfind('/');
  std::string name = path.substr(slash + 1);
  if (name.empty() || name == "." || name == "..")
    return fail(ErrorCode::invalid_argument, "{}: it has no name of its own", path);
  ACLOUD_TRY(jail::Fd parent,
             open_inside(place, slash == 0 ? "/" : path.substr(0, slash), O_PATH | O_DIRECTORY));
  return Spot{std::move(parent), std::move(name)};
}

// Empties folders and removes them, the innermost first, each opened anew from the top: how deep they are
// inside others decide, and nothing on the way may be a link.
class Removal {
 public:
  Removal(const Spot& top, const std::string& path) : top_(top), path_(path) {}

  Result<> run() {
    std::vector<std::string> folders{top_.name};
    while (!folders.empty()) {
      const std::string name = folders.back();
      const std::size_t before = folders.size();
      ACLOUD_CHECK(empty_folder(name, folders));
      if (folders.size() > before) continue;
      if (::unlinkat(top_.parent.get(), name.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT) {
        // Somebody inside writes into it meanwhile.
        if (errno != ENOTEMPTY || ++races_ > kRaces) return failed(errno, path_);
        continue;
      }
      folders.pop_back();
    }
    return {};
  }

 private:
  // Removes what is no folder, and names the folders.
  Result<> empty_folder(const std::string& name, std::vector<std::string>& folders) {
    jail::Fd fd(jail::openat2(top_.parent.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW,
                              RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS));
    if (!fd) return errno == ENOENT ? Result<>() : failed(errno, path_);
    const std::unique_ptr<DIR, CloseFolder> folder(::fdopendir(fd.get()));
    if (!folder) return failed(errno, path_);
    const int handle = fd.release();                         // closed with the folder
    while (const dirent* entry = ::readdir(folder.get())) {  // NOLINT: a folder of this thread alone
      const std::string_view member = entry->d_name;
      if (member == "." || member == "..") continue;
      if (::unlinkat(handle, entry->d_name, 0) == 0 || errno == ENOENT) continue;
      if (errno != EISDIR && errno != EPERM) return failed(errno, path_);
      struct stat found{};
      const int error = errno;
      if (::fstatat(handle, entry->d_name, &found, AT_SYMLINK_NOFOLLOW) != 0) continue;
      if (!S_ISDIR(found.st_mode)) return failed(error, path_);
      folders.push_back(name + '/' + std::string(member));
    }
    return {};
  }

  const Spot& top_;
  const std::string& path_;
  int races_ = 0;
};

}  // namespace

Result<> as_user(const Place& place, const std::function<Result<>()>& work) {
  const ActAs user(place);
  ACLOUD_CHECK(user.check());
  return work();
}

Result<jail::Fd> open_folder(const Place& place, const std::string& path) {
  const ActAs user(place);
  ACLOUD_CHECK(user.check());
  return open_inside(place, path, O_RDONLY | O_DIRECTORY);
}

Result<FileInfo> stat_path(const Place& place, const std::string& path) {
  const ActAs user(place);
  ACLOUD_CHECK(user.check());
  ACLOUD_TRY(const jail::Fd file, open_inside(place, path, O_PATH | O_NOFOLLOW));
  ACLOUD_TRY(FileInfo info, describe_file(file.get(), path));
  if (info.type == FileType::symlink) {
    std::string target(4096, '\0');
    const ssize_t size = ::readlinkat(file.get(), "", target.data(), target.size());
    if (size >= 0)
      info.target = to_valid_utf8(std::string_view(target).substr(0, static_cast<std::size_t>(size)));
  }
  return info;
}

Result<> move_path(const Place& place, const std::string& from, const std::string& to) {
  const ActAs user(place);
  ACLOUD_CHECK(user.check());
  ACLOUD_TRY(const Spot source, find_spot(place, from));
  ACLOUD_TRY(const Spot target, find_spot(place, to));
  if (::renameat(source.parent.get(), source.name.c_str(), target.parent.get(), target.name.c_str()) == 0)
    return {};
  switch (errno) {
    case EXDEV:
      return fail(ErrorCode::precondition_failed,
                  "{}: it can't be moved in one step, from another disk or as a folder of the image; use mv",
                  from);
    case ENOTEMPTY:
    case EEXIST:
      return fail(ErrorCode::conflict, "{}: it is a folder that is not empty", to);
    case EINVAL:
      return fail(ErrorCode::invalid_argument, "{}: it can't be moved into itself", from);
    case EBUSY:
      return fail(ErrorCode::permission_denied, "{}: it is where something else is mounted", from);
    default:
      return failed(errno, errno == ENOENT ? from : to);
  }
}

Result<> remove_path(const Place& place, const std::string& path) {
  const ActAs user(place);
  ACLOUD_CHECK(user.check());
  ACLOUD_TRY(const Spot spot, find_spot(place, path));
  if (::unlinkat(spot.parent.get(), spot.name.c_str(), 0) == 0) return {};
  if (errno != EISDIR) return failed(errno, path);
  return Removal(spot, path).run();
}

Result<> make_folder(const Place& place, const std::string& path, const std::optional<std::string>& mode) {
  const ActAs user(place);
  ACLOUD_CHECK(user.check());
  ACLOUD_CHECK(make_parents(place, path.substr(0, path.find_last_not_of('/') + 1)));
  ACLOUD_TRY(const Spot spot, find_spot(place, path));
  if (::mkdirat(spot.parent.get(), spot.name.c_str(), kNewFolder) != 0) {
    if (errno == EEXIST) return fail(ErrorCode::conflict, "{}: it is there already", path);
    return failed(errno, path);
  }
  if (!mode) return {};
  const auto bits = static_cast<mode_t>(std::stoul(*mode, nullptr, 8));
  if (::fchmodat(spot.parent.get(), spot.name.c_str(), bits, 0) != 0) return failed(errno, path);
  return {};
}

}  // namespace acloud::sandbox
