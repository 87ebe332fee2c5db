#include "sandbox/jail/oci/bundle.h"

#include <array>
#include <nlohmann/json.hpp>

#include "sandbox/jail/kernel/capabilities.h"
#include "sandbox/jail/kernel/root.h"

namespace acloud::sandbox::jail {
namespace {

using nlohmann::json;

// Besides what a jail covers: what only the host's root may read there, since another runtime than ours may
// have given the container users that it should not have.
constexpr std::array kMaskedToo{"kcore", "kmsg", "sysrq-trigger", "vmallocinfo", "timer_stats"};

json mount(const char* target, const char* type, const std::string& source,
           std::vector<std::string> options) {
  return {{"destination", target}, {"type", type}, {"source", source}, {"options", std::move(options)}};
}

json process() {
  const std::span<const char* const> kept = kept_names();
  const std::vector<std::string> names(kept.begin(), kept.end());
  return {{"terminal", false},
          {"user", {{"uid", 0}, {"gid", 0}}},
          {"args", {kInitInside, "init"}},
          {"env", json::array()},
          {"cwd", "/"},
          {"noNewPrivileges", true},
          // Set by the runtime with the host's rights: nobody inside can lower it again, init neither.
          {"oomScoreAdj", 500},
          {"capabilities", {{"bounding", names}, {"effective", names}, {"permitted", names}}}};
}

json mounts(const BundlePaths& paths) {
  return {mount("/proc", "proc", "proc", {"nosuid", "noexec", "nodev", "ro"}),
          mount("/dev", "tmpfs", "tmpfs", {"nosuid", "noexec", "mode=755", "size=64k", "nr_inodes=64", "ro"}),
          mount("/dev/pts", "devpts", "devpts",
                {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"}),
          mount("/dev/shm", "tmpfs", "shm",
                {"nosuid", "noexec", "nodev", "mode=1777", "size=67108864", "nr_inodes=4096"}),
          mount(kInitInside, "bind", paths.init, {"bind", "ro", "nosuid", "nodev"})};
}

json namespaces() {
  // Not the network's and the clocks': the runtime is started in those.
  json all = json::array();
  for (const char* type : {"user", "mount", "pid", "ipc", "uts", "cgroup"}) all.push_back({{"type", type}});
  return all;
}

}  // namespace

std::string bundle_config(const Spec& spec, const Users& users, const BundlePaths& paths) {
  const json ids = json::array({{{"containerID", 0}, {"hostID", users.first}, {"size", users.count}}});
  json masked = json::array();
  for (const char* name : masked_in_proc()) masked.push_back(fmt::format("/proc/{}", name));
  for (const char* name : kMaskedToo) masked.push_back(fmt::format("/proc/{}", name));
  const json config = {
      {"ociVersion", "1.0.2"},
      {"process", process()},
      {"root", {{"path", paths.root}, {"readonly", false}}},
      {"hostname", spec.hostname},
      {"mounts", mounts(paths)},
      {"linux",
       {{"namespaces", namespaces()}, {"uidMappings", ids}, {"gidMappings", ids}, {"maskedPaths", masked}}}};
  return config.dump();
}

}  // namespace acloud::sandbox::jail
