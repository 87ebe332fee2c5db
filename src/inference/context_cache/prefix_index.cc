#include "inference/context_cache/prefix_index.h"

#include <algorithm>

namespace acloud::inference {
namespace {

std::size_t in_common(std::span<const Token> a, std::span<const Token> b) {
  return static_cast<std::size_t>(std::ranges::mismatch(a, b).in1 - a.begin());
}

}  // namespace

bool PrefixIndex::Order::operator()(std::span<const Token> a, std::span<const Token> b) const {
  return std::ranges::lexicographical_compare(a, b);
}

bool PrefixIndex::add(Id id, const std::string& model, std::vector<Token> tokens, std::int64_t bytes) {
  const auto rows = models_.try_emplace(model).first;
  const auto [row, added] = rows->second.try_emplace(std::move(tokens), id);
  if (!added) return false;
  entries_[id] = {.rows = rows, .row = row, .bytes = bytes, .used = ++uses_};
  by_use_[uses_] = id;
  bytes_ += bytes;
  return true;
}

void PrefixIndex::remove(Id id) {
  const auto found = entries_.find(id);
  if (found == entries_.end()) return;
  const Entry entry = found->second;
  entries_.erase(found);
  by_use_.erase(entry.used);
  bytes_ -= entry.bytes;
  entry.rows->second.erase(entry.row);
  if (entry.rows->second.empty()) models_.erase(entry.rows);
}

void PrefixIndex::used(Id id) {
  const auto found = entries_.find(id);
  if (found == entries_.end()) return;
  by_use_.erase(found->second.used);
  found->second.used = ++uses_;
  by_use_[uses_] = id;
}

std::optional<PrefixIndex::Match> PrefixIndex::longest(const std::string& model,
                                                       std::span<const Token> prompt) const {
  const auto rows = models_.find(model);
  if (rows == models_.end()) return std::nullopt;
  std::optional<Match> best;
  const auto consider = [&](Rows::const_iterator row) {
    const std::size_t tokens = in_common(row->first, prompt);
    if (tokens == 0 || (best && static_cast<std::size_t>(best->tokens) >= tokens)) return;
    best = {.id = row->second,
            .tokens = static_cast<std::int32_t>(tokens),
            .whole = static_cast<std::int32_t>(row->first.size()),
            .bytes = entries_.at(row->second).bytes};
  };
  const auto after = rows->second.lower_bound(prompt);
  if (after != rows->second.end()) consider(after);
  if (after != rows->second.begin()) consider(std::prev(after));
  return best;
}

std::vector<PrefixIndex::Id> PrefixIndex::beginnings(const std::string& model,
                                                     std::span<const Token> tokens) const {
  std::vector<Id> found;
  const auto rows = models_.find(model);
  if (rows == models_.end()) return found;
  // The row before has in common with `tokens` what any beginning among the rows before it has at most.
  for (auto row = rows->second.lower_bound(tokens); row != rows->second.begin();) {
    --row;
    const std::size_t common = in_common(row->first, tokens);
    if (common == row->first.size()) {
      found.push_back(row->second);
    } else if (common == 0) {
      break;
    } else {
      row = rows->second.upper_bound(tokens.first(common));
    }
  }
  return found;
}

std::optional<PrefixIndex::Id> PrefixIndex::oldest() const {
  if (by_use_.empty()) return std::nullopt;
  return by_use_.begin()->second;
}

std::vector<PrefixIndex::Id> PrefixIndex::of(const std::string& model) const {
  std::vector<Id> ids;
  if (const auto rows = models_.find(model); rows != models_.end()) {
    for (const auto& [row, id] : rows->second) ids.push_back(id);
  }
  return ids;
}

std::vector<std::string> PrefixIndex::models() const {
  std::vector<std::string> names;
  for (const auto& [name, rows] : models_) names.push_back(name);
  return names;
}

}  // namespace acloud::inference
