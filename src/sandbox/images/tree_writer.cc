#include "sandbox/images/tree_writer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ranges>

#include "base/encoding.h"
#include "sandbox/jail/kernel/syscalls.h"

namespace acloud::sandbox::images {
namespace {

constexpr std::uint64_t kResolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
constexpr std::size_t kNameMost = 4095, kPartMost = 255;
constexpr std::size_t kPiece = 1 << 20;
constexpr std::uint64_t kCheckEvery = 64ULL << 20;  // bytes between two looks at the disk
constexpr std::uint32_t kNobody = 65'534;

std::unexpected<Error> failed(int error, const std::string& path) {
  const std::string shown = to_valid_utf8(path);
  switch (error) {
    case ELOOP:
    case ENOTDIR:
      return fail(ErrorCode::invalid_argument, "{}: what should be a folder on the way to it is none", shown);
    case EXDEV:
      return fail(ErrorCode::invalid_argument, "{}: it leads out", shown);
    case ENOSPC:
    case EDQUOT:
      return fail(ErrorCode::too_large, "{}: the disk is full", shown);
    default:
      return fail_errno(error, shown);
  }
}

mode_t harmless(mode_t mode, bool folder) { return mode & (folder ? 01777 : 0777); }

// Whether a relative link at `path` climbs above the root. One that is absolute counts from there.
bool leads_out(const std::string& path, std::string_view target) {
  if (target.starts_with('/')) return false;
  std::ptrdiff_t depth = std::ranges::count(path, '/');
  while (!target.empty() && depth >= 0) {
    const std::size_t end = target.find('/');
    const std::string_view part = target.substr(0, end);
    target = end == std::string_view::npos ? std::string_view() : target.substr(end + 1);
    if (part == "..") {
      --depth;
    } else if (!part.empty() && part != ".") {
      ++depth;
    }
  }
  return depth < 0;
}

}  // namespace

Result<std::string> clean_name(std::string_view name) {
  const auto refused = [&](std::string_view why) {
    return fail(ErrorCode::invalid_argument, "\"{}\": {}", to_valid_utf8(name.substr(0, 200)), why);
  };
  if (name.starts_with('/')) return refused("the name of an entry must not be absolute");
  if (name.size() > kNameMost) return refused("the name is too long");
  if (name.find('\0') != std::string_view::npos) return refused("the name has a NUL");
  std::string clean;
  while (!name.empty()) {
    const std::size_t end = name.find('/');
    const std::string_view part = name.substr(0, end);
    name = end == std::string_view::npos ? std::string_view() : name.substr(end + 1);
    if (part.empty() || part == ".") continue;
    if (part == "..") return refused("\"..\" leads out");
    if (part.size() > kPartMost) return refused("a part of the name is too long");
    if (!clean.empty()) clean += '/';
    clean += part;
  }
  return clean;
}

Result<jail::Fd> TreeWriter::open_folder(const std::string& path, int flags) const {
  jail::Fd folder(jail::openat2(root_.get(), path.empty() ? "." : path.c_str(),
                                flags | O_DIRECTORY | O_NOFOLLOW, kResolve));
  if (!folder) return failed(errno, path);
  return folder;
}

Result<jail::Fd> TreeWriter::make_folders(const std::string& path) {
  jail::Fd found(
      jail::openat2(root_.get(), path.empty() ? "." : path.c_str(), O_PATH | O_DIRECTORY, kResolve));
  if (found) return found;
  if (errno != ENOENT) return failed(errno, path);
  for (std::size_t at = 0; at != std::string::npos;) {
    at = path.find('/', at + 1);
    const std::string step = path.substr(0, at);
    const std::size_t slash = step.rfind('/');
    ACLOUD_TRY(const jail::Fd parent,
               open_folder(slash == std::string::npos ? "" : step.substr(0, slash), O_PATH));
    const std::string name = slash == std::string::npos ? step : step.substr(slash + 1);
    if (::mkdirat(parent.get(), name.c_str(), 0755) == 0) {
      ACLOUD_CHECK(count_entry(step));
    } else if (errno != EEXIST) {
      return failed(errno, step);
    }
  }
  return open_folder(path, O_PATH);
}

Result<TreeWriter::Spot> TreeWriter::spot(std::string_view name) {
  ACLOUD_TRY(std::string path, clean_name(name));
  if (path.empty()) return fail(ErrorCode::invalid_argument, "\"{}\" names no entry", name);
  ACLOUD_CHECK(count_entry(path));
  const std::size_t slash = path.rfind('/');
  ACLOUD_TRY(jail::Fd parent, make_folders(slash == std::string::npos ? "" : path.substr(0, slash)));
  std::string last = slash == std::string::npos ? path : path.substr(slash + 1);
  return Spot{std::move(path), std::move(parent), std::move(last)};
}

Result<> TreeWriter::make_room(const Spot& spot) {
  if (::unlinkat(spot.parent.get(), spot.name.c_str(), 0) == 0 || errno == ENOENT) return {};
  if (errno == EISDIR || errno == EPERM)
    return fail(ErrorCode::invalid_argument, "{}: there is a folder of that name", to_valid_utf8(spot.path));
  return failed(errno, spot.path);
}

Result<> TreeWriter::check_stop() const {
  if (options_.stop == nullptr || !*options_.stop) return {};
  return fail(ErrorCode::unavailable, "the server is stopping");
}

Result<> TreeWriter::count_entry(const std::string& path) {
  ACLOUD_CHECK(check_stop());
  if (++entries_ <= options_.budget.entries) return {};
  return fail(ErrorCode::too_large, "{}: there are more than {} entries", to_valid_utf8(path),
              options_.budget.entries);
}

Result<> TreeWriter::count_bytes(const std::string& path, std::uint64_t bytes) {
  ACLOUD_CHECK(check_stop());
  bytes_ += bytes;
  if (bytes_ > options_.budget.bytes) {
    return fail(ErrorCode::too_large, "{}: with it there are more than {} bytes", to_valid_utf8(path),
                options_.budget.bytes);
  }
  if (bytes_ - checked_ < kCheckEvery) return {};
  checked_ = bytes_;
  struct statvfs disk{};
  if (::fstatvfs(root_.get(), &disk) != 0) return failed(errno, path);
  const std::uint64_t size = disk.f_blocks * disk.f_frsize, left = disk.f_bavail * disk.f_frsize;
  if (left >= std::min(options_.budget.left_free, size / 20)) return {};
  return fail(ErrorCode::too_large, "{}: the disk has only {} bytes left", to_valid_utf8(path), left);
}

Result<> TreeWriter::dress(int file, const Spot& spot, const Meta& meta) const {
  const std::uint32_t user = std::min(meta.user, kNobody), group = std::min(meta.group, kNobody);
  if (options_.owners && ::fchown(file, user, group) != 0) return failed(errno, spot.path);
  if (::fchmod(file, harmless(meta.mode, false)) != 0) return failed(errno, spot.path);
  const std::array times{meta.modified, meta.modified};
  if (::futimens(file, times.data()) != 0) return failed(errno, spot.path);
  return {};
}

Result<> TreeWriter::dress_link(const Spot& spot, const Meta& meta) const {
  const std::uint32_t user = std::min(meta.user, kNobody), group = std::min(meta.group, kNobody);
  if (options_.owners &&
      ::fchownat(spot.parent.get(), spot.name.c_str(), user, group, AT_SYMLINK_NOFOLLOW) != 0)
    return failed(errno, spot.path);
  const std::array times{meta.modified, meta.modified};
  if (::utimensat(spot.parent.get(), spot.name.c_str(), times.data(), AT_SYMLINK_NOFOLLOW) != 0)
    return failed(errno, spot.path);
  return {};
}

Result<> TreeWriter::folder(std::string_view name, const Meta& meta) {
  ACLOUD_TRY(const std::string path, clean_name(name));
  if (path.empty()) return {};  // the root is as it is
  ACLOUD_TRY(const Spot at, spot(path));
  if (::mkdirat(at.parent.get(), at.name.c_str(), 0755) != 0) {
    if (errno != EEXIST) return failed(errno, path);
    if (!open_folder(path, O_PATH)) {  // something else has the name
      ACLOUD_CHECK(make_room(at));
      if (::mkdirat(at.parent.get(), at.name.c_str(), 0755) != 0) return failed(errno, path);
    }
  }
  folders_[path] = meta;
  return {};
}

Result<jail::Fd> TreeWriter::create(const Spot& spot) {
  ACLOUD_CHECK(make_room(spot));
  jail::Fd file(::openat(spot.parent.get(), spot.name.c_str(),
                         O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file) return failed(errno, spot.path);
  return file;
}

Result<> TreeWriter::file(std::string_view name, const Meta& meta, const Read& read) {
  ACLOUD_TRY(const Spot at, spot(name));
  ACLOUD_TRY(const jail::Fd file, create(at));
  for (;;) {
    ACLOUD_TRY(std::string_view piece, read());
    if (piece.empty()) break;
    ACLOUD_CHECK(count_bytes(at.path, piece.size()));
    while (!piece.empty()) {
      const ssize_t size = ::write(file.get(), piece.data(), piece.size());
      if (size < 0 && errno != EINTR) return failed(errno, at.path);
      if (size > 0) piece.remove_prefix(static_cast<std::size_t>(size));
    }
  }
  return dress(file.get(), at, meta);
}

Result<> TreeWriter::copy_file(std::string_view name, const Meta& meta, int from, const Seen& seen) {
  ACLOUD_TRY(const Spot at, spot(name));
  ACLOUD_TRY(const jail::Fd file, create(at));
  struct stat status{};
  if (::fstat(from, &status) != 0) return failed(errno, at.path);
  std::string buffer(kPiece, '\0');
  for (off_t data = 0, end = status.st_size; data < end;) {
    data = ::lseek(from, data, SEEK_DATA);
    if (data < 0 && errno == ENXIO) break;  // holes to the end
    const off_t hole = data < 0 ? -1 : ::lseek(from, data, SEEK_HOLE);
    if (hole < 0) return failed(errno, at.path);
    while (data < std::min(hole, end)) {
      const auto most = static_cast<std::size_t>(std::min<off_t>(hole - data, kPiece));
      const ssize_t size = ::pread(from, buffer.data(), most, data);
      if (size < 0) return failed(errno, at.path);
      if (size == 0) break;  // it was cut meanwhile
      const std::string_view piece(buffer.data(), static_cast<std::size_t>(size));
      ACLOUD_CHECK(count_bytes(at.path, piece.size()));
      if (::pwrite(file.get(), piece.data(), piece.size(), data) != size)
        return failed(errno ? errno : ENOSPC, at.path);
      if (seen) seen(piece);
      data += size;
    }
    if (data < hole) break;
  }
  if (::ftruncate(file.get(), status.st_size) != 0) return failed(errno, at.path);
  return dress(file.get(), at, meta);
}

Result<> TreeWriter::symlink(std::string_view name, const Meta& meta, std::string_view target) {
  ACLOUD_TRY(const Spot at, spot(name));
  if (target.empty() || target.size() > kNameMost || target.find('\0') != std::string_view::npos)
    return fail(ErrorCode::invalid_argument, "{}: a link to nothing", to_valid_utf8(at.path));
  if (!options_.any_link && leads_out(at.path, target)) {
    return fail(ErrorCode::invalid_argument, "{}: the link to {} leads out", to_valid_utf8(at.path),
                to_valid_utf8(target.substr(0, 200)));
  }
  ACLOUD_CHECK(make_room(at));
  if (::symlinkat(std::string(target).c_str(), at.parent.get(), at.name.c_str()) != 0)
    return failed(errno, at.path);
  return dress_link(at, meta);
}

Result<> TreeWriter::hard_link(std::string_view name, std::string_view target) {
  ACLOUD_TRY(const std::string there, clean_name(target));
  ACLOUD_TRY(const Spot at, spot(name));
  if (there == at.path) return {};
  const jail::Fd file(jail::openat2(root_.get(), there.c_str(), O_PATH | O_NOFOLLOW, kResolve));
  struct stat status{};
  if (!file || ::fstat(file.get(), &status) != 0 || S_ISDIR(status.st_mode) || S_ISCHR(status.st_mode)) {
    return fail(ErrorCode::invalid_argument,
                "{}: it is another name of {}, which is no file that came before it", to_valid_utf8(at.path),
                to_valid_utf8(there));
  }
  const std::size_t slash = there.rfind('/');
  ACLOUD_TRY(const jail::Fd parent,
             open_folder(slash == std::string::npos ? "" : there.substr(0, slash), O_PATH));
  const std::string last = slash == std::string::npos ? there : there.substr(slash + 1);
  ACLOUD_CHECK(make_room(at));
  if (::linkat(parent.get(), last.c_str(), at.parent.get(), at.name.c_str(), 0) != 0)
    return failed(errno, at.path);
  return {};
}

Result<> TreeWriter::pipe(std::string_view name, const Meta& meta) {
  ACLOUD_TRY(const Spot at, spot(name));
  ACLOUD_CHECK(make_room(at));
  if (::mknodat(at.parent.get(), at.name.c_str(), S_IFIFO | harmless(meta.mode, false), 0) != 0)
    return failed(errno, at.path);
  return dress_link(at, meta);
}

Result<> TreeWriter::whiteout(std::string_view name) {
  ACLOUD_TRY(const Spot at, spot(name));
  ACLOUD_CHECK(make_room(at));
  if (::mknodat(at.parent.get(), at.name.c_str(), S_IFCHR, 0) != 0) return failed(errno, at.path);
  return {};
}

Result<> TreeWriter::opaque(std::string_view folder) {
  ACLOUD_TRY(const std::string path, clean_name(folder));
  ACLOUD_TRY(const jail::Fd made, make_folders(path));
  ACLOUD_TRY(const jail::Fd open, open_folder(path, O_RDONLY));
  const char* name = options_.privileged ? "trusted.overlay.opaque" : "user.overlay.opaque";
  if (::fsetxattr(open.get(), name, "y", 1, 0) != 0) return failed(errno, path);
  return {};
}

Result<> TreeWriter::finish() {
  // What is in a folder before the folder itself.
  for (const auto& [path, meta] : folders_ | std::views::reverse) {
    const auto folder = open_folder(path, O_RDONLY);
    if (!folder) {
      if (folder.error().code() == ErrorCode::invalid_argument ||
          folder.error().code() == ErrorCode::not_found)
        continue;  // a later entry has taken its place
      return std::unexpected(folder.error());
    }
    const std::uint32_t user = std::min(meta.user, kNobody), group = std::min(meta.group, kNobody);
    if (options_.owners && ::fchown(folder->get(), user, group) != 0) return failed(errno, path);
    // Without root's rights a folder that its owner can't enter could not be removed either.
    const mode_t mode = harmless(meta.mode, true) | (options_.privileged ? 0 : 0700);
    if (::fchmod(folder->get(), mode) != 0) return failed(errno, path);
    const std::array times{meta.modified, meta.modified};
    if (::futimens(folder->get(), times.data()) != 0) return failed(errno, path);
  }
  folders_.clear();
  return {};
}

}  // namespace acloud::sandbox::images
