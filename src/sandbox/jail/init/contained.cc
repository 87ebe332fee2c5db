#include "sandbox/jail/init/contained.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "sandbox/jail/init/init.h"
#include "sandbox/jail/init/launch.h"
#include "sandbox/jail/kernel/landlock.h"
#include "sandbox/jail/kernel/syscalls.h"
#include "sandbox/jail/protocol.h"

namespace acloud::sandbox::jail {
namespace {

constexpr int kBeginPatience = 30'000;  // ms
constexpr int kServersWaiting = 1024;
constexpr std::size_t kDescriptors = 3;  // without cgroup v2

Filter as_filter(const std::string& bytes) {
  Filter filter(bytes.size() / sizeof(sock_filter));
  std::memcpy(filter.data(), bytes.data(), filter.size() * sizeof(sock_filter));
  return filter;
}

Result<> give_up_rights(const Begin& begin) {
  // The runtime was told to; a filter of ours and all else rests on it.
  if (::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
    return fail(ErrorCode::precondition_failed, "the runtime does not keep to noNewPrivileges");
  if (begin.landlock) ACLOUD_CHECK(enter_landlock_domain());
  for (const std::string& filter : begin.filters) ACLOUD_CHECK(load_filter(as_filter(filter)));
  return {};
}

Result<InitParts> prepare(const Begin& begin, std::vector<Fd>& fds, const Filter& filter) {
  InitParts parts;
  ACLOUD_TRY(parts.proc, open_file(AT_FDCWD, "/proc", O_PATH | O_DIRECTORY));
  ACLOUD_CHECK(prepare_to_launch());
  ACLOUD_CHECK(give_up_rights(begin));
  parts.control = std::move(fds[0]);
  parts.listener = std::move(fds[1]);
  parts.written = std::move(fds[2]);
  if (fds.size() > kDescriptors) parts.cgroup = std::move(fds[3]);
  if (::listen(parts.listener.get(), kServersWaiting) != 0)
    return fail_errno(errno, "cannot listen for servers");
  parts.limits = begin.limits;
  parts.orphan_grace = begin.orphan_grace;
  parts.filter = &filter;
  return parts;
}

}  // namespace

int run_contained_init() {
  // Nobody inside may look at it, though it is root of the same users.
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  const Fd setup(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3));
  pollfd waiting{setup.get(), POLLIN, 0};
  ::poll(&waiting, 1, kBeginPatience);
  auto message = receive(setup.get());
  if (!message || !*message) return 2;
  const std::optional<Begin> begin = decode<Begin>((*message)->bytes);
  std::vector<Fd>& fds = (*message)->fds;
  if (!begin || fds.size() < kDescriptors || fds.size() > kDescriptors + 1) return 2;
  const Filter filter = as_filter(begin->program_filter);
  Result<InitParts> parts = prepare(*begin, fds, filter);
  Result<> ready = parts ? Result<>() : std::unexpected(parts.error());
  if (ready) {
    std::vector<int> kept{setup.get(), parts->control.get(), parts->listener.get(), parts->proc.get(),
                          parts->written.get()};
    if (parts->cgroup) kept.push_back(parts->cgroup->get());
    ready = close_all_but(std::move(kept));
  }
  if (ready) ready = say_hello(*parts, {begin->first_id, begin->group});
  (void)send(setup.get(), ready ? encode(Done{}) : encode_error(ready.error()));
  if (!ready) return 1;
  ::close(setup.get());
  run_init(*std::move(parts));
}

}  // namespace acloud::sandbox::jail
