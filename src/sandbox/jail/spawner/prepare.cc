// What a jail is made of and takes long to make, kept ready: a uid range with its user namespace, a network
// namespace and a disk of the usual size. How many: pool.h.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "sandbox/jail/kernel/network.h"
#include "sandbox/jail/record.h"
#include "sandbox/jail/spawner/spawner.h"

namespace acloud::sandbox::jail {
namespace {

using namespace std::chrono_literals;

constexpr auto kRefillPause = 1s;  // after failing to prepare something
constexpr int kPoolPause = 1000;   // ms between looks at what is wanted, while that changes

std::uint32_t first_slot_of(const std::string& folder) {
  // Servers of one machine start at different places, so that their ids rarely meet. Walls don't rest on it.
  return static_cast<std::uint32_t>(std::hash<std::string>{}(folder) % kSlots);
}

bool usual_disk(const Limits& limits) {
  return limits.disk_bytes == Limits{}.disk_bytes && limits.disk_inodes == Limits{}.disk_inodes;
}

}  // namespace

Result<> Spawner::find_slots() {
  next_slot_ = first_slot_of(folder_);
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder_ + "/jails", error)) {
    // A folder without a record was left before its jail had any process.
    if (const Result<Record> record = read_record(entry.path())) slots_.insert(record->slot);
  }
  if (error) return fail(ErrorCode::internal, "cannot list {}/jails: {}", folder_, error.message());
  return {};
}

Result<std::uint32_t> Spawner::take_slot() {
  for (std::uint32_t tried = 0; tried < kSlots; ++tried) {
    const std::uint32_t slot = next_slot_;
    next_slot_ = (next_slot_ + 1) % kSlots;
    if (slots_.insert(slot).second) return slot;
  }
  return fail(ErrorCode::unavailable, "all {} uid ranges are in use", kSlots);
}

Result<Spawner::Prepared> Spawner::prepare(std::uint64_t disk_bytes, std::uint64_t disk_inodes) {
  Prepared made;
  ACLOUD_TRY(made.slot, take_slot());
  made.users = common_.privileged ? users_of_slot(made.slot) : Users{};
  const auto filled = [&]() -> Result<> {
    ACLOUD_TRY(made.user_namespace, make_inner_namespace(made.users, common_.privileged));
    ACLOUD_TRY(made.network_namespace, make_network_namespace());
    ACLOUD_TRY(made.disk, disks_.make(disk_bytes, disk_inodes));
    return {};
  }();
  if (!filled) {
    slots_.erase(made.slot);
    return std::unexpected(filled.error());
  }
  return made;
}

Result<Spawner::Prepared> Spawner::take_prepared(const Limits& limits) {
  demand_ = after_take(demand_, Clock::now());
  if (prepared_.empty()) return prepare(limits.disk_bytes, limits.disk_inodes);
  Prepared taken = std::move(prepared_.front());
  prepared_.pop_front();
  if (usual_disk(limits)) return taken;
  Result<Fd> disk = disks_.make(limits.disk_bytes, limits.disk_inodes);
  if (!disk) {
    slots_.erase(taken.slot);
    return std::unexpected(disk.error());
  }
  taken.disk = *std::move(disk);
  return taken;
}

int Spawner::patience() const {
  const auto now = Clock::now();
  const std::size_t goal = wanted(demand_, pool_, now);
  if (prepared_.size() > goal || (prepared_.size() < goal && now >= refill_after_)) return 0;
  if (!work_.empty()) return 1;
  return prepared_.size() < goal || goal > pool_.least ? kPoolPause : -1;
}

void Spawner::tend_pool() {
  const std::size_t goal = wanted(demand_, pool_, Clock::now());
  if (prepared_.size() > goal) {
    slots_.erase(prepared_.back().slot);
    prepared_.pop_back();
  }
  if (prepared_.size() >= goal || Clock::now() < refill_after_) return;
  Result<Prepared> made = prepare(Limits{}.disk_bytes, Limits{}.disk_inodes);
  if (made) {
    prepared_.push_back(*std::move(made));
  } else {
    refill_after_ = Clock::now() + kRefillPause;
  }
}

}  // namespace acloud::sandbox::jail
