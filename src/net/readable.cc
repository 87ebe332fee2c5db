#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <map>

#include "async/asio.h"
#include "net/await_asio.h"
#include "net/socket.h"

namespace acloud::net {
namespace {

// What one waits for. Its timer never passes: that it is cancelled wakes the task.
struct Wait {
  Wait(asio::io_context& context, int fd) : timer(context, asio::steady_timer::time_point::max()), fd(fd) {}
  Wait(const Wait&) = delete;
  Wait& operator=(const Wait&) = delete;
  ~Wait() {
    if (copy >= 0) ::close(copy);
  }

  asio::steady_timer timer;
  int fd;         // in the set
  int copy = -1;  // the same, where somebody else waits for what was asked for
  bool ready = false;
};

// All descriptors that the tasks of one loop wait for, in one epoll set, which Asio watches. Asio sets what
// it waits for to non-blocking, which for a terminal or a pipe that is shared with other processes would
// break them; the set is ours alone. One for all, since servers wait for thousands at a time, and a set is a
// descriptor itself.
class Readable final : public asio::execution_context::service {
 public:
  static inline asio::execution_context::id id;

  explicit Readable(asio::io_context& context) : service(context), set_(context) {}

  void shutdown() override {
    AsioError ignored;
    set_.close(ignored);
  }

  // The number of the wait; 0 where epoll refuses the descriptor: files and /dev/null are always readable.
  Result<std::uint64_t> add(Wait& wait) {
    ACLOUD_CHECK(open());
    epoll_event event{};
    // Once, so that one that somebody closes too early is not told of for ever.
    event.events = EPOLLIN | EPOLLONESHOT;
    event.data.u64 = ++serial_;
    int failed = control(EPOLL_CTL_ADD, wait.fd, &event);
    if (failed == EEXIST) {
      wait.fd = wait.copy = ::fcntl(wait.fd, F_DUPFD_CLOEXEC, 3);
      failed = wait.copy < 0 ? errno : control(EPOLL_CTL_ADD, wait.copy, &event);
    }
    if (failed == EPERM) return 0;
    if (failed != 0) return fail_errno(failed, "waiting for a descriptor");
    waits_[serial_] = &wait;
    numbers_[wait.fd] = serial_;
    watch();
    return serial_;
  }

  void remove(std::uint64_t number, Wait& wait) {
    // One that was closed too early may be somebody else's by now.
    if (const auto found = numbers_.find(wait.fd); found != numbers_.end() && found->second == number) {
      (void)control(EPOLL_CTL_DEL, wait.fd, nullptr);
      numbers_.erase(found);
    }
    // A loop without waits ends.
    if (waits_.erase(number) != 0 && waits_.empty()) set_.cancel();
  }

 private:
  Result<> open() {
    if (set_.is_open()) return {};
    const int set = ::epoll_create1(EPOLL_CLOEXEC);
    if (set < 0) return fail_errno(errno, "waiting for a descriptor");
    AsioError error;
    set_.assign(set, error);
    if (!error) return {};
    ::close(set);
    return fail(ErrorCode::unavailable, "waiting for a descriptor: {}", error.message());
  }

  int control(int what, int fd, epoll_event* event) {
    return ::epoll_ctl(set_.native_handle(), what, fd, event) == 0 ? 0 : errno;
  }

  void watch() {
    if (std::exchange(watching_, true)) return;
    set_.async_wait(set_.wait_read, [this](AsioError error) {
      watching_ = false;
      if (!error) tell();
      if (!waits_.empty() && set_.is_open()) watch();
    });
  }

  void tell() {
    std::array<epoll_event, 64> events{};
    const int count = ::epoll_wait(set_.native_handle(), events.data(), events.size(), 0);
    for (int i = 0; i < count; ++i) {
      const auto found = waits_.find(events[static_cast<std::size_t>(i)].data.u64);
      if (found == waits_.end()) continue;
      found->second->ready = true;
      found->second->timer.cancel();
      waits_.erase(found);
    }
  }

  asio::posix::stream_descriptor set_;
  bool watching_ = false;
  std::uint64_t serial_ = 0;
  std::map<std::uint64_t, Wait*> waits_;
  std::map<int, std::uint64_t> numbers_;  // the last wait for each descriptor
};

}  // namespace

Task<Result<>> wait_readable(int fd) {
  auto& context = async::io_context(*async::EventLoop::current());
  auto& readable = asio::use_service<Readable>(context);
  struct Added {
    Readable& readable;
    Wait wait;
    std::uint64_t number = 0;
    ~Added() {
      if (number != 0) readable.remove(number, wait);
    }
  } added{readable, Wait(context, fd)};
  ACLOUD_CO_TRY(added.number, readable.add(added.wait));
  if (added.number == 0) co_return Result<>();
  const auto woken =
      co_await await_asio([&](auto handler) { added.wait.timer.async_wait(std::move(handler)); });
  if (added.wait.ready) co_return Result<>();
  co_return fail_asio(woken, "waiting for a descriptor");
}

}  // namespace acloud::net
