#include "inference/scheduler/fair_queue.h"

#include <algorithm>
#include <optional>
#include <vector>

namespace acloud::inference {
namespace {

// How far a row is searched for a request that can be taken now.
constexpr std::size_t kLookahead = 8;

}  // namespace

void FairQueue::forget_idle() {
  std::optional<std::int64_t> least;
  std::int64_t most = floor_;
  for (const auto& [workspace, row] : rows_) {
    if (row.busy()) least = std::min(least.value_or(row.served), row.served);
    most = std::max(most, row.served);
  }
  floor_ = std::max(floor_, least.value_or(most));
  std::erase_if(rows_, [&](const auto& item) { return !item.second.busy() && item.second.served <= floor_; });
}

FairQueue::Row& FairQueue::wake(const std::string& workspace) {
  forget_idle();
  Row& row = rows_[workspace];
  row.served = std::max(row.served, floor_);
  return row;
}

void FairQueue::push_back(const std::string& workspace, RequestId id) {
  wake(workspace).waiting.push_back(id);
  ++size_;
}

void FairQueue::push_front(const std::string& workspace, RequestId id) {
  wake(workspace).waiting.push_front(id);
  ++size_;
}

void FairQueue::remove(const std::string& workspace, RequestId id) {
  const auto found = rows_.find(workspace);
  if (found == rows_.end()) return;
  size_ -= std::erase(found->second.waiting, id);
}

void FairQueue::charge(const std::string& workspace, std::int64_t tokens) {
  const auto found = rows_.find(workspace);
  if (found != rows_.end()) found->second.served += tokens;
}

std::int64_t FairQueue::served(const std::string& workspace) const {
  const auto found = rows_.find(workspace);
  return found == rows_.end() ? floor_ : found->second.served;
}

void FairQueue::begin(const std::string& workspace) { ++wake(workspace).running; }

void FairQueue::end(const std::string& workspace) {
  const auto found = rows_.find(workspace);
  if (found == rows_.end()) return;
  --found->second.running;
}

bool FairQueue::pop(const std::function<bool(RequestId)>& takes) {
  std::vector<std::pair<std::int64_t, std::string>> order;
  for (const auto& [workspace, row] : rows_) {
    if (!row.waiting.empty()) order.emplace_back(row.served, workspace);
  }
  std::ranges::sort(order);
  for (const auto& [served, workspace] : order) {
    auto& waiting = rows_[workspace].waiting;
    for (std::size_t i = 0; i < std::min(kLookahead, waiting.size()); ++i) {
      if (!takes(waiting[i])) continue;
      waiting.erase(waiting.begin() + static_cast<std::ptrdiff_t>(i));
      --size_;
      return true;
    }
  }
  return false;
}

}  // namespace acloud::inference
