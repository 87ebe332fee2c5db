#include "store/testing/disk_vfs_locks.h"

#include <algorithm>

namespace acloud::store::testing {

int FileLocks::level(Holder holder) const {
  const auto found = levels_.find(holder);
  return found == levels_.end() ? SQLITE_LOCK_NONE : found->second;
}

int FileLocks::highest_of_others(Holder holder) const {
  int highest = SQLITE_LOCK_NONE;
  for (const auto& [other, level] : levels_) {
    if (other != holder) highest = std::max(highest, level);
  }
  return highest;
}

int FileLocks::lock(Holder holder, int level) {
  const int mine = this->level(holder);
  if (mine >= level) return SQLITE_OK;
  const int others = highest_of_others(holder);
  if (level == SQLITE_LOCK_SHARED && others >= SQLITE_LOCK_PENDING) return SQLITE_BUSY;
  if (level >= SQLITE_LOCK_RESERVED && others >= SQLITE_LOCK_RESERVED) return SQLITE_BUSY;
  if (level == SQLITE_LOCK_EXCLUSIVE && others >= SQLITE_LOCK_SHARED) {
    levels_[holder] = SQLITE_LOCK_PENDING;
    return SQLITE_BUSY;
  }
  levels_[holder] = level;
  return SQLITE_OK;
}

void FileLocks::unlock(Holder holder, int level) {
  if (level == SQLITE_LOCK_NONE) {
    levels_.erase(holder);
  } else if (this->level(holder) > level) {
    levels_[holder] = level;
  }
}

bool FileLocks::reserved() const { return highest_of_others(nullptr) >= SQLITE_LOCK_RESERVED; }

void* SharedIndex::map(std::size_t region, std::size_t bytes, bool extend) {
  while (extend && regions_.size() <= region) regions_.push_back(std::make_unique<char[]>(bytes));
  return region < regions_.size() ? regions_[region].get() : nullptr;
}

int SharedIndex::lock(Holder holder, int first, int count, int flags) {
  const unsigned mask = ((1u << count) - 1) << first;
  Held& mine = held_[holder];
  if (flags & SQLITE_SHM_UNLOCK) {
    mine.shared &= ~mask;
    mine.exclusive &= ~mask;
    return SQLITE_OK;
  }
  const bool exclusive = flags & SQLITE_SHM_EXCLUSIVE;
  for (const auto& [other, held] : held_) {
    if (other == holder) continue;
    if ((held.exclusive & mask) || (exclusive && (held.shared & mask))) return SQLITE_BUSY;
  }
  (exclusive ? mine.exclusive : mine.shared) |= mask;
  return SQLITE_OK;
}

void SharedIndex::remove_user(Holder holder) {
  held_.erase(holder);
  if (held_.empty()) regions_.clear();
}

}  // namespace acloud::store::testing
