#include "sandbox/jail/spawner/parts.h"

#include "sandbox/jail/kernel/network.h"

namespace acloud::sandbox::jail {

Result<Prepared> prepare(const Common& common, Disks& disks, std::uint32_t slot) {
  Prepared made;
  made.users = common.privileged ? users_of_slot(slot) : Users{};
  ACLOUD_TRY(made.user_namespace, make_inner_namespace(made.users, common.privileged));
  ACLOUD_TRY(made.network_namespace, make_network_namespace());
  ACLOUD_TRY(made.disk, disks.make(Limits{}.disk_bytes, Limits{}.disk_inodes));
  return made;
}

bool has_usual_disk(const Limits& limits) {
  return limits.disk_bytes == Limits{}.disk_bytes && limits.disk_inodes == Limits{}.disk_inodes;
}

}  // namespace acloud::sandbox::jail
