#include "sandbox/jail/spawner/build.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>

#include "sandbox/jail/init/init.h"
#include "sandbox/jail/init/launch.h"
#include "sandbox/jail/kernel/capabilities.h"
#include "sandbox/jail/kernel/landlock.h"
#include "sandbox/jail/kernel/network.h"
#include "sandbox/jail/kernel/syscalls.h"
#include "sandbox/jail/protocol.h"

namespace acloud::sandbox::jail {
namespace {

constexpr int kBacklog = 1024;  // each new server connects once, also with one that is frozen

Result<> enter_namespaces(const Common& common, const Spec& spec, const Parts& parts) {
  // Only now that we are in our cgroups: they become the roots of the cgroup namespace.
  ACLOUD_CHECK(common.cgroups.enter_v1(parts.group));
  if (::unshare(CLONE_NEWCGROUP) != 0) return fail_errno(errno, "cannot make a cgroup namespace");
  if (::setns(parts.network_namespace.get(), CLONE_NEWNET) != 0)
    return fail_errno(errno, "cannot enter the network");
  constexpr std::string_view kNoDomain = "(none)";
  if (::sethostname(spec.hostname.data(), spec.hostname.size()) != 0 ||
      ::setdomainname(kNoDomain.data(), kNoDomain.size()) != 0) {
    return fail_errno(errno, "cannot set the host name");
  }
  return {};
}

// Whoever takes init over should have gained nothing.
Result<> give_up_rights(const Common& common, const Users& users) {
  if (common.privileged) {
    if (::syscall(SYS_setgroups, 0, nullptr) != 0 ||
        ::syscall(SYS_setresgid, users.init, users.init, users.init) != 0) {
      return fail_errno(errno, "cannot leave the groups of root");
    }
  }
  if (common.privileged && ::syscall(SYS_setresuid, users.init, users.init, users.init) != 0) {
    return fail_errno(errno, "cannot become init's user");
  }
  if (!common.privileged) ACLOUD_CHECK(drop_all_capabilities());  // a change of user has done it otherwise
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 || ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return fail_errno(errno, "cannot give up privileges");
  }
  if (common.landlock) ACLOUD_CHECK(enter_landlock_domain());
  for (const Filter& filter : common.filters.jail) ACLOUD_CHECK(load_filter(filter));
  return {};
}

Result<InitParts> make(const Common& common, const Spec& spec, Parts& parts) {
  ::setsid();
  ACLOUD_CHECK(enter_namespaces(common, spec, parts));
  InitParts init;
  ACLOUD_TRY(init.cgroup, common.cgroups.open_unified(parts.group));
  ACLOUD_TRY(Entered entered,
             enter_root(common.workshop, spec, {parts.disk.get(), parts.user_namespace.get(), parts.users}));
  ACLOUD_CHECK(open_low_ports(entered.proc.get()));
  init.proc = std::move(entered.proc);
  init.written = std::move(entered.written);
  ACLOUD_CHECK(prepare_to_launch());
  ACLOUD_CHECK(give_up_rights(common, parts.users));
  if (::listen(parts.listener.get(), kBacklog) != 0) return fail_errno(errno, "cannot listen for servers");
  init.control = std::move(parts.control);
  init.listener = std::move(parts.listener);
  init.user_namespace = std::move(parts.user_namespace);
  init.limits = spec.limits;
  init.orphan_grace = spec.orphan_grace;
  init.has_groups = common.privileged;
  init.filter = &common.filters.program;
  return init;
}

}  // namespace

void build_jail(const Common& common, const Spec& spec, Parts parts, Fd verdict) {
  Result<InitParts> init = make(common, spec, parts);
  Result<> ready = init ? Result<>() : std::unexpected(init.error());
  if (ready) {
    std::vector<int> kept{init->control.get(), init->listener.get(), init->user_namespace.get(),
                          init->proc.get(),    init->written.get(),  verdict.get()};
    if (init->cgroup) kept.push_back(init->cgroup->get());
    ready = close_all_but(std::move(kept));
  }
  if (ready) ready = say_hello(*init, {first_id(common, parts.users), parts.group});
  const std::string word = ready ? "ok" : encode_error(ready.error());
  // The server knows of us by now: a spawner that has just died changes nothing.
  (void)!::write(verdict.get(), word.data(), word.size());
  if (!ready) ::_exit(1);
  verdict.reset();
  // Closed above by number: their owners must not close whatever has those numbers by now.
  (void)parts.disk.release();
  (void)parts.network_namespace.release();
  run_init(*std::move(init));
}

}  // namespace acloud::sandbox::jail
