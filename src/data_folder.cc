#include "data_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <utility>

namespace acloud {

Result<DataFolder> DataFolder::open(std::string path) {
  std::error_code error;
  const auto parent = std::filesystem::absolute(path, error).lexically_normal().parent_path();
  if (!error) std::filesystem::create_directories(parent, error);
  if (error) return fail_errno(error.value(), path);
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return fail_errno(errno, path);
  const std::string file = path + "/lock";
  const int lock = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock < 0) return fail_errno(errno, file);
  DataFolder folder(std::move(path), lock);
  if (::flock(lock, LOCK_EX | LOCK_NB) != 0) {
    std::array<char, 32> holder{};
    const ssize_t got = ::pread(lock, holder.data(), holder.size() - 1, 0);
    return fail(ErrorCode::conflict,
                "{} is in use by the server with process id {}; stop it, or name another --data",
                folder.path(), got > 0 ? std::string_view(holder.data()) : "unknown");
  }
  const std::string pid = std::to_string(::getpid());
  if (::ftruncate(lock, 0) != 0 || ::pwrite(lock, pid.data(), pid.size(), 0) != std::ssize(pid)) {
    return fail_errno(errno, file);
  }
  return folder;
}

DataFolder::DataFolder(DataFolder&& other) noexcept
    : path_(std::move(other.path_)), lock_(std::exchange(other.lock_, -1)) {}

DataFolder::~DataFolder() {
  if (lock_ >= 0) ::close(lock_);
}

namespace {

// `bytes` random bytes in hexadecimal, made when they are first asked for and the same for good.
Result<std::string> kept_word(const DataFolder& folder, const std::string& name, std::size_t bytes,
                              Random& random) {
  const std::string file = folder.path() + '/' + name;
  std::string word;
  std::ifstream(file) >> word;
  if (!word.empty()) return word;
  word = random.hex(bytes);
  const std::string whole = file + ".new";
  const int out = ::open(whole.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (out < 0) return fail_errno(errno, whole);
  const bool kept = ::write(out, word.data(), word.size()) == std::ssize(word) && ::fsync(out) == 0;
  const int error = errno;
  ::close(out);
  if (!kept) return fail_errno(error, whole);
  if (::rename(whole.c_str(), file.c_str()) != 0) return fail_errno(errno, file);
  return word;
}

}  // namespace

Result<std::string> place_of(const DataFolder& folder, Random& random) {
  return kept_word(folder, "place", 10, random);
}

Result<std::string> seal_key_of(const DataFolder& folder, Random& random) {
  return kept_word(folder, "seal.key", 32, random);
}

}  // namespace acloud
