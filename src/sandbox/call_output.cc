#include "sandbox/call_output.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <optional>

#include "net/socket.h"

namespace acloud::sandbox {
namespace {

constexpr std::size_t kPiece = 64 << 10;

std::size_t room_in(int pipe) {
  const int size = ::fcntl(pipe, F_GETPIPE_SZ);
  return size > 0 ? static_cast<std::size_t>(size) : kPiece;
}

}  // namespace

Result<std::unique_ptr<CallOutput>> CallOutput::open(const std::string& folder, const std::string& once) {
  std::unique_ptr<CallOutput> found(new CallOutput(folder));
  for (auto& [stream, ending] : {std::pair(&found->out_, ".out"), std::pair(&found->err_, ".err")}) {
    stream->path = folder + "/" + once + ending;
    stream->file = jail::Fd(::open(stream->path.c_str(), O_RDWR | O_CLOEXEC));
    if (!stream->file && errno == ENOENT) continue;
    struct stat status{};
    if (!stream->file || ::fstat(stream->file.get(), &status) != 0) return fail_errno(errno, stream->path);
    stream->size = static_cast<std::size_t>(status.st_size);
  }
  return found;
}

CallOutput::~CallOutput() {
  if (left_) return;
  for (const Stream* stream : {&out_, &err_}) {
    if (stream->file) ::unlink(stream->path.c_str());
  }
}

bool CallOutput::make_file(Stream& stream) const {
  if (stream.file) return true;
  (void)::mkdir(folder_.c_str(), 0700);  // where it failed, so does what follows
  stream.file = jail::Fd(::open(stream.path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!stream.file) stream.refused = errno;
  return static_cast<bool>(stream.file);
}

// One byte more than is kept shows that there was more. What the disk refuses is dropped, so that the program
// goes on, and noted.
ssize_t CallOutput::take(int pipe, Stream& stream, std::size_t most, std::string& bytes) const {
  pollfd state{pipe, POLLIN, 0};
  if (::poll(&state, 1, 0) < 0) return -1;
  if ((state.revents & POLLIN) == 0) {
    if ((state.revents & (POLLHUP | POLLERR)) != 0) return 0;
    errno = EAGAIN;
    return -1;
  }
  bytes.resize(most);
  const std::size_t room = kMost + 1 - std::min(stream.size, kMost + 1);
  if (room > 0 && stream.refused == 0 && make_file(stream)) {
    auto at = static_cast<off64_t>(stream.size);
    const ssize_t moved =
        ::splice(pipe, nullptr, stream.file.get(), &at, std::min(room, most), SPLICE_F_NONBLOCK);
    if (moved > 0) {
      const ssize_t got = ::pread(stream.file.get(), bytes.data(), static_cast<std::size_t>(moved),
                                  static_cast<off_t>(stream.size));
      bytes.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
      stream.size += static_cast<std::size_t>(moved);
      return moved;
    }
    if (moved == 0 || errno == EAGAIN || errno == EINTR) return moved;
    stream.refused = errno;
  }
  const ssize_t dropped = ::read(pipe, bytes.data(), bytes.size());
  bytes.resize(static_cast<std::size_t>(std::max<ssize_t>(dropped, 0)));
  return dropped;
}

Task<> CallOutput::gather(int pipe, Source source, Sink& also) {
  const std::stop_token stop = co_await async::this_stop_token();
  Stream& stream = of(source);
  std::optional<std::size_t> left;  // set when stopped: others may hold the pipe open for ever
  for (;;) {
    if (!left && stop.stop_requested()) left = room_in(pipe);
    std::string bytes;
    const ssize_t size = take(pipe, stream, std::min(kPiece, left.value_or(kPiece)), bytes);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && errno == EAGAIN && !left) {
      const auto ready = co_await net::wait_readable(pipe);
      if (ready || stop.stop_requested()) continue;
    }
    if (size <= 0) co_return;
    if (left) *left -= static_cast<std::size_t>(size);
    if (!bytes.empty() && !co_await also.take(source, std::move(bytes)).shielded()) co_return;
    if (left && *left == 0) co_return;
  }
}

Result<Output> CallOutput::read(Source source) const {
  const Stream& stream = source == Source::out ? out_ : err_;
  if (stream.refused != 0) return fail_errno(stream.refused, stream.path);
  std::string bytes(stream.size, '\0');
  std::size_t at = 0;
  while (at < bytes.size()) {
    const ssize_t got =
        ::pread(stream.file.get(), bytes.data() + at, bytes.size() - at, static_cast<off_t>(at));
    if (got < 0) return fail_errno(errno, stream.path);
    if (got == 0) break;
    at += static_cast<std::size_t>(got);
  }
  bytes.resize(at);
  Output output;
  output.add(bytes, kMost);
  return output;
}

}  // namespace acloud::sandbox
