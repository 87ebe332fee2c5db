#include "kernel/grant.h"

namespace acloud::kernel {

bool matches(std::string_view pattern, std::string_view text) {
  // Greedy with one point to go back to: linear in practice, at most pattern * text steps.
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = std::string_view::npos;
  std::size_t resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

namespace {

bool any_matches(const std::vector<std::string>& patterns, std::string_view text) {
  return std::ranges::any_of(patterns, [text](const std::string& p) { return matches(p, text); });
}

}  // namespace

Result<> check_grants(const Caller& caller, std::string_view operation, std::string_view resource, Time now) {
  for (const Grant& grant : caller.grants) {
    if (grant.expires && now >= *grant.expires) {
      return fail(ErrorCode::unauthenticated, "the key {} expired at {}; ask for a new one", caller.key,
                  to_rfc3339(*grant.expires));
    }
    if (!grant.operations.empty() && !any_matches(grant.operations, operation)) {
      return fail(ErrorCode::permission_denied, "the key {} is not granted {}; it is granted {}", caller.key,
                  operation, fmt::join(grant.operations, ", "));
    }
    if (!grant.resources.empty() && !any_matches(grant.resources, resource)) {
      return fail(ErrorCode::permission_denied, "the key {} is not granted {}; it is granted {}", caller.key,
                  resource.empty() ? "operations that name no resource" : resource,
                  fmt::join(grant.resources, ", "));
    }
  }
  return {};
}

bool may_allow(const Caller& caller, std::string_view operation, Time now) {
  return std::ranges::all_of(caller.grants, [operation, now](const Grant& grant) {
    return (!grant.expires || now < *grant.expires) &&
           (grant.operations.empty() || any_matches(grant.operations, operation));
  });
}

}  // namespace acloud::kernel
