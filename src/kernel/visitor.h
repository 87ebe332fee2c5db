// Callers without a key: strangers, who may do what is declared keyless and nothing else.
#pragma once

#include "kernel/grant.h"

namespace acloud::kernel {

inline constexpr std::string_view kAddress = "address/";

// Somebody at `address`, such as "203.0.113.7". Its workspace is its own alone, and has nothing in it.
inline Caller visitor(std::string_view address) {
  const std::string name = std::string(kAddress).append(address);
  return {.workspace = name, .principal = name, .key = "", .grants = {}};
}

// No key has an empty id, and no workspace that there is has such a name.
inline bool is_visitor(const Caller& caller) {
  return caller.key.empty() && caller.workspace.starts_with(kAddress);
}

}  // namespace acloud::kernel
