#include "store/disk.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace acloud::store {
namespace {

class SystemFile final : public File {
 public:
  SystemFile(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  ~SystemFile() override { ::close(fd_); }

  Result<std::string> read(std::uint64_t offset, std::size_t size) override {
    std::string bytes;
    std::size_t done = 0;
    int error = 0;
    bytes.resize_and_overwrite(size, [&](char* data, std::size_t) {
      while (done < size) {
        const ssize_t got = ::pread(fd_, data + done, size - done, static_cast<off_t>(offset + done));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) error = errno;
        if (got <= 0) break;
        done += static_cast<std::size_t>(got);
      }
      return done;
    });
    if (error != 0) return fail_errno(error, "read " + path_);
    return bytes;
  }

  Result<> write(std::uint64_t offset, std::string_view bytes) override {
    while (!bytes.empty()) {
      const ssize_t put = ::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) return failed("write");
      offset += static_cast<std::uint64_t>(put);
      bytes.remove_prefix(static_cast<std::size_t>(put));
    }
    return {};
  }

  Result<> truncate(std::uint64_t size) override {
    if (::ftruncate(fd_, static_cast<off_t>(size)) != 0) return failed("truncate");
    return {};
  }

  Result<std::uint64_t> size() override {
    struct stat info;
    if (::fstat(fd_, &info) != 0) return failed("stat");
    return static_cast<std::uint64_t>(info.st_size);
  }

  Result<> sync() override {
    // fdatasync writes the size too, which is all of the metadata that a reader needs.
    if (::fdatasync(fd_) != 0) return failed("sync");
    return {};
  }

 private:
  std::unexpected<Error> failed(std::string_view what) const {
    return fail_errno(errno, fmt::format("{} {}", what, path_));
  }

  int fd_;
  std::string path_;
};

int open_flags(Disk::Open mode) {
  switch (mode) {
    case Disk::Open::read:
      return O_RDONLY;
    case Disk::Open::write:
      return O_RDWR;
    case Disk::Open::create:
      return O_RDWR | O_CREAT;
    case Disk::Open::create_new:
      return O_RDWR | O_CREAT | O_EXCL;
  }
  std::unreachable();
}

class SystemDisk final : public Disk {
 public:
  Result<std::unique_ptr<File>> open(const std::string& path, Open mode) override {
    const int fd = ::open(path.c_str(), open_flags(mode) | O_CLOEXEC, 0600);
    if (fd < 0 && errno == EEXIST) return fail(ErrorCode::conflict, "open {}: it exists already", path);
    if (fd < 0) return failed("open", path);
    return std::make_unique<SystemFile>(fd, path);
  }

  Result<> rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) return failed("rename", from);
    return {};
  }

  Result<> remove(const std::string& path) override {
    if (::unlink(path.c_str()) != 0) return failed("remove", path);
    return {};
  }

  Result<> make_folders(const std::string& path) override {
    if (::mkdir(path.c_str(), 0700) == 0 || errno == EEXIST) return {};
    const auto slash = path.rfind('/');
    if (errno != ENOENT || slash == std::string::npos || slash == 0) return failed("make folder", path);
    ACLOUD_CHECK(make_folders(path.substr(0, slash)));
    if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return failed("make folder", path);
    return {};
  }

  Result<std::vector<std::string>> list(const std::string& path) override {
    const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(path.c_str()), &::closedir);
    if (!folder) return failed("list", path);
    std::vector<std::string> names;
    for (errno = 0; const dirent* entry = ::readdir(folder.get()); errno = 0) {
      const std::string_view name = entry->d_name;
      if (name != "." && name != "..") names.emplace_back(name);
    }
    if (errno != 0) return failed("list", path);
    return names;
  }

  Result<bool> exists(const std::string& path) override {
    struct stat info;
    if (::stat(path.c_str(), &info) == 0) return true;
    if (errno == ENOENT || errno == ENOTDIR) return false;
    return failed("stat", path);
  }

  Result<> sync_folder(const std::string& path) override {
    const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return failed("open folder", path);
    const int error = ::fsync(fd) == 0 ? 0 : errno;
    ::close(fd);
    if (error != 0) return fail_errno(error, "sync folder " + path);
    return {};
  }

  Result<Time> modified(const std::string& path) override {
    struct stat info;
    if (::stat(path.c_str(), &info) != 0) return failed("stat", path);
    const auto since =
        std::chrono::seconds(info.st_mtim.tv_sec) + std::chrono::nanoseconds(info.st_mtim.tv_nsec);
    return Time(std::chrono::floor<Time::duration>(since));
  }

  Result<> touch(const std::string& path, Time now) override {
    const auto seconds = std::chrono::floor<std::chrono::seconds>(now);
    const timespec stamp{.tv_sec = seconds.time_since_epoch().count(),
                         .tv_nsec = std::chrono::nanoseconds(now - seconds).count()};
    const timespec times[2] = {stamp, stamp};
    if (::utimensat(AT_FDCWD, path.c_str(), times, 0) != 0) return failed("touch", path);
    return {};
  }

 private:
  static std::unexpected<Error> failed(std::string_view what, const std::string& path) {
    return fail_errno(errno, fmt::format("{} {}", what, path));
  }
};

}  // namespace

std::unique_ptr<Disk> system_disk() { return std::make_unique<SystemDisk>(); }

}  // namespace acloud::store
