#include "cli/input.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/socket.h"

namespace acloud::cli {
namespace {

constexpr std::size_t kLargestFile = 16 << 20;
constexpr std::size_t kPiece = 64 * 1024;

class OpenFile {
 public:
  OpenFile(int fd, bool owned) : fd_(fd), owned_(owned) {}
  OpenFile(OpenFile&& other) noexcept : fd_(other.fd_), owned_(std::exchange(other.owned_, false)) {}
  OpenFile& operator=(OpenFile&&) = delete;
  ~OpenFile() {
    if (owned_) ::close(fd_);
  }
  int fd() const { return fd_; }

  // Errors: cancelled, where a signal came first: Ctrl-C is the only one that is caught.
  Result<std::string> read() const {
    std::string bytes(kPiece, '\0');
    const auto got = ::read(fd_, bytes.data(), bytes.size());
    if (got < 0 && errno == EINTR) return fail(ErrorCode::cancelled, "interrupted");
    if (got < 0) return fail_errno(errno, "reading");
    bytes.resize(static_cast<std::size_t>(got));
    return bytes;
  }

 private:
  int fd_;
  bool owned_;
};

Result<OpenFile> open_file(const std::string& path, int standard_input) {
  if (path == "-") return OpenFile(standard_input, false);
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return fail(ErrorCode::invalid_argument, "{}: {}", path, std::generic_category().message(errno));
  return OpenFile(fd, true);
}

// What is left of a plain file; nothing for pipes and terminals. Errors: invalid_argument for a folder.
Result<std::optional<std::uint64_t>> bytes_left(const OpenFile& file, const std::string& path) {
  struct stat status{};
  if (::fstat(file.fd(), &status) != 0) return fail_errno(errno, path);
  if (S_ISDIR(status.st_mode)) return fail(ErrorCode::invalid_argument, "{} is a folder", path);
  if (!S_ISREG(status.st_mode)) return std::nullopt;
  const off_t at = ::lseek(file.fd(), 0, SEEK_CUR);
  return static_cast<std::uint64_t>(std::max<off_t>(0, status.st_size - std::max<off_t>(0, at)));
}

class FileStream final : public net::Stream {
 public:
  FileStream(OpenFile file, bool may_wait) : file_(std::move(file)), may_wait_(may_wait) {}
  Task<Result<std::string>> read() override {
    if (may_wait_) ACLOUD_CO_CHECK(co_await net::wait_readable(file_.fd()));
    co_return file_.read();
  }

 private:
  OpenFile file_;
  bool may_wait_;
};

}  // namespace

Result<std::string> Files::read(const std::string& path) {
  if (const auto found = read_.find(path); found != read_.end()) return found->second;
  ACLOUD_TRY(const OpenFile file, open_file(path, standard_input_));
  ACLOUD_CHECK(bytes_left(file, path));
  std::string text;
  for (;;) {
    ACLOUD_TRY(const std::string piece, file.read());
    if (piece.empty()) break;
    text += piece;
    if (text.size() > kLargestFile) {
      return fail(ErrorCode::too_large, "{} has more than {} bytes, which a field may not have", path,
                  kLargestFile);
    }
  }
  return read_.emplace(path, std::move(text)).first->second;
}

Result<net::Body> body_of(const std::string& path, int standard_input) {
  ACLOUD_TRY(OpenFile file, open_file(path, standard_input));
  ACLOUD_TRY(const auto length, bytes_left(file, path));
  return net::Body(std::make_unique<FileStream>(std::move(file), !length.has_value()), length);
}

}  // namespace acloud::cli
