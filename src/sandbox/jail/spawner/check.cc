#include <algorithm>

#include "sandbox/jail/record.h"
#include "sandbox/jail/spawner/spawner.h"

namespace acloud::sandbox::jail {
namespace {

constexpr std::size_t kMostLayers = 64, kMaxBinds = 64, kMaxHostname = 63, kMaxPath = 4095;
constexpr std::uint64_t kMaxDisk = 16ULL << 40, kMaxInodes = 1ULL << 31;

bool is_path(const std::string& path) {
  return path.starts_with('/') && path.size() <= kMaxPath && path.find('\0') == std::string::npos;
}

bool is_hostname(const std::string& name) {
  return !name.empty() && name.size() <= kMaxHostname && std::ranges::all_of(name, [](unsigned char c) {
    return c < 0x80 && (std::isalnum(c) || c == '.' || c == '-');
  });
}

}  // namespace

Result<> check(const Spec& spec) {
  const auto wrong = [](std::string_view field, std::string_view why) {
    return fail(ErrorCode::invalid_argument, "{}: {}", field, why);
  };
  const Limits& limits = spec.limits;
  if (!is_jail_id(spec.id)) return wrong("id", "must be 1 to 64 of [a-z0-9_-]");
  if (!is_hostname(spec.hostname)) return wrong("hostname", "must be 1 to 63 of [a-zA-Z0-9.-]");
  if (spec.image.layers.size() > kMostLayers) return wrong("image.layers", "more than 64");
  if (!std::ranges::all_of(spec.image.layers, is_path))
    return wrong("image.layers", "must be absolute paths");
  if (spec.binds.size() > kMaxBinds) return wrong("binds", "more than 64");
  for (const Bind& bind : spec.binds) {
    if (!is_path(bind.source) || !is_path(bind.target)) return wrong("binds", "must be absolute paths");
    if (bind.target == "/") return wrong("binds", "cannot cover the root");
  }
  if (!(limits.cpus >= 0 && limits.cpus <= 4096)) return wrong("limits.cpus", "must be 0 to 4,096");
  if (limits.cpu_weight < 1 || limits.cpu_weight > 10'000)
    return wrong("limits.cpu_weight", "must be 1 to 10,000");
  if (limits.open_files < 16) return wrong("limits.open_files", "must be 16 or more");
  if (limits.processes && limits.processes < 4) return wrong("limits.processes", "must be 4 or more, or 0");
  if (limits.disk_bytes > kMaxDisk) return wrong("limits.disk_bytes", "more than 16 TiB");
  if (limits.disk_inodes > kMaxInodes) return wrong("limits.disk_inodes", "too many");
  return {};
}

}  // namespace acloud::sandbox::jail
