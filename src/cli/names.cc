#include "cli/names.h"

#include <fmt/ranges.h>

namespace acloud::cli {
namespace {

std::string replaced(std::string_view text, char from, char to) {
  std::string result(text);
  std::ranges::replace(result, from, to);
  return result;
}

// Damerau-Levenshtein distance, neighbours swapped counting as one (optimal string alignment).
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> cost(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) cost[i][0] = i;
  for (std::size_t j = 0; j <= b.size(); ++j) cost[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = cost[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      cost[i][j] = std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1, change});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
    }
  }
  return cost[a.size()][b.size()];
}

constexpr std::size_t kLongestName = 100;
constexpr std::size_t kFew = 12;

}  // namespace

std::string canonical(std::string_view typed) { return replaced(typed, '-', '_'); }
std::string shown(std::string_view name) { return replaced(name, '_', '-'); }

std::string nearest(std::string_view typed, const std::vector<std::string>& candidates) {
  if (typed.empty() || typed.size() > kLongestName) return "";
  std::string best;
  std::size_t best_distance = std::max<std::size_t>(1, typed.size() / 3) + 1;
  for (const std::string& candidate : candidates) {
    // "list" for "list-buckets" is no slip, yet surely meant.
    const bool begun = typed.size() >= 3 && candidate.starts_with(typed);
    const std::size_t d = begun ? 1 : distance(canonical(typed), canonical(candidate));
    if (d < best_distance) {
      best = candidate;
      best_distance = d;
    }
  }
  return best;
}

std::string suggestion(std::string_view typed, const std::vector<std::string>& candidates) {
  if (const std::string near = nearest(typed, candidates); !near.empty()) {
    return fmt::format("; did you mean \"{}\"?", near);
  }
  if (candidates.empty() || candidates.size() > kFew) return "";
  return fmt::format("; there {} {}", candidates.size() == 1 ? "is" : "are", fmt::join(candidates, ", "));
}

}  // namespace acloud::cli
