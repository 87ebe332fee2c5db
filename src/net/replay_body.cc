#include "net/replay_body.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

namespace acloud::net {
namespace {

constexpr std::size_t kPiece = 256 * 1024;

Result<int> unnamed_file(const std::string& folder) {
  int fd = ::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (fd >= 0) return fd;
  // A file system without O_TMPFILE: the name goes at once.
  std::string name = folder + "/body-XXXXXX";
  fd = ::mkostemp(name.data(), O_CLOEXEC);
  if (fd < 0) return fail_errno(errno, "a file for a large request in " + folder);
  ::unlink(name.c_str());
  return fd;
}

}  // namespace

class ReplayBody::File {
 public:
  File(int fd, async::BlockingPool& pool) : fd_(fd), pool_(pool) {}
  ~File() { ::close(fd_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  Task<Result<>> append(std::string bytes) {
    co_return co_await async::run_blocking(pool_, [fd = fd_, bytes = std::move(bytes)]() -> Result<> {
      std::string_view left = bytes;
      while (!left.empty()) {
        const ssize_t count = ::write(fd, left.data(), left.size());
        if (count < 0 && errno != EINTR) return fail_errno(errno, "keeping a large request");
        left.remove_prefix(static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
      }
      return {};
    });
  }

  Task<Result<std::string>> read(std::uint64_t at, std::size_t count) {
    co_return co_await async::run_blocking(pool_, [fd = fd_, at, count]() -> Result<std::string> {
      std::string bytes(count, '\0');
      std::size_t have = 0;
      while (have < count) {
        const ssize_t got = ::pread(fd, bytes.data() + have, count - have, static_cast<off_t>(at + have));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return fail_errno(errno, "reading a large request again");
        if (got == 0)
          return fail(ErrorCode::internal, "a large request's file is shorter than it was written");
        have += static_cast<std::size_t>(got);
      }
      return bytes;
    });
  }

 private:
  int fd_;
  async::BlockingPool& pool_;
};

// The file's bytes with the edits in their places.
class ReplayBody::Pieces final : public Stream {
 public:
  Pieces(std::shared_ptr<File> file, std::uint64_t size, std::vector<Edit> edits)
      : file_(std::move(file)), size_(size), edits_(std::move(edits)) {}

  Task<Result<std::string>> read() override {
    while (next_ < edits_.size() && at_ == edits_[next_].begin) {
      Edit& edit = edits_[next_++];
      at_ = edit.end;
      if (!edit.text.empty()) co_return std::move(edit.text);
    }
    const std::uint64_t until = next_ < edits_.size() ? edits_[next_].begin : size_;
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(until - at_, kPiece));
    if (count == 0) co_return "";
    const std::uint64_t from = std::exchange(at_, at_ + count);
    co_return co_await file_->read(from, count);
  }

 private:
  std::shared_ptr<File> file_;
  std::uint64_t size_;
  std::vector<Edit> edits_;
  std::uint64_t at_ = 0;
  std::size_t next_ = 0;
};

Task<Result<ReplayBody>> ReplayBody::take(Body& body, Options options, Watch watch) {
  const auto too_large = [&] {
    return fail(ErrorCode::too_large, "the body is larger than {} bytes; send less", options.at_most);
  };
  if (body.length().value_or(0) > options.at_most) co_return too_large();
  ReplayBody taken;
  std::string pending;
  while (true) {
    ACLOUD_CO_TRY(std::string piece, co_await body.read());
    const bool end = piece.empty();
    taken.size_ += piece.size();
    if (taken.size_ > options.at_most) co_return too_large();
    ACLOUD_CO_CHECK(watch(piece));
    if (pending.empty()) {
      pending = std::move(piece);
    } else {
      pending += piece;
    }
    if (!taken.file_ && taken.size_ > options.in_memory) {
      ACLOUD_CO_TRY(const int fd, unnamed_file(options.folder));
      taken.file_ = std::make_shared<File>(fd, *options.files);
    }
    if (taken.file_ && (end || pending.size() >= kPiece)) {
      ACLOUD_CO_CHECK(co_await taken.file_->append(std::exchange(pending, std::string())));
    }
    if (end) break;
  }
  taken.bytes_ = std::move(pending);
  co_return taken;
}

Task<Result<std::string>> ReplayBody::all(std::size_t limit) const {
  if (size_ > limit)
    co_return fail(ErrorCode::too_large, "the body is larger than {} bytes; send less", limit);
  if (!file_) co_return bytes_;
  co_return co_await file_->read(0, static_cast<std::size_t>(size_));
}

Body ReplayBody::edited(std::vector<Edit> edits) const {
  std::uint64_t length = size_;
  for (const Edit& edit : edits) length = length - (edit.end - edit.begin) + edit.text.size();
  if (file_) return Body(std::make_unique<Pieces>(file_, size_, std::move(edits)), length);
  std::string bytes;
  bytes.reserve(length);
  std::uint64_t at = 0;
  for (const Edit& edit : edits) {
    bytes.append(bytes_, at, edit.begin - at).append(edit.text);
    at = edit.end;
  }
  bytes.append(bytes_, at, std::string::npos);
  return Body(std::move(bytes));
}

}  // namespace acloud::net
