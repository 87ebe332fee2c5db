#include "async/blocking_wait.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>

#include "async/wait.h"

namespace acloud::async {
namespace {

// poll()'s time-out. -1: none.
int milliseconds_until(Instant until) {
  if (until == Instant::max()) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 3'600'000));
}

}  // namespace

StopEvent::StopEvent(const std::stop_token& token) : descriptor_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (descriptor_ >= 0) ring_.emplace(token, Ring{descriptor_});
}

StopEvent::~StopEvent() {
  ring_.reset();  // waits for one that is under way
  if (descriptor_ >= 0) ::close(descriptor_);
}

void StopEvent::Ring::operator()() const {
  const std::uint64_t one = 1;
  (void)!::write(descriptor, &one, sizeof one);  // fails only where it has been rung 2^64 times
}

Result<> BlockingWait::ready(int descriptor, short events) const {
  for (;;) {
    std::array<pollfd, 2> both{pollfd{descriptor, events, 0}, pollfd{stop_, POLLIN, 0}};
    const int ready = ::poll(both.data(), both.size(), milliseconds_until(until_));
    if (ready < 0 && errno != EINTR) return fail_errno(errno, "poll");
    if (ready > 0) return both[1].revents != 0 ? Result<>(cancelled()) : Result<>();
    if (ready == 0 && std::chrono::steady_clock::now() >= until_)
      return fail(ErrorCode::deadline_exceeded, "no answer in time");
  }
}

}  // namespace acloud::async
