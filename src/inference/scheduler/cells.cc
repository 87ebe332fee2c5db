#include "inference/scheduler/cells.h"

namespace acloud::inference {

Cells::Cells(std::int32_t sequences, std::int32_t cells)
    : rows_(static_cast<std::size_t>(sequences)), shared_(static_cast<std::size_t>(cells), 0) {
  free_.reserve(shared_.size());
  for (std::int32_t cell = cells; cell > 0; --cell) free_.push_back(cell - 1);
}

std::int32_t Cells::size(Sequence sequence) const {
  return static_cast<std::int32_t>(rows_[static_cast<std::size_t>(sequence)].size());
}

std::int32_t Cells::held_by(std::span<const Sequence> sequences) const {
  std::vector<bool> seen(shared_.size());
  std::int32_t held = 0;
  for (const Sequence sequence : sequences) {
    for (const std::int32_t cell : rows_[static_cast<std::size_t>(sequence)]) {
      held += seen[static_cast<std::size_t>(cell)] ? 0 : 1;
      seen[static_cast<std::size_t>(cell)] = true;
    }
  }
  return held;
}

void Cells::grow(Sequence sequence, std::int32_t tokens) {
  auto& row = rows_[static_cast<std::size_t>(sequence)];
  for (std::int32_t i = 0; i < tokens; ++i) {
    const std::int32_t cell = free_.back();
    free_.pop_back();
    shared_[static_cast<std::size_t>(cell)] = 1;
    row.push_back(cell);
  }
}

void Cells::truncate(Sequence sequence, std::int32_t keep) {
  auto& row = rows_[static_cast<std::size_t>(sequence)];
  while (std::ssize(row) > keep) {
    if (--shared_[static_cast<std::size_t>(row.back())] == 0) free_.push_back(row.back());
    row.pop_back();
  }
}

void Cells::share(Sequence from, Sequence to, std::int32_t tokens) {
  const auto& source = rows_[static_cast<std::size_t>(from)];
  auto& row = rows_[static_cast<std::size_t>(to)];
  row.assign(source.begin(), source.begin() + tokens);
  for (const std::int32_t cell : row) ++shared_[static_cast<std::size_t>(cell)];
}

}  // namespace acloud::inference
